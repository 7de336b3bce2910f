"""Every expected row once, and no other: checked in one place, for every published table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from brain.core.errors import PublishError
from brain.warehouse.grid import complete
from brain.warehouse.tables import Column, PublishedTable

SALES = PublishedTable(
    name="sales",
    meaning="What a shop is likely to sell.",
    key=("shop", "day"),
    columns=(
        Column("shop", "text", "The shop."),
        Column("day", "integer", "Days ahead."),
        Column("pieces", "bigint", "Pieces that are likely to be sold.", low=0),
        Column("note", "text", "What a person should know."),
        Column("stale", "boolean", "Kept from an earlier run."),
        Column("reason", "text", "Why it could not be computed."),
        Column("published_at", "timestamptz", "The moment of the run."),
    ),
    value="pieces",
)
EXPECTED = pd.DataFrame([("Bern", 1), ("Bern", 2), ("Thun", 1)], columns=["shop", "day"])


def scored(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["shop", "day", "pieces"], dtype=object)


def test_rows_that_were_not_scored_are_filled_in_with_the_reason() -> None:
    grid = complete(SALES, scored(("Thun", 1, 9_007_199_254_740_993), ("Bern", 1, None)), EXPECTED)
    assert grid[["shop", "day"]].values.tolist() == EXPECTED.values.tolist()
    assert grid["pieces"].tolist()[2:] == [9_007_199_254_740_993]
    assert grid["reason"].isna().tolist() == [True, False, True]
    assert grid["reason"][1] == "its chunk was not scored in this run"
    assert list(grid.columns) == ["shop", "day", "pieces", "note", "reason"]


def test_where_nothing_was_scored_every_expected_row_says_so() -> None:
    grid = complete(SALES, None, EXPECTED)
    assert grid["pieces"].isna().all()
    assert set(grid["reason"]) == {"its chunk was not scored in this run"}
    assert grid[["shop", "day"]].values.tolist() == EXPECTED.values.tolist()


def test_a_chunk_may_have_scored_no_row() -> None:
    assert len(complete(SALES, scored(), EXPECTED)) == 3
    assert complete(SALES, scored(), None).empty


def test_without_expectations_what_was_scored_is_published() -> None:
    assert complete(SALES, scored(("Basel", 7, 3)), None)["shop"].tolist() == ["Basel"]


def test_without_expectations_a_run_that_scored_nothing_would_empty_the_table_and_is_refused() -> None:
    with pytest.raises(PublishError, match="sales: found no scored chunk"):
        complete(SALES, None, None)


@pytest.mark.parametrize("expected", [EXPECTED, None])
def test_a_row_that_is_there_twice_is_refused_by_name(expected: pd.DataFrame | None) -> None:
    with pytest.raises(PublishError, match="sales: found 1 keys with several rows: Bern 2; expected one row a key"):
        complete(SALES, scored(("Bern", 2, 1), ("Bern", 1, 1), ("Bern", 2, 3)), expected)


def test_a_row_that_is_not_expected_is_refused_by_name() -> None:
    with pytest.raises(PublishError, match="2 rows that are not expected: Bern 3, Chur 1; expected no other than"):
        complete(SALES, scored(("Chur", 1, 1), ("Bern", 1, 1), ("Bern", 3, 1)), EXPECTED)


def test_many_strange_rows_are_counted_and_the_first_named() -> None:
    with pytest.raises(PublishError, match=r"7 rows .*: Chur 1, Chur 2, Chur 3, Chur 4, Chur 5 and 2 more"):
        complete(SALES, scored(*(("Chur", day, 1) for day in range(1, 8))), EXPECTED)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (scored(("Bern", 1, 1)).assign(colour="red"), "undeclared or missing columns: colour"),
        (scored(("Bern", 1, 1)).drop(columns="day"), "undeclared or missing columns: day"),
        (scored(("Bern", 1, 0.5)), "values of pieces that are not whole numbers"),
        (scored(("Bern", 1, "many")), "values of pieces that are not whole numbers"),
        (scored((None, 1, 1)), "rows without shop"),
    ],
)
def test_rows_that_do_not_fit_the_declaration_are_refused(wrong: pd.DataFrame, named: str) -> None:
    with pytest.raises(PublishError, match=named):
        complete(SALES, wrong, EXPECTED)
