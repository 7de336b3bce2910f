"""The facts that rules are stated on, against values worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import median_abs_deviation

from brain.usecases.direction.asset_facts import (
    calendar_mask,
    column_facts,
    days_overdue,
    flat_runs,
    gaps,
    jumps,
    row_facts,
    table_facts,
)
from brain.usecases.direction.catalogue import AssetSpec


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
    ("day", "overdue"),
    [("2020-01-10", 0), ("2020-01-11", 0), ("2020-01-12", 0), ("2020-01-13", 0), ("2020-01-14", 1), ("2020-01-20", 5)],
)
def test_days_overdue_leave_out_weekends_and_today(day: str, overdue: int) -> None:
    dates = days("2019-11-01", 51)
    assert dates[-1] == np.datetime64("2020-01-10")
    assert days_overdue(dates, dt.date.fromisoformat(day)) == overdue


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


def test_twenty_rows_make_a_calendar_and_nineteen_do_not() -> None:
    assert calendar_mask(days("2020-01-06", 20, "D")) == "1111111"
    assert calendar_mask(days("2020-01-06", 19, "D")) == "1111100"


def test_a_weekday_on_which_half_as_often_is_traded_is_not_of_the_calendar() -> None:
    dates = np.sort(np.concatenate([days("2020-01-06", 50), days("2020-01-11", 5, "W-SAT")]))
    assert calendar_mask(dates) == "1111100"
    assert calendar_mask(np.sort(np.append(dates, days("2020-02-15", 1, "D")))) == "1111110"


def test_one_row_has_no_gap_and_two_have_one() -> None:
    assert np.isnan(gaps(days("2020-01-06", 1))).tolist() == [True]
    assert gaps(np.array(["2020-01-06", "2020-01-08"], "datetime64[D]"))[1] == 1


def test_a_row_of_a_later_day_is_not_stale() -> None:
    assert days_overdue(days("2020-01-06", 30), dt.date(2020, 1, 8)) == 0


def test_twenty_moves_measure_a_jump_and_nineteen_do_not() -> None:
    returns = np.random.default_rng(0).normal(0, 0.01, 21)
    close = np.exp(np.cumsum(returns))
    assert np.isfinite(jumps(close)[1:]).all()
    assert np.isnan(jumps(close[1:])).all()


def test_a_price_that_is_none_is_no_jump_and_neither_hides_the_others() -> None:
    close = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, 60)))
    close[[10, 20, 30]] = np.nan, 0.0, -1.0
    found = jumps(close)
    assert np.flatnonzero(np.isnan(found)).tolist() == [0, 10, 11, 20, 21, 30, 31]
    assert np.nanmax(found) < 5


def prices(**changes: list[float]) -> pd.DataFrame:
    rows = {"Open": [2.0, 2.0], "High": [3.0, 3.0], "Low": [1.0, 1.0], "Close": [2.0, 2.0], **changes}
    return row_facts(pd.DataFrame({"Date": days("2020-01-06", 2).astype("datetime64[us]"), **rows}))


@pytest.mark.parametrize(
    ("changes", "outside"),
    [
        ({}, [-1.0, -1.0]),
        ({"Close": [2.0, 3.5]}, [-1.0, 0.5]),
        ({"Close": [0.25, 2.0]}, [0.75, -1.0]),
        ({"Open": [2.0, 3.25]}, [-1.0, 0.25]),
        ({"Open": [np.nan, 0.5]}, [-1.0, 0.5]),
    ],
)
def test_open_and_close_lie_from_low_to_high(changes: dict[str, list[float]], outside: list[float]) -> None:
    assert prices(**changes)["outside_range"].tolist() == outside


def test_the_lowest_price_is_the_lowest_of_all_four_and_a_missing_close_is_told() -> None:
    facts = prices(Low=[1.0, -0.5], Close=[np.nan, 2.0])
    assert facts["lowest_price"].tolist() == [1.0, -0.5]
    assert facts["no_close"].tolist() == [1.0, 0.0]
    assert prices(High=[0.5, 3.0])["high_minus_low"].tolist() == [-0.5, 2.0]


CLOSES = np.round(100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, 60))), 2)


def table(ahead: int, values: np.ndarray | None = None, **others: np.ndarray) -> pd.DataFrame:
    """60 rows of Close and one target, by default what Close will have gained `ahead` rows later."""
    returns = np.append(CLOSES[ahead:] / CLOSES[: 60 - ahead] - 1, np.full(ahead, np.nan))
    target = returns if values is None else values
    return pd.DataFrame({"Date": days("2020-01-06", 60), "Close": CLOSES, f"RETURNS{ahead}": target, **others})


def facts_of(frame: pd.DataFrame, name: str, *, whole: bool = True, horizons: tuple[int, ...] = (5,)) -> Any:
    spec = AssetSpec(name="GOLD", table="GOLD", horizons=horizons)
    return column_facts(frame, spec, whole=whole).set_index("column").loc[name]


def test_a_target_that_looks_ahead_agrees_with_close() -> None:
    fact = facts_of(table(5), "RETURNS5")
    assert (fact["missing_share"], fact["infinite"], fact["disagreement"]) == (0, 0, 0)
    assert fact["return_error"] == pytest.approx(0, abs=1e-12)
    later = CLOSES[5:] / CLOSES[:55]
    assert fact["minority_beside"] == min((later >= 1).sum(), (later < 1).sum())
    assert np.isnan(fact["minority"])


def test_a_target_that_looks_elsewhere_disagrees_and_is_off_by_its_largest_difference() -> None:
    opposite = -table(5)["RETURNS5"].to_numpy()
    opposite[3] = np.nan
    fact = facts_of(table(5, opposite), "RETURNS5")
    assert fact["disagreement"] == 1
    assert fact["return_error"] == pytest.approx(2 * np.nanmax(np.abs(opposite)))
    assert fact["missing_share"] == pytest.approx(1 / 55)


def test_a_share_of_signs_leaves_out_returns_that_are_nearly_zero() -> None:
    values = table(5)["RETURNS5"].to_numpy().copy()
    values[:10] = 1e-12 * -np.sign(values[:10])
    assert facts_of(table(5, values), "RETURNS5")["disagreement"] == 0
    assert facts_of(table(5, 0 * values), "RETURNS5")["disagreement"] == 0
    values[20] *= -1
    assert facts_of(table(5, values), "RETURNS5")["disagreement"] == pytest.approx(1 / 45)
    values[:10] *= 1500  # 1.5e-9 is a return
    assert facts_of(table(5, values), "RETURNS5")["disagreement"] == pytest.approx(11 / 55)


def test_a_target_that_only_goes_one_way_is_told_of_the_whole_and_not_of_a_part() -> None:
    frame = table(5, np.full(60, 0.01))
    assert facts_of(frame, "RETURNS5")["minority"] == 0
    assert np.isnan(facts_of(frame, "RETURNS5")["minority_beside"])
    assert np.isnan(facts_of(frame, "RETURNS5", whole=False)["minority"])
    assert np.isnan(facts_of(frame, "RETURNS5", whole=False)["minority_beside"])


def test_a_return_of_zero_counts_as_an_up() -> None:
    values = np.full(60, -0.01)
    values[:4] = 0.0
    assert facts_of(table(5, values), "RETURNS5")["minority_beside"] == 4


def test_one_return_the_other_way_is_a_move() -> None:
    values = np.full(60, -0.01)
    values[0] = 0.01
    fact = facts_of(table(5, values), "RETURNS5")
    assert (fact["minority_beside"], np.isnan(fact["minority"])) == (1, True)


def test_facts_are_of_every_column_but_the_date() -> None:
    frame = table(5, momentum=np.ones(60))
    told = column_facts(frame, AssetSpec(name="GOLD", table="GOLD", horizons=(5,)), whole=True)
    assert told["column"].tolist() == ["Close", "RETURNS5", "momentum"]


def test_beside_a_target_that_moves_a_constant_one_costs_its_own_horizon() -> None:
    frame = table(5, RETURNS7=np.full(60, 0.01))
    facts = [facts_of(frame, name, horizons=(5, 7)) for name in ("RETURNS5", "RETURNS7")]
    assert facts[0]["minority_beside"] > 0
    assert facts[1]["minority_beside"] == 0
    assert all(np.isnan(fact["minority"]) for fact in facts)


@pytest.mark.parametrize(("known", "told"), [(19, False), (20, True)])
def test_twenty_rows_make_a_share_and_nineteen_do_not(known: int, told: bool) -> None:
    values = np.full(60, np.nan)
    values[:known] = table(5)["RETURNS5"][:known]
    fact = facts_of(table(5, values), "RETURNS5")
    assert np.isfinite(fact["disagreement"]) == told
    assert np.isnan(fact["minority"])  # too few to tell are not an empty target


def test_an_empty_target_of_a_whole_table_of_twenty_labels_is_constant() -> None:
    empty = np.full(60, np.nan)
    assert facts_of(table(5, empty), "RETURNS5")["minority"] == 0
    assert np.isnan(facts_of(table(5, empty), "RETURNS5", whole=False)["minority"])
    assert facts_of(table(5, empty)[:25], "RETURNS5")["minority"] == 0
    assert np.isnan(facts_of(table(5, empty)[:24], "RETURNS5")["minority"])


def test_cells_that_are_infinite_are_counted_and_the_last_labels_are_not_missing() -> None:
    frame = table(5, momentum=np.array([np.inf, -np.inf, np.nan, *np.ones(57)]))
    fact = facts_of(frame, "momentum")
    assert (fact["infinite"], fact["missing_share"]) == (2, pytest.approx(1 / 60))
    assert np.isnan(fact[["disagreement", "return_error", "minority"]].to_numpy(float)).all()


def test_a_target_of_another_horizon_is_not_compared_and_one_longer_than_the_table_has_no_share() -> None:
    assert np.isnan(facts_of(table(7), "RETURNS7")["disagreement"])
    assert np.isnan(facts_of(table(5, RETURNS90=np.ones(60)), "RETURNS90")["missing_share"])


def test_a_table_says_how_many_rows_there_are_and_how_old_the_newest_is() -> None:
    frame = pd.DataFrame({"Date": days("2020-01-06", 20).astype("datetime64[us]")})
    facts = table_facts(frame, 1000, dt.date(2020, 2, 5))
    assert facts.to_dict("records") == [{"rows": 1000, "days_overdue": 2}]
    assert table_facts(frame[:0], 0, dt.date(2020, 2, 5))["days_overdue"].tolist() == [0]
