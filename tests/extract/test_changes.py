"""What counts as appended, completed, corrected, deleted and late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import SourceTableError
from brain.core.moment import Moment
from brain.core.table_settings import ExtractionSettings
from brain.extract import changes as changes_of
from brain.extract.changes import Changes, growth
from brain.extract.incremental import refuse_loss
from brain.extract.plan import check_is_due, same_columns
from brain.lake.columns import Column
from brain.lake.rows import Rows
from brain.usecases.direction.inputs import asset_table, rows_ahead
from tests.extract.conftest import HORIZONS, asset_frame, rows_of, spec
from tests.lake.test_manifest import MANIFEST


def compare(old: Rows, new: Rows) -> Changes:
    return changes_of.compare(old, new, rows_ahead)


def rows(known: int, **values: float) -> Rows:
    frame = asset_frame(known=known)
    for place, value in values.items():
        column, _, row = place.partition("__")
        frame.loc[int(row), column] = value
    return rows_of(frame)


def without(all_rows: Rows, *positions: int) -> Rows:
    kept = np.delete(np.arange(len(all_rows)), positions)
    return Rows(all_rows.keys[kept], all_rows.columns, all_rows.values[:, kept])


def test_equal_rows_have_no_changes() -> None:
    changes = compare(rows(60), rows(60))
    assert (changes.appended, changes.completed, len(changes.revised), changes.columns) == (0, 0, 0, ())


def test_a_day_completes_one_return_per_horizon() -> None:
    changes = compare(rows(60), rows(61))
    assert (changes.appended, changes.completed, len(changes.revised)) == (1, len(HORIZONS), 0)


def test_a_week_completes_no_more_days_than_the_horizon() -> None:
    changes = compare(rows(60), rows(65))
    assert (changes.appended, changes.completed, len(changes.revised)) == (5, 1 + 5 + 5, 0)


def test_a_changed_value_is_a_correction() -> None:
    changes = compare(rows(60), rows(61, Close__30=1.0))
    assert changes.corrected.tolist() == [pd.Timestamp("2020-02-12").date()]
    assert changes.columns == ("Close",)


def test_a_known_return_that_changes_is_a_correction() -> None:
    changes = compare(rows(60), rows(60, RETURNS20__10=1.0))
    assert changes.columns == ("RETURNS20",)


def test_an_empty_value_that_fills_is_a_correction_unless_it_was_a_future_return() -> None:
    changes = compare(rows(60, vola__59=np.nan), rows(60))
    assert (changes.columns, changes.completed) == (("vola",), 0)


def test_rows_that_went_and_came() -> None:
    whole = rows(60)
    assert compare(whole, without(whole, 7, 59)).deleted.tolist() == whole.keys[[7, 59]].tolist()
    assert compare(without(whole, 7), whole).late.tolist() == whole.keys[[7]].tolist()


def test_columns_of_one_side_only_are_not_compared() -> None:
    whole = rows(60)
    changes = compare(whole, Rows(whole.keys, ("Close", "new"), np.vstack([whole.values[3], whole.values[0]])))
    assert len(changes.revised) == 0


def test_everything_is_new_at_first() -> None:
    changes = compare(Rows.empty(("a",)), rows_of(asset_frame(known=5)))
    assert (changes.appended, changes.completed, len(changes.revised)) == (5, 0, 0)


def test_a_return_that_fills_when_its_row_was_already_there_is_a_correction() -> None:
    """Of 60 rows, the return over 20 of the 40th is known with the 60th, that of the 41st with the next."""
    assert compare(rows(60, RETURNS20__39=np.nan), rows(60)).columns == ("RETURNS20",)
    changes = compare(rows(60), rows(61))
    assert (changes.columns, changes.completed) == ((), 3)


def test_a_known_return_that_goes_is_a_correction() -> None:
    assert compare(rows(60), rows(60, RETURNS20__10=np.nan)).columns == ("RETURNS20",)


def test_rows_read_again_grow_by_what_is_behind_them_and_by_what_became_known() -> None:
    found = growth(rows(60), rows(65))
    assert (found.appended, found.completed) == (5, 1 + 5 + 5)
    assert len(found.revised) == 0
    assert (growth(rows(60), rows(60)).appended, growth(rows(60), rows(60)).completed) == (0, 0)


def test_every_kind_of_revision_is_one() -> None:
    whole = rows(60)
    changes = compare(without(whole, 7), without(rows(60, Close__30=1.0), 50))
    assert changes.revised.tolist() == whole.keys[[7, 30, 50]].tolist()
    assert changes.appended == 0


@pytest.mark.parametrize(("known", "allowed"), [(0, 9), (5, 1), (1000, 10)])
def test_one_row_or_one_in_a_hundred_may_go(known: int, allowed: int) -> None:
    table = replace(asset_table(spec()), extraction=ExtractionSettings(max_loss=0.01))
    refuse_loss(table, allowed, known)
    if known:
        with pytest.raises(SourceTableError, match=f"found {allowed + 1} of {known} known rows gone"):
            refuse_loss(table, allowed + 1, known)


@pytest.mark.parametrize(
    ("days", "checked", "due"),
    [(7, 8, True), (7, 7, True), (7, 6, False), (7, 0, False), (7, -1, True), (None, 900, False)],
)
def test_a_full_check_is_due_after_so_many_days_and_when_the_last_was_of_the_future(
    days: int | None, checked: int, due: bool
) -> None:
    table = replace(asset_table(spec()), extraction=ExtractionSettings(full_check_days=days))
    moment = Moment(datetime(2020, 6, 30, 6, tzinfo=UTC))
    manifest = replace(MANIFEST, checked_in_full=moment.day - timedelta(days=checked))
    assert check_is_due(table, moment, manifest) is due


def test_the_same_columns_in_another_order_are_the_same() -> None:
    first, second = Column("Close"), Column("RETURNS5", rows_ahead=5)
    assert same_columns([first, second], [second, first])
    assert not same_columns([first], [first, second])
    assert not same_columns([first, second], [first, Column("RETURNS5", rows_ahead=6)])
