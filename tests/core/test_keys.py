from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from brain.core.keys import TARGET_PATTERN, Interval, ModelKey, probability_column, target_name

NOON = datetime(2024, 5, 3, 12, tzinfo=UTC)


def test_names_belong_together() -> None:
    assert (target_name(25), probability_column(25)) == ("RETURNS25", "25_Day_Probability")


@pytest.mark.parametrize(
    ("name", "horizon"), [("RETURNS1", 1), ("RETURNS161", 161), ("RETURNS0", None), ("RETURNS05", None)]
)
def test_target_names_are_recognised(name: str, horizon: int | None) -> None:
    match = TARGET_PATTERN.fullmatch(name)
    assert (int(match[1]) if match else None) == horizon


@pytest.mark.parametrize("name", ["returns5", "RETURNS", "RETURNS5X", "XRETURNS5", "RETURNS-5", "RETURNS5\n", ""])
def test_other_names_are_not_targets(name: str) -> None:
    assert TARGET_PATTERN.fullmatch(name) is None


@pytest.mark.parametrize("horizon", [1, 25, 161])
def test_a_key_knows_its_horizon(horizon: int) -> None:
    key = ModelKey.direction("GOLD", horizon)
    assert (key.use_case, key.entity, key.horizon) == ("direction", "GOLD", horizon)
    assert str(key) == f"direction/GOLD/RETURNS{horizon}"


def test_a_key_of_another_kind_has_no_horizon() -> None:
    with pytest.raises(ValueError, match="'volume' is not of the form RETURNSn"):
        _ = ModelKey("forecast", "GOLD", "volume").horizon


def test_keys_sort_and_serve_as_keys() -> None:
    gold, silver = ModelKey.direction("GOLD", 5), ModelKey.direction("SILVER", 5)
    assert sorted([silver, gold]) == [gold, silver]
    assert {gold: 1}[ModelKey("direction", "GOLD", "RETURNS5")] == 1


@pytest.mark.parametrize(
    ("end", "last_day"),
    [
        (NOON, date(2024, 5, 3)),
        (datetime(2024, 5, 3, tzinfo=UTC), date(2024, 5, 3)),
        (datetime(2024, 5, 3, 1, tzinfo=timezone(timedelta(hours=2))), date(2024, 5, 2)),
        (datetime(2024, 5, 3, 23, tzinfo=timezone(timedelta(hours=-5))), date(2024, 5, 4)),
    ],
)
def test_the_last_day_is_counted_in_utc(end: datetime, last_day: date) -> None:
    assert Interval.until(end).last_day == last_day


def test_equal_intervals_have_equal_names() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    assert Interval.until(NOON) == Interval.until(elsewhere)
    assert Interval.until(NOON).slug == Interval.until(elsewhere).slug == "20240503T120000Z"


@pytest.mark.parametrize(("start", "end"), [(NOON.replace(tzinfo=None), NOON), (NOON, NOON.replace(tzinfo=None))])
def test_an_interval_needs_time_zones(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        Interval(start, end)


def test_an_interval_does_not_run_backward() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        Interval(NOON, NOON - timedelta(seconds=1))
