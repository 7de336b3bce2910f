"""The content of a keyed table: one hash for equal rows however they are laid out, and cuts that its keys decide."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.core.errors import SourceTableError
from brain.core.source_table import KeyKind, SourceTable
from brain.lake.keyed import KeyedContent, content_of, ordered

OWNER = SourceTable(use_case="any", space="any", name="T", table="T", key=("k", "n"), kind=KeyKind.NAMES)
SCHEMA = pa.schema(
    [
        ("k", pa.large_string()),
        ("n", pa.int64()),
        ("x", pa.float64()),
        ("b", pa.bool_()),
        ("d", pa.date32()),
        ("t", pa.timestamp("us")),
        ("s", pa.large_string()),
    ]
)
times = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))  # noqa: DTZ001
values = st.fixed_dictionaries(
    {
        "k": st.text(max_size=5),
        "n": st.integers(-(2**63), 2**63 - 1),
        "x": st.none() | st.floats(),
        "b": st.none() | st.booleans(),
        "d": st.none() | st.dates(),
        "t": st.none() | times,
        "s": st.none() | st.text(max_size=9),
    }
)
rows = st.lists(values, min_size=1, max_size=30, unique_by=lambda row: (row["k"], row["n"]))


def table(given_rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(given_rows, SCHEMA)


@settings(deadline=None, max_examples=80)
@given(rows=rows, data=st.data())
def test_order_chunks_and_columns_do_not_matter(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    expected = content_of(ordered(OWNER, table(rows)))
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    parts = pa.concat_tables([table(shuffled[:cut]), table(shuffled[cut:])])
    names = data.draw(st.permutations(SCHEMA.names))
    assert content_of(ordered(OWNER, parts.select(names))) == expected
    whole = ordered(OWNER, table(rows))
    chunked = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    assert content_of(chunked) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"k": "b"},
        {"n": 2},
        {"x": 0.5},
        {"x": None},
        {"b": None},
        {"b": False},
        {"d": dt.date(2024, 1, 2)},
        {"t": dt.datetime(2024, 1, 1, 0, 0, 0, 1)},  # noqa: DTZ001
        {"s": None},
        {"s": "z"},
    ],
    ids=str,
)
def test_another_value_is_another_hash(change: dict[str, Any]) -> None:
    row = {"k": "a", "n": 1, "x": 0.0, "b": True, "d": dt.date(2024, 1, 1), "t": dt.datetime(2024, 1, 1), "s": ""}  # noqa: DTZ001
    assert content_of(table([row])) != content_of(table([{**row, **change}]))


def test_a_letter_that_moves_to_the_next_row_is_another_hash() -> None:
    one, two = ([{"k": "a", "n": n, "s": s} for n, s in enumerate(texts)] for texts in (("xy", "z"), ("x", "yz")))
    assert content_of(table(one)) != content_of(table(two))


def test_another_name_or_type_is_another_hash() -> None:
    whole = pa.table({"k": pa.array([1, 2], pa.int64())})
    assert content_of(whole) != content_of(whole.rename_columns(["q"]))
    assert content_of(whole) != content_of(pa.table({"k": pa.array([1, 2]).view(pa.timestamp("us"))}))


def test_every_bit_pattern_of_nan_and_zero_counts_the_same() -> None:
    odd = np.array([-0.0, np.nan, -np.nan])
    odd.view(np.uint64)[1] |= 5
    plain = [{"k": "a", "n": n, "x": x} for n, x in enumerate((0.0, np.nan, np.nan))]
    spoiled = table(plain).set_column(2, "x", pa.array(odd))
    assert content_of(ordered(OWNER, spoiled)) == content_of(ordered(OWNER, table(plain)))


def test_duplicate_keys_are_found_wherever_they_stand() -> None:
    twice = [{"k": "a", "n": 1}, {"k": "b", "n": 1}, {"k": "a", "n": 2}, {"k": "b", "n": 1}]
    with pytest.raises(SourceTableError, match=r"1 rows whose key another row has, the first k = 'b', n = 1,"):
        ordered(OWNER, table(twice))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2999), st.integers(1, 5))
def test_rows_that_go_change_few_segments(start: int, count: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brain.lake.keyed.CUT_ROWS", 100)
        patch.setattr("brain.lake.keyed.MIN_ROWS", 25)
        patch.setattr("brain.lake.keyed.MAX_ROWS", 400)
        whole = ordered(OWNER, table([{"k": f"{number:05d}", "n": number} for number in range(3000)]))
        left = pa.concat_tables([whole.slice(0, start), whole.slice(start + count)])
        before, after = (KeyedContent(("k", "n"), part, dt.date(2024, 1, 1)).parts for part in (whole, left))
    assert len(before) > 10
    assert len(before.keys() - after.keys()) <= 4
    assert sum(part.num_rows for part in after.values()) == left.num_rows
    assert all(part.num_rows <= 400 for part in after.values())
