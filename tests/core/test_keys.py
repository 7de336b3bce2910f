from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from brain.core.keys import ModelKey
from brain.core.moment import Moment
from brain.usecases.direction.names import TARGET_PATTERN, horizon_of, model_key, probability_column, target_name

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
    key = model_key("GOLD", horizon)
    assert (key.use_case, key.entity, horizon_of(key.target)) == ("direction", "GOLD", horizon)
    assert str(key) == f"direction/GOLD/RETURNS{horizon}"


def test_another_target_has_no_horizon() -> None:
    with pytest.raises(ValueError, match="'volume' is not of the form RETURNSn"):
        horizon_of("volume")


def test_keys_sort_and_serve_as_keys() -> None:
    gold, silver = model_key("GOLD", 5), model_key("SILVER", 5)
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
    assert Moment(end).day == last_day


def test_equal_moments_have_equal_names() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    assert Moment(NOON) == Moment(elsewhere)
    assert Moment(NOON).slug == Moment(elsewhere).slug == "20240503T120000Z"


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        Moment(NOON.replace(tzinfo=None))
