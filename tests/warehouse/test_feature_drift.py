"""What was measured of features, as a table that BI can read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from brain.core.moment import Moment
from brain.learning.drift import Drift
from brain.warehouse.feature_drift import (
    KEPT_DAYS,
    Measured,
    forget_measured,
    measured_after,
    prepare,
    record,
)
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from brain.core.settings import Settings

NOW = Moment(datetime(2024, 1, 8, 6, tzinfo=UTC))
LATER = Moment(NOW.at + timedelta(days=1))
FRIDAY = date(2024, 1, 5)
FOUND = Drift(np.array([0.2, 0.9]), np.array([0.5, 1.0]), np.array([False, True]), 40, 3000)
GOLD = Measured("direction", "GOLD", FRIDAY, ("calm", "wild"), FOUND)


@pytest.fixture
def ready(settings: Settings) -> Settings:
    prepare(settings.warehouse_url)
    return settings


def kept(settings: Settings) -> list[tuple[Any, ...]]:
    query = "SELECT entity, as_of, feature, statistic, quantile, drifted FROM feature_drift ORDER BY 1, 2, 3"
    assert settings.reader_url is not None
    return ask(settings.reader_url, query).rows


def test_the_reader_sees_a_row_a_feature_and_a_rerun_gives_the_same(ready: Settings) -> None:
    for _ in range(2):
        record(ready.warehouse_url, GOLD, NOW)
        assert kept(ready) == [("GOLD", FRIDAY, "calm", 0.2, 0.5, False), ("GOLD", FRIDAY, "wild", 0.9, 1.0, True)]


def test_what_cannot_be_told_is_empty(ready: Settings) -> None:
    nothing = Drift(np.full(2, np.nan), np.full(2, np.nan), np.zeros(2, bool), 0, None)
    record(ready.warehouse_url, replace(GOLD, drift=nothing), NOW)
    assert [row[3:] for row in kept(ready)] == [(None, None, False)] * 2


def test_an_older_run_changes_nothing_of_a_newer_one(ready: Settings) -> None:
    record(ready.warehouse_url, GOLD, LATER)
    before = kept(ready)
    record(ready.warehouse_url, replace(GOLD, features=("other", "gone")), NOW)
    assert kept(ready) == before


def test_a_later_run_on_the_same_day_replaces_the_rows_of_features_that_are_gone(ready: Settings) -> None:
    record(ready.warehouse_url, GOLD, NOW)
    record(ready.warehouse_url, replace(GOLD, entity="OIL"), NOW)
    record(ready.warehouse_url, replace(GOLD, features=("calm", "new")), LATER)
    assert [row[:3] for row in kept(ready)] == [
        ("GOLD", FRIDAY, "calm"),
        ("GOLD", FRIDAY, "new"),
        ("OIL", FRIDAY, "calm"),
        ("OIL", FRIDAY, "wild"),
    ]


def test_old_rows_go_unless_they_drifted(ready: Settings) -> None:
    long_ago = FRIDAY - timedelta(days=KEPT_DAYS + 1)
    just_kept = FRIDAY - timedelta(days=KEPT_DAYS)
    record(ready.warehouse_url, replace(GOLD, entity="OIL", as_of=long_ago), NOW)
    for day in (long_ago, just_kept, FRIDAY, long_ago):  # the last: an older run once more
        record(ready.warehouse_url, replace(GOLD, as_of=day), NOW)
    assert [row[:3] for row in kept(ready)] == [
        ("GOLD", long_ago, "wild"),
        *(("GOLD", day, feature) for day in (just_kept, FRIDAY) for feature in ("calm", "wild")),
        *(("OIL", long_ago, feature) for feature in ("calm", "wild")),
    ]


def test_what_was_measured_by_a_run_of_the_future_can_be_taken_back(settings: Settings) -> None:
    assert measured_after(settings.warehouse_url, "direction", NOW) == 0
    prepare(settings.warehouse_url)
    record(settings.warehouse_url, GOLD, NOW)
    record(settings.warehouse_url, replace(GOLD, as_of=FRIDAY + timedelta(days=3)), LATER)
    assert measured_after(settings.warehouse_url, "direction", NOW) == 2
    assert measured_after(settings.warehouse_url, "another", NOW) == 0
    forget_measured(settings.warehouse_url, "direction", NOW)
    assert {row[1] for row in kept(settings)} == {FRIDAY}
