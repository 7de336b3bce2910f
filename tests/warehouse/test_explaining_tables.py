"""A table whose rows explain those of another shows what explains a row that this run computed, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from brain.warehouse.docs import describe
from brain.warehouse.grid import complete
from brain.warehouse.publish import Publication, TableRows, publish
from brain.warehouse.tables import Column, PublishedTable
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, WEDNESDAY, frame, told

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.core.settings import Settings

NOTES = PublishedTable(
    name="sales_notes",
    meaning="Why a shop is likely to sell that.",
    key=("shop", "day", "place"),
    columns=(
        Column("shop", "text", "The shop's name."),
        Column("day", "integer", "Days ahead."),
        Column("place", "integer", "Where the note stands."),
        Column("note", "text", "Why."),
        Column("as_of", "date", "The last day that was known.", required=True),
        Column("published_at", "timestamptz", "The moment of the run."),
    ),
    value="note",
    unscored="drop",
    of=SALES,
)
SHOWN = "SELECT shop, day, place, note FROM sales_notes ORDER BY 1, 2, 3"


def notes(*rows: tuple[Any, ...], as_of: str = "2024-01-05") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["shop", "day", "place", "note"], dtype=object).assign(as_of=as_of)


def show(settings: Settings, sales: pd.DataFrame, given: pd.DataFrame | None, moment: Moment) -> Publication:
    tables = [TableRows(SALES, complete(SALES, sales, None)), TableRows(NOTES, complete(NOTES, given, None))]
    return publish(settings.warehouse_url, "shops", tables, [], moment)


BOTH = frame(("Bern", 1, 5, 2.0), ("Thun", 1, 7, 2.0))


def test_rows_that_explain_come_and_go_with_what_they_explain(settings: Settings) -> None:
    done = show(settings, BOTH, notes(("Bern", 1, 1, "a"), ("Bern", 1, 2, "b"), ("Thun", 1, 1, "c")), MONDAY)
    assert done.tables["sales_notes"].fresh == 3
    assert (done.fresh, done.stale, done.departed) == (2, 0, 0), "what explains a number is none"
    assert told(settings, SHOWN) == [("Bern", 1, 1, "a"), ("Bern", 1, 2, "b"), ("Thun", 1, 1, "c")]
    show(settings, frame(("Bern", 1, 6, 2.0)), notes(("Bern", 1, 1, "d")), TUESDAY)
    assert told(settings, SHOWN) == [("Bern", 1, 1, "d")]


def test_a_row_that_was_kept_is_not_explained(settings: Settings) -> None:
    given = notes(("Bern", 1, 1, "a"), ("Thun", 1, 1, "c"))
    show(settings, BOTH, given, MONDAY)
    show(settings, frame(("Bern", 1, None, None), ("Thun", 1, 7, 2.0)), given, TUESDAY)
    assert told(settings, "SELECT pieces, stale FROM sales WHERE shop = 'Bern'") == [(5, True)]
    assert told(settings, SHOWN) == [("Thun", 1, 1, "c")]


def test_what_was_computed_of_an_older_day_than_is_shown_is_not_explained(settings: Settings) -> None:
    given = notes(("Bern", 1, 1, "a"), ("Thun", 1, 1, "c"))
    show(settings, BOTH, given, MONDAY)
    older = BOTH.assign(as_of="2024-01-04")
    show(settings, older, given.assign(as_of="2024-01-04"), MONDAY)
    assert told(settings, SHOWN) == []
    assert told(settings, "SELECT DISTINCT stale, as_of::text FROM sales") == [(True, "2024-01-05")]


def test_a_run_that_explains_nothing_leaves_it_empty(settings: Settings) -> None:
    show(settings, BOTH, notes(("Bern", 1, 1, "a")), MONDAY)
    show(settings, BOTH, None, TUESDAY)
    assert told(settings, SHOWN) == []


def test_a_rerun_gives_the_same_rows_and_an_older_run_changes_nothing(settings: Settings) -> None:
    given = notes(("Bern", 1, 1, "a"), ("Thun", 1, 1, "c"))
    show(settings, BOTH, given, TUESDAY)
    before = told(settings, "SELECT n::text FROM sales_notes n ORDER BY 1")
    show(settings, BOTH, given, TUESDAY)
    show(settings, BOTH, notes(("Bern", 1, 1, "older")), MONDAY)
    assert told(settings, "SELECT n::text FROM sales_notes n ORDER BY 1") == before
    show(settings, BOTH, given, WEDNESDAY)
    assert told(settings, SHOWN) == [("Bern", 1, 1, "a"), ("Thun", 1, 1, "c")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": ("shop", "place")}, "does not begin with that of sales"),
        ({"columns": tuple(column for column in NOTES.columns if column.name != "as_of")}, "lacks as_of"),
    ],
)
def test_a_table_that_cannot_explain_another_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(NOTES, **changes)


def test_it_cannot_keep_rows() -> None:
    kept = (*NOTES.columns, Column("stale", "boolean", "Kept."), Column("reason", "text", "Why."))
    with pytest.raises(ValueError, match="cannot keep rows that sales may not have"):
        replace(NOTES, columns=kept, unscored="keep")


def test_its_page_says_so() -> None:
    assert "A row of `sales` that the newest run did not compute has none here." in describe(NOTES)
    assert "has none here" not in describe(SALES)
