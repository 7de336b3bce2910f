"""What refutes live numbers is noted once, told to training, and taken back with the run that found it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from brain.warehouse.alarms import Feed, last_alarms
from brain.warehouse.taking_back import take_back
from tests.warehouse.ledgers import LEDGER, OPENINGS, World, day, judge, moment, rows, say, told

if TYPE_CHECKING:
    from brain.core.settings import Settings

SHOPS = [f"shop {number:02d}" for number in range(40)]
DAYS = 31
WATCHED = "SELECT w::text FROM calibration_watch w ORDER BY 1"


@pytest.fixture
def world() -> World:
    """Every shop takes more on each day than on the day before in 35 % of days."""
    random = np.random.default_rng(4)
    moved = np.where(random.random((len(SHOPS), DAYS)) < 0.35, 1.0, -1.0)
    takings = np.cumsum(moved, axis=1)
    return World(
        {shop: {day(n + 1): float(line[n]) for n in range(DAYS)} for shop, line in zip(SHOPS, takings, strict=True)}
    )


def run_days(settings: Settings, world: World, said: float, days: int, base: float | None = None) -> None:
    for number in range(1, days + 1):
        frame = rows(day(number), {(shop, 1): said for shop in SHOPS}, base=said if base is None else base)
        say(settings, moment(number), frame)
        judge(settings, world, moment(number))


def test_numbers_that_are_too_high_raise_an_alarm_over_all_shops(settings: Settings, world: World) -> None:
    run_days(settings, world, 0.6, 14)
    raised = "SELECT entity, target, kind, evidence >= 20, bets, raised_at, reason FROM model_alarms WHERE entity = ''"
    entity, target, kind, enough, bets, at, reason = told(settings, raised)[0]
    assert (entity, target, kind, enough) == ("", "1", "too high", True)
    assert f"{bets} outcomes from 2024-01-01" in reason
    alarms = last_alarms(settings.warehouse_url, "shops", moment(DAYS))
    assert alarms[Feed("", "1")].raised_at >= at
    lines = "SELECT sum(alarms) FROM evaluation_runs WHERE target = '1'"
    assert told(settings, lines) == told(settings, "SELECT count(*) FROM model_alarms")


def test_numbers_that_are_right_raise_none(settings: Settings, world: World) -> None:
    run_days(settings, world, 0.35, 16)
    assert told(settings, "SELECT count(*) FROM model_alarms WHERE entity = ''") == [(0,)]
    assert told(settings, "SELECT bets, seen FROM calibration_watch WHERE entity = ''") == [(15, 15)]


def test_an_alarm_counts_for_later_runs_only(settings: Settings, world: World) -> None:
    run_days(settings, world, 0.7, 12)
    ((at,),) = told(settings, "SELECT min(raised_at) FROM model_alarms WHERE entity = ''")
    before = next(number for number in range(1, 13) if moment(number).at == at)
    assert Feed("", "1") not in last_alarms(settings.warehouse_url, "shops", moment(before))
    assert Feed("", "1") in last_alarms(settings.warehouse_url, "shops", moment(before + 1))


def test_a_rerun_bets_on_nothing(settings: Settings, world: World) -> None:
    run_days(settings, world, 0.6, 6)
    before = told(settings, WATCHED), told(settings, "SELECT a::text FROM model_alarms a ORDER BY 1")
    for number in (6, 3, 6):
        judge(settings, world, moment(number))
    assert (told(settings, WATCHED), told(settings, "SELECT a::text FROM model_alarms a ORDER BY 1")) == before


def test_days_that_are_scored_at_once_are_bet_on_one_by_one(settings: Settings, world: World) -> None:
    run_days(settings, world, 0.45, 15)
    daily = told(settings, "SELECT bet_1, bet_2, bets FROM calibration_watch WHERE entity = ''")
    take_back(settings.warehouse_url, "shops", [OPENINGS], [], moment(0), [LEDGER])
    assert told(settings, "SELECT count(*) FROM calibration_watch") == [(0,)]
    assert told(settings, "SELECT count(*) FROM reliability_pools") == [(0,)]
    for number in range(1, 16):
        say(settings, moment(number), rows(day(number), {(shop, 1): 0.45 for shop in SHOPS}, base=0.45))
    judge(settings, world, moment(15))
    assert told(settings, "SELECT bet_1, bet_2, bets FROM calibration_watch WHERE entity = ''") == [
        pytest.approx(daily[0])
    ]


def test_nobody_has_seen_a_hindcast_so_nobody_bets_on_it(settings: Settings, world: World) -> None:
    say(settings, moment(20), rows(day(20), {("shop 01", 1): 0.6}))
    say(settings, moment(3), rows(day(3), {("shop 01", 1): 0.6}))
    judge(settings, world, moment(21))
    assert told(settings, "SELECT as_of FROM openings_ledger WHERE hindcast AND outcome IS NOT NULL") == [(day(3),)]
    assert told(settings, "SELECT DISTINCT seen FROM calibration_watch") == [(1,)]


def test_pools_say_what_came_true(settings: Settings, world: World) -> None:
    run_days(settings, world, 0.6, 5)
    names = "low, high, said, forecasts, came_true, miscalibration, discrimination"
    query = f"SELECT {names} FROM reliability_pools WHERE target = '1'"
    ((low, high, said, forecasts, came_true, wrong, discrimination),) = told(settings, query)
    ((share,),) = told(settings, "SELECT avg(outcome)::float8 FROM openings_ledger WHERE outcome IS NOT NULL")
    assert (low, high, said, forecasts, came_true) == (0.6, 0.6, pytest.approx(0.6), 160, pytest.approx(share))
    assert (wrong, discrimination) == (pytest.approx((0.6 - share) ** 2), pytest.approx(0, abs=1e-12))


def test_what_was_found_out_later_is_taken_back(settings: Settings, world: World) -> None:
    run_days(settings, world, 0.7, 12)
    assert told(settings, "SELECT count(*) > 0 FROM model_alarms") == [(True,)]
    take_back(settings.warehouse_url, "shops", [OPENINGS], [], moment(2), [LEDGER])
    assert told(settings, "SELECT count(*) FROM model_alarms") == [(0,)]
    assert told(settings, "SELECT max(interval_end) FROM evaluation_runs") == [(moment(2).at,)]
