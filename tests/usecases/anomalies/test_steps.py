"""Bars go through the real steps to anomalies that stay, are told once, and are confirmed or dismissed by people."""

from __future__ import annotations

from pathlib import Path

import pytest

from brain import steps
from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.usecases.anomalies.bars import read_bars
from brain.usecases.anomalies.series import Series
from brain.workspace import Workspace
from tests.usecases.anomalies.bars import (
    FEEDBACK,
    LATER,
    NOON,
    change,
    frame,
    load,
    series,
    spoiled,
    told,
    workspace_of,
)

SENSORS = """
use_cases:
  anomalies:
    feeds: [{table: bars, database: warehouse}, {table: readings, symbol: null, time: read_at, value: degrees}]
"""
EVERYTHING = "SELECT * FROM anomalies ORDER BY anomaly"


@pytest.fixture
def market() -> list[Series]:
    flat = series("FLAT", seed=3)
    return [
        spoiled(series("GOLD", seed=1)),
        series('O\'Hara "2"', seed=2),
        Series("FLAT", flat.at, flat.value * 0 + 7, flat.volume),
        series("NEW", seed=4).between(series().at[-3], 1e12),
    ]


@pytest.fixture
def workspace(market: list[Series], settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    load(settings.warehouse_url.get_secret_value(), frame(*market))
    change(demo_url, FEEDBACK)
    return workspace_of(settings, tmp_path)


def test_what_is_strange_is_told_and_stays(workspace: Workspace, demo_url: str) -> None:
    results = run_all(workspace, NOON, workers=1)
    assert all(result.ok for result in results), results
    found = told(workspace, "SELECT kind, told, first_published, detector FROM anomalies WHERE symbol = 'GOLD'")
    kinds = {row[0] for row in found}
    assert "stuck value" in kinds, found
    assert len(found) > 1, found
    assert all(row[2] == NOON.at for row in found)
    ((symbols, bars, not_watched),) = told(workspace, "SELECT symbols, bars, not_watched FROM anomaly_feeds")
    assert symbols == 3
    assert "NEW: 0 bars of the past; at least 500 are needed" in not_watched
    assert bars > 300
    first = told(workspace, EVERYTHING)
    noticed = "SELECT subject, happened FROM notices WHERE kind = 'found' ORDER BY subject"
    assert [row[0] for row in told(workspace, noticed)] == [row[0] for row in first]
    assert "stuck value" in " ".join(row[1] for row in told(workspace, noticed))
    run_all(workspace, NOON, workers=1)
    assert told(workspace, EVERYTHING) == first, "a rerun gives the same rows"
    assert len(told(workspace, noticed)) == len(first), "and tells nobody again"
    key = told(workspace, "SELECT anomaly FROM anomalies WHERE kind = 'stuck value' AND symbol = 'GOLD'")[0][0]
    change(demo_url, f"INSERT INTO anomaly_feedback VALUES ('{key}', 'Dismissed', 'a holiday')")
    run_all(workspace, LATER, workers=1)
    later = told(workspace, "SELECT anomaly, first_published, feedback, note FROM anomalies")
    assert {row[0] for row in later} >= {row[0] for row in first}, "a published anomaly stays"
    assert (key, NOON.at, "dismissed", "a holiday") in later
    assert [row[1] for row in later if row[0] in {one[0] for one in first}] == [NOON.at] * len(first)
    run_all(workspace, NOON, workers=1)
    again = told(workspace, "SELECT anomaly, first_published, feedback, note FROM anomalies")
    assert sorted(again) == sorted(later), "an older moment overwrites nothing"


def test_a_feed_that_cannot_be_watched_says_why_and_keeps_what_was_published(
    settings: Settings, demo_url: str, tmp_path: Path
) -> None:
    """Two feeds: one is gone from its database before anything was learned of it, the other is a plant's sensor."""
    sensor = series("any", days=30)
    readings = frame(sensor).rename(columns={"close": "degrees", "at": "read_at"})[["read_at", "degrees"]]
    load(demo_url, readings.assign(read_at=readings["read_at"].dt.tz_localize(None)), "readings")
    workspace = workspace_of(settings, tmp_path, SENSORS)
    run = workspace.run("anomalies", NOON)
    assert [result.ok for result in steps.extract(run, ["bars", "readings"])] == [False, True]
    bars = read_bars(run.lake, run.section.feed("readings"), NOON, 365)
    assert list(bars.series) == ["readings"]
    assert len(bars.series["readings"]) == len(sensor)
    results = steps.score(run, ["bars", "readings"])
    assert not any(result.ok for result in results)
    steps.publish(run, [["bars", "readings"]])
    reasons = dict(told(workspace, "SELECT feed, reason FROM anomaly_feeds ORDER BY feed"))
    assert "bars" in reasons["bars"]
    assert "no champion" in reasons["readings"]
    assert told(workspace, "SELECT count(*) FROM anomalies") == [(0,)]
