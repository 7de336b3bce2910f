"""Alignment agrees with pandas to the last bit, aggregates with pandas to rounding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.extract.asof import aggregate, asof_positions, take_known

days = st.lists(st.integers(0, 60), min_size=0, max_size=40).map(sorted)


@settings(deadline=None, max_examples=150)
@given(left=days, known=days, max_age=st.none() | st.integers(0, 20))
def test_it_picks_what_merge_asof_picks(left: list[int], known: list[int], max_age: int | None) -> None:
    unit = "datetime64[us]"
    left_times = np.array(left, "datetime64[D]").astype(unit)
    known_times = np.array(known, "datetime64[D]").astype(unit)
    values = np.arange(2.0 * len(known)).reshape(2, len(known))
    if len(known):
        values[0, ::3] = np.nan
    expected = pd.merge_asof(
        pd.DataFrame({"t": left_times}),
        pd.DataFrame({"t": known_times, "a": values[0], "b": values[1]}),
        on="t",
        tolerance=None if max_age is None else pd.Timedelta(days=max_age),
    )
    age = None if max_age is None else np.timedelta64(max_age, "D")
    found = take_known(values, asof_positions(left_times, known_times, age))
    np.testing.assert_array_equal(found, expected[["a", "b"]].to_numpy().T.astype(np.float64))


windows = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=15)
cells = st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=0, max_size=30)


@settings(deadline=None, max_examples=150)
@given(values=cells, spans=windows)
def test_aggregates_are_those_of_pandas(values: list[float], spans: list[tuple[int, int]]) -> None:
    column = np.array(values, dtype=np.float64)
    starts = np.minimum([start for start, _ in spans], len(column))
    stops = np.minimum([start + length for start, length in spans], len(column))
    found = aggregate(column, starts, stops, ("min", "mean", "max", "count", "stddev"))
    series = [pd.Series(column[start:stop]) for start, stop in zip(starts, stops, strict=True)]
    expected = np.array([[s.min(), s.mean(), s.max(), s.count(), s.std()] for s in series], dtype=np.float64).T
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)


def test_the_deviation_of_a_large_price_keeps_its_digits() -> None:
    column = 1e9 + np.array([1.0, 2.0, 3.0, 4.0])
    (found,) = aggregate(column, np.array([0]), np.array([4]), ("stddev",))
    assert found[0] == pytest.approx(np.std([1, 2, 3, 4], ddof=1), rel=1e-12)
