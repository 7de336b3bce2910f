"""One run dated in the future, and the way back: afterwards everything is as if it had never been."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from brain import steps
from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.repair import carry_out, find_repairs
from brain.results import UnitResult
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace
from local.command import app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brain.core.settings import Settings

ASSETS = ("SP500", "VIX")
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (Moment(datetime(2018, 6, day, 22, tzinfo=UTC)) for day in range(26, 30))
FUTURE = Moment(datetime(2019, 1, 3, 22, tzinfo=UTC))
CATALOGUE = """
defaults:
  horizons: [5, 20]
  training: {trials: 1, folds: 3}
assets: [SP500, VIX]
"""
SHOWN = "SELECT asset, horizon, as_of, probability, base_rate, has_skill, stale FROM probability_details ORDER BY 1, 2"
WIDE = 'SELECT AssetName, "5_Day_Probability", "20_Day_Probability", As_Of FROM Probabilities ORDER BY 1'

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def workspace(settings: Settings, tmp_path: Path) -> Workspace:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def play(workspace: Workspace, demo_url: str, known: date, moment: Moment) -> list[UnitResult]:
    """A run for `moment` when the source knows all up to `known`; returns what extraction said."""
    load_demo(demo_url, as_of=known, assets=ASSETS)
    run = workspace.run("direction", moment)
    extracted = steps.extract(run, ASSETS)
    assert all(result.ok for result in steps.train(run, ASSETS))
    steps.judge(run)
    steps.score(run, ASSETS)
    steps.publish(run, [ASSETS])
    return extracted


def shown(workspace: Workspace) -> list[list[tuple[Any, ...]]]:
    return [ask(workspace.settings.warehouse_url, query).rows for query in (SHOWN, WIDE)]


def ok(results: Iterable[UnitResult]) -> bool:
    return all(result.ok for result in results)


def test_a_run_of_the_future_is_noticed_and_taken_back(workspace: Workspace, demo_url: str) -> None:
    assert ok(play(workspace, demo_url, TUESDAY.day, TUESDAY))
    before = shown(workspace)
    assert ok(play(workspace, demo_url, WEDNESDAY.day, FUTURE))
    (first, *_) = play(workspace, demo_url, THURSDAY.day, THURSDAY)
    assert not first.ok
    assert "0 rows read, 1 newer in the source" in first.reason
    assert "brain repair" in first.reason

    repairs = find_repairs(workspace, THURSDAY)
    assert {repair.subject for repair in repairs} >= {
        "snapshots of SP500",
        "snapshots of VIX",
        "published tables of direction",
        "runs",
    }
    assert ok(carry_out(repairs))
    assert find_repairs(workspace, THURSDAY) == []
    numbers = [[row[:-1] for row in rows] for rows in shown(workspace)]
    assert numbers == [[row[:-1] for row in rows] for rows in before]


def test_afterwards_the_numbers_are_those_of_a_workspace_that_never_knew(
    workspace: Workspace, demo_url: str, tmp_path: Path
) -> None:
    play(workspace, demo_url, WEDNESDAY.day, WEDNESDAY)
    play(workspace, demo_url, FUTURE.day, FUTURE)
    assert ok(carry_out(find_repairs(workspace, WEDNESDAY)))
    assert ok(play(workspace, demo_url, FRIDAY.day, FRIDAY))
    repaired, hashes = shown(workspace), _hashes(workspace)

    _forget_everything(workspace)
    play(workspace, demo_url, WEDNESDAY.day, WEDNESDAY)
    play(workspace, demo_url, FRIDAY.day, FRIDAY)
    assert _hashes(workspace) == hashes
    assert shown(workspace) == repaired


def test_an_evaluation_of_the_future_alone_is_noticed_and_taken_back(workspace: Workspace, demo_url: str) -> None:
    assert ok(play(workspace, demo_url, TUESDAY.day, TUESDAY))
    steps.evaluate(workspace.run("direction", FUTURE))
    repairs = find_repairs(workspace, THURSDAY)
    assert [repair.subject for repair in repairs] == ["published tables of direction"]
    assert ok(carry_out(repairs))
    assert find_repairs(workspace, THURSDAY) == []


def test_where_there_was_nothing_before_there_is_nothing_after(workspace: Workspace, demo_url: str) -> None:
    play(workspace, demo_url, WEDNESDAY.day, FUTURE)
    assert ok(carry_out(find_repairs(workspace, THURSDAY)))
    assert shown(workspace) == [[], []]
    assert list(workspace.run("direction", THURSDAY).store.champion_summaries(ASSETS)) == []
    assert ok(play(workspace, demo_url, THURSDAY.day, THURSDAY))
    assert len(shown(workspace)[0]) == 4


def test_the_command_shows_what_it_would_do_and_does_it_when_told(
    workspace: Workspace, connections: dict[str, str], demo_url: str, home: Path
) -> None:
    environment = {**os.environ, **connections, "BRAIN_HOME": str(home)}
    environment["BRAIN_CATALOGUE"] = str(workspace.settings.catalogue_path)
    load_demo(demo_url, as_of=WEDNESDAY.day, assets=ASSETS)

    def brain(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words), env=environment)
        return result.exit_code, " ".join(result.output.split())

    assert brain("extract", "--until", "2019-01-03T22:00:00")[0] == 0
    repair = ("repair", "--after", "2018-06-28T22:00:00")
    code, told = brain(*repair)
    assert code == 1
    assert "snapshots of SP500" in told
    assert "Nothing was changed" in told
    code, told = brain(*repair, "--yes")
    assert code == 0, told
    assert "version v1 removed" in told
    code, told = brain(*repair)
    assert (code, "Nothing was made for a moment after 2018-06-28 22:00:00 UTC" in told) == (0, True)
    assert brain("extract", "--until", "2018-06-28T22:00:00")[0] == 0


def _hashes(workspace: Workspace) -> list[str]:
    lake = workspace.run("direction", FRIDAY).lake
    found = [lake.latest("assets", name) for name in ASSETS]
    return [snapshot.data_sha256 for snapshot in found if snapshot]


def _forget_everything(workspace: Workspace) -> None:
    assert ok(carry_out(find_repairs(workspace, Moment(datetime(2000, 1, 1, tzinfo=UTC)))))
    assert shown(workspace) == [[], []]
