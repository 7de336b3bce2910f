"""Bars that come late or are corrected after an anomaly was published: it is judged anew, and nobody is told again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from brain import steps
from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.replaying import table_replays
from brain.usecases.anomalies.names import model_key
from brain.usecases.anomalies.series import Series
from brain.workspace import Workspace
from tests.usecases.anomalies.bars import (
    CATALOGUE,
    FEEDBACK,
    NOON,
    change,
    frame,
    load,
    series,
    spoiled,
    told,
    workspace_of,
)

GOLD, OIL = series("GOLD"), series("OIL", seed=2)
SOON = replace(NOON, at=NOON.at + timedelta(hours=1))
SILENT = slice(-50, -30)
ROWS = "SELECT * FROM anomalies ORDER BY anomaly"
NOTICES = "SELECT subject, since, happened FROM notices WHERE kind = 'found' ORDER BY subject"


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    """GOLD with a bad tick and a stuck value, OIL without twenty of its bars; watched once."""
    keep = np.ones(len(OIL), bool)
    keep[SILENT] = False
    lacking = replace(OIL, at=OIL.at[keep], value=OIL.value[keep], volume=OIL.volume[keep])
    load(settings.warehouse_url.get_secret_value(), frame(spoiled(GOLD), lacking))
    change(demo_url, FEEDBACK)
    found = workspace_of(
        settings, tmp_path, CATALOGUE.replace(", burst, drift, gap, volume", ", gap").replace("robust_z, ", "")
    )
    assert all(result.ok for result in run_all(found, NOON, workers=1))
    return found


def say(workspace: Workspace, one: Series, place: int, arrived: datetime) -> None:
    """As ingestion writes a bar."""
    symbol, at, value, volume = one.symbol, float(one.at[place]), float(one.value[place]), float(one.volume[place])
    change(
        workspace.settings.warehouse_url.get_secret_value(),
        f"INSERT INTO bars VALUES ('{symbol}', to_timestamp({at}), {value}, {value}, {value}, {value}, {volume},"
        f" '{arrived.isoformat()}') ON CONFLICT (symbol, at) DO UPDATE SET close = excluded.close,"
        " arrived_at = excluded.arrived_at",
    )


def key_of(workspace: Workspace, one: Series, place: int) -> str:
    """Of the anomaly that a bar is in."""
    found = told(
        workspace,
        f"SELECT anomaly FROM anomalies WHERE symbol = '{one.symbol}'"
        f" AND to_timestamp({one.at[place]}) BETWEEN started_at AND ended_at",
    )
    assert len(found) == 1, told(workspace, ROWS)
    return str(found[0][0])


def test_an_anomaly_of_bars_that_came_late_or_were_corrected_is_withdrawn_with_the_reason(
    workspace: Workspace, demo_url: str
) -> None:
    tick, stuck, gap = key_of(workspace, GOLD, -100), key_of(workspace, GOLD, -20), key_of(workspace, OIL, -40)
    change(demo_url, f"INSERT INTO anomaly_feedback VALUES ('{tick}', 'confirmed', 'the exchange said so')")
    first, news = told(workspace, ROWS), told(workspace, NOTICES)
    say(workspace, GOLD, -100, NOON.at + timedelta(minutes=5))
    for place in range(len(OIL))[SILENT]:
        say(workspace, OIL, place, NOON.at + timedelta(minutes=6))
    run = workspace.run("anomalies", SOON)
    assert all(result.ok for result in steps.extract(run, ["bars"]))
    read = "SELECT verdict, rows_read FROM extraction_runs WHERE interval_end = '{}' AND asset = 'bars'"
    assert told(workspace, read.format(SOON.at)) == [("corrected", 21)], "only what changed was read"
    assert all(result.ok for result in run_all(workspace, SOON, workers=1))
    states = {row[0]: row[1:] for row in told(workspace, "SELECT anomaly, status, withdrawn, feedback FROM anomalies")}
    assert states[stuck] == ("over", None, None)
    at = datetime.fromtimestamp(float(GOLD.at[-100]), NOON.at.tzinfo)
    assert states[tick][0] == "withdrawn"
    assert f"the bar of {at:%Y-%m-%d %H:%M} UTC, from " in states[tick][1]
    assert f"to {GOLD.value[-100]:g}, was corrected" in states[tick][1]
    assert states[tick][2] == "confirmed", "what people said stays"
    assert states[gap][0] == "withdrawn"
    assert "20 bars came late, the first of " in states[gap][1]
    assert [row[0] for row in told(workspace, ROWS)] == [row[0] for row in first], "all stay, none is new"
    assert told(workspace, NOTICES) == news, "nobody is told again"
    later = told(workspace, ROWS)
    run_all(workspace, SOON, workers=1)
    assert told(workspace, ROWS) == later, "a rerun gives the same rows"
    run_all(workspace, NOON, workers=1)
    assert told(workspace, ROWS) == later, "an older moment overwrites nothing"
    _what_is_strange_again_is_found_again(workspace, tick, news)
    _what_was_published_comes_out_again(workspace, stuck)


def test_an_anomaly_that_a_stretch_from_an_earlier_one_reaches_is_not_withdrawn(workspace: Workspace) -> None:
    tick, stuck = key_of(workspace, GOLD, -100), key_of(workspace, GOLD, -20)
    value = spoiled(GOLD).value.copy()
    between = range(-89, -30, 11)  # so near to one another that all between the two is one stretch
    value[list(between)] *= 1.08
    for place in between:
        say(workspace, replace(GOLD, value=value), place, NOON.at + timedelta(minutes=5))
    assert all(result.ok for result in run_all(workspace, SOON, workers=1))
    states = {row[0]: row[1:] for row in told(workspace, "SELECT anomaly, status, withdrawn, ended_at FROM anomalies")}
    assert states[tick][2] >= states[stuck][2], "one stretch reaches from the first to the second"
    assert states[stuck][:2] == ("over", None), "it is still there, and strange"


def _what_is_strange_again_is_found_again(workspace: Workspace, tick: str, news: list[tuple[object, ...]]) -> None:
    say(workspace, spoiled(GOLD), -100, NOON.at + timedelta(minutes=7))
    moment = replace(SOON, at=SOON.at + timedelta(hours=1))
    assert all(result.ok for result in run_all(workspace, moment, workers=1))
    assert told(workspace, f"SELECT status, withdrawn, feedback FROM anomalies WHERE anomaly = '{tick}'") == [
        ("over", None, "confirmed")
    ]
    assert told(workspace, NOTICES) == news


def _what_was_published_comes_out_again(workspace: Workspace, stuck: str) -> None:
    run = workspace.run("anomalies", SOON)
    names = [name for (name,) in told(workspace, "SELECT DISTINCT detector FROM anomalies ORDER BY 1")]
    found = {name: table_replays([run], "bars", name) for name in (*names, "gap")}
    assert all(one.identical for (one,) in found.values()), found
    ((detector,),) = told(workspace, f"SELECT detector FROM anomalies WHERE anomaly = '{stuck}'")
    change(
        workspace.settings.warehouse_url.get_secret_value(),
        f"UPDATE anomalies SET seen = seen + 1 WHERE anomaly = '{stuck}'",
        "UPDATE anomaly_scores SET score = score * 1.0000000001 WHERE score > 0 AND symbol = 'GOLD'"
        f" AND detector = '{detector}'",
    )
    (altered,) = table_replays([run], "bars", detector)
    assert not altered.identical
    assert f"{stuck} has another seen" in altered.obstacles
    assert any("bars have another score by version 1: GOLD " in one for one in altered.obstacles), altered
    for name in run.section.detectors:
        run.store.delete(model_key("bars", name))
    (gone,) = table_replays([run], "bars", detector)
    assert not gone.identical
    assert gone.obstacles
