"""What counts as appended, completed, corrected, deleted and late."""

from __future__ import annotations

import numpy as np
import pandas as pd

from brain.extract import changes as changes_of
from brain.extract.changes import Changes
from brain.lake.rows import Rows
from brain.usecases.direction.inputs import rows_ahead
from tests.extract.conftest import HORIZONS, asset_frame, rows_of


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
