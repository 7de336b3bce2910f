"""The facts that rules are stated on, against values worked out by hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import median_abs_deviation

from brain.usecases.direction.asset_facts import calendar_mask, flat_runs, gaps, jumps, row_facts, stale_days


def days(start: str, count: int, freq: str = "B") -> np.ndarray:
    return pd.date_range(start, periods=count, freq=freq).to_numpy().astype("datetime64[D]")


def test_the_calendar_is_the_assets_own() -> None:
    assert calendar_mask(days("2020-01-01", 50)) == "1111100"
    assert calendar_mask(days("2020-01-01", 50, "D")) == "1111111"
    assert calendar_mask(days("2020-01-05", 50, "W-SUN")) == "0000001"


def test_a_few_rows_do_not_make_a_calendar() -> None:
    assert calendar_mask(days("2020-01-01", 3, "D")) == "1111100"


def test_a_weekend_is_no_gap_and_a_missing_week_is() -> None:
    dates = np.delete(days("2020-01-01", 60), range(20, 25))
    found = gaps(dates)
    assert np.isnan(found[0])
    assert found[20] == 5
    assert np.nansum(found) == 5


def test_weekends_count_where_they_are_traded() -> None:
    dates = np.delete(days("2020-01-01", 60, "D"), [30, 31])
    assert gaps(dates)[30] == 2


@pytest.mark.parametrize(
    ("day", "stale"),
    [("2020-01-10", 0), ("2020-01-11", 0), ("2020-01-12", 0), ("2020-01-13", 0), ("2020-01-14", 1), ("2020-01-20", 5)],
)
def test_stale_days_leave_out_weekends_and_today(day: str, stale: int) -> None:
    dates = days("2019-11-01", 51)
    assert dates[-1] == np.datetime64("2020-01-10")
    assert stale_days(dates, dt.date.fromisoformat(day)) == stale


def test_a_run_counts_the_rows_since_the_last_move() -> None:
    assert flat_runs(np.array([5.0, 5, 6, 6, 6, 7])).tolist() == [0, 1, 0, 1, 2, 0]


def test_jumps_are_measured_in_robust_deviations() -> None:
    returns = np.random.default_rng(0).normal(0, 0.01, 300)
    returns[40] = 1.0
    spread = median_abs_deviation(returns[1:], scale="normal")
    found = jumps(np.exp(np.cumsum(returns)))
    assert found[40] == pytest.approx((1.0 - np.median(returns[1:])) / spread, rel=1e-4)
    assert np.isnan(found[0])


def test_days_without_a_move_do_not_make_every_move_a_jump() -> None:
    moves = np.random.default_rng(0).normal(0, 0.01, 100)
    assert np.nanmax(jumps(np.repeat(np.exp(np.cumsum(moves)), 5))) < 5


def test_prices_that_always_move_alike_have_no_jumps() -> None:
    assert np.isnan(jumps(np.exp(0.01 * np.arange(100)))).all()


def test_a_table_of_closes_has_no_ranges() -> None:
    frame = pd.DataFrame({"Date": days("2020-01-01", 3).astype("datetime64[us]"), "Close": [1.0, 2.0, 3.0]})
    facts = row_facts(frame)
    assert facts[["high_minus_low", "outside_range"]].isna().all(axis=None)
    assert facts["lowest_price"].tolist() == [1, 2, 3]
