"""The content hash says whether two snapshots hold the same rows, whatever files they lie in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.lake.content import block_starts, chain_at, chain_start, extend_chain
from brain.lake.rows import Rows


def some_rows(count: int = 400) -> Rows:
    random = np.random.default_rng(3)
    dates = (
        np.arange("2019-11-20", count, dtype="datetime64[D]")
        if count == 0
        else (np.datetime64("2019-11-20") + np.cumsum(random.integers(1, 5, count)).astype("timedelta64[D]"))
    )
    return Rows(dates, ("b", "a"), random.normal(size=(2, count)))


def content(rows: Rows) -> str:
    return extend_chain(chain_start(rows), rows)


def test_blocks_are_calendar_quarters() -> None:
    dates = np.array(["2019-12-31", "2020-01-01", "2020-03-31", "2020-04-01", "2021-04-01"], "datetime64[D]")
    assert block_starts(dates) == [0, 1, 3, 4]


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_appending_at_a_block_gives_the_hash_of_the_whole(data: st.DataObject) -> None:
    rows = some_rows()
    cut = data.draw(st.sampled_from(block_starts(rows.keys)))
    before = chain_at(chain_start(rows), rows, [cut])[0] if cut else chain_start(rows)
    assert extend_chain(before, rows.part(cut)) == content(rows)


def test_the_order_of_columns_does_not_matter() -> None:
    rows = some_rows()
    assert content(Rows(rows.keys, ("a", "b"), rows.values[::-1])) == content(rows)


def test_every_bit_pattern_of_nan_and_zero_counts_the_same() -> None:
    rows = some_rows(3)
    plain, odd = rows.values.copy(), rows.values.copy()
    plain[0], odd[0] = [np.nan, 0.0, np.nan], [-np.nan, -0.0, np.float64(np.nan)]
    odd.view(np.uint64)[0, 2] |= 5
    assert content(Rows(rows.keys, rows.columns, odd)) == content(Rows(rows.keys, rows.columns, plain))


@pytest.mark.parametrize("what", ["cell", "date", "name", "row"])
def test_anything_else_changes_it(what: str) -> None:
    rows = some_rows()
    values, dates = rows.values.copy(), rows.keys.copy()
    values[1, 200] = np.nextafter(values[1, 200], 9)
    dates[-1] += np.timedelta64(1, "D")
    changed = {
        "cell": Rows(rows.keys, rows.columns, values),
        "date": Rows(dates, rows.columns, rows.values),
        "name": Rows(rows.keys, ("b", "c"), rows.values),
        "row": rows.part(0, 399),
    }
    assert content(changed[what]) != content(rows)


def test_no_rows_leave_the_chain_as_it_is() -> None:
    assert content(Rows.empty(("a",))) == chain_start(Rows.empty(("a",)))
