"""Days that come late, twice, or not at all: what is shown goes forward, and the history says what was known when."""

from __future__ import annotations

import logging
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from brain import steps
from brain.core.errors import MomentRefused
from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.replaying import last_published, replay_of
from brain.usecases.direction.names import model_key
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace
from local.command import app

if TYPE_CHECKING:
    from brain.core.settings import Settings
    from brain.results import UnitResult
    from brain.warehouse.publish import Publication

CATALOGUE = """
defaults: {horizons: [5, 21], training: {trials: 1, folds: 3}}
assets: [SP500, VIX]
"""
ASSETS = ["SP500", "VIX"]
KEY = model_key("SP500", 5)

pytestmark = pytest.mark.timeout(300)


def june(day: int) -> Moment:
    return Moment(datetime(2018, 6, day, 22, tzinfo=UTC))


@pytest.fixture
def workspace(settings: Settings, tmp_path: Path) -> Workspace:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def extract_and_train(workspace: Workspace, moment: Moment) -> list[UnitResult]:
    run = workspace.run("direction", moment)
    results = [*steps.extract(run, ASSETS), *steps.train(run, ASSETS)]
    steps.judge(run)
    return results


def publish(workspace: Workspace, moment: Moment) -> Publication:
    run = workspace.run("direction", moment)
    steps.score(run, ASSETS)
    return steps.publish(run, [ASSETS])


def play(workspace: Workspace, demo_url: str, day: int) -> Publication:
    """A day as it goes: its rows come in, its models are trained, its numbers published."""
    load_demo(demo_url, as_of=date(2018, 6, day), assets=ASSETS)
    extract_and_train(workspace, june(day))
    return publish(workspace, june(day))


def extract_only(workspace: Workspace, demo_url: str, day: int) -> None:
    load_demo(demo_url, as_of=date(2018, 6, day), assets=ASSETS)
    steps.extract(workspace.run("direction", june(day)), ASSETS)


def rows(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    return ask(workspace.settings.warehouse_url, query).rows


def published(workspace: Workspace) -> list[list[tuple[Any, ...]]]:
    tables = ("Probabilities", "probability_details")
    return [sorted(rows(workspace, f"SELECT t::text FROM {name} t")) for name in tables]


def run_sql(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


HISTORY = (
    "SELECT published_at, as_of::text, model_version, trained_at FROM probability_history"
    " WHERE asset = 'SP500' AND horizon = 5 ORDER BY 1"
)


def test_a_day_that_is_run_late_is_told_by_the_models_of_its_time_and_not_shown(
    workspace: Workspace, demo_url: str
) -> None:
    """1 June, 15 June, then 5 June: the table stays at 15 June, and no model of 15 June speaks of 5 June."""
    play(workspace, demo_url, 1)
    extract_only(workspace, demo_url, 5)
    play(workspace, demo_url, 15)
    shown = published(workspace)
    extract_and_train(workspace, june(5))
    late = publish(workspace, june(5))
    assert late.behind == june(15).at
    assert published(workspace) == shown
    assert rows(workspace, HISTORY) == [
        (june(1).at, "2018-06-01", 1, june(1).at),
        (june(5).at, "2018-06-05", 1, june(1).at),
        (june(15).at, "2018-06-15", 2, june(15).at),
    ]
    assert rows(workspace, "SELECT count(*) FROM probability_history WHERE trained_at > published_at") == [(0,)]
    run = workspace.run("direction", june(15))
    for day in (1, 5, 15):
        told = last_published(run, "SP500", "5", datetime(2018, 6, day, tzinfo=UTC))
        assert told is not None
        assert replay_of(run, told).identical


def test_a_day_of_which_nothing_was_known_adds_nothing(workspace: Workspace, demo_url: str) -> None:
    for day in (1, 15):
        play(workspace, demo_url, day)
    shown, before = published(workspace), rows(workspace, HISTORY)
    extract_and_train(workspace, june(5))
    publish(workspace, june(5))
    assert (published(workspace), rows(workspace, HISTORY)) == (shown, before)


def test_a_day_that_was_published_is_not_rewritten_when_it_is_run_again(workspace: Workspace, demo_url: str) -> None:
    for day in (1, 4, 5):
        play(workspace, demo_url, day)
    before = sorted(rows(workspace, "SELECT t::text FROM probability_history t"))
    extract_and_train(workspace, june(4))
    publish(workspace, june(4))
    assert sorted(rows(workspace, "SELECT t::text FROM probability_history t")) == before


def test_models_of_a_later_day_do_not_speak_for_an_earlier_one(workspace: Workspace, demo_url: str) -> None:
    """The models of 15 June are there before the numbers of 5 June are published."""
    play(workspace, demo_url, 1)
    extract_only(workspace, demo_url, 5)
    load_demo(demo_url, as_of=date(2018, 6, 15), assets=ASSETS)
    extract_and_train(workspace, june(15))
    assert publish(workspace, june(5)).behind is None
    assert rows(workspace, HISTORY)[-1] == (june(5).at, "2018-06-05", 1, june(1).at)


def test_a_rollback_is_in_the_history_and_replay_answers_for_it(workspace: Workspace, demo_url: str) -> None:
    for day in (1, 15):
        play(workspace, demo_url, day)
    run = workspace.run("direction", june(15))
    run.store.rollback(KEY, 1, at=datetime(2024, 1, 1, tzinfo=UTC), reason="v2 was trained on a bad day")
    publish(workspace, june(16))
    lines = [(at, as_of, version) for at, as_of, version, _ in rows(workspace, HISTORY)]
    assert lines[1:] == [(june(15).at, "2018-06-15", 2), (june(16).at, "2018-06-15", 1)]
    told = last_published(run, "SP500", "5", datetime(2018, 6, 15, tzinfo=UTC))
    assert told is not None
    assert told.model_version == 1
    assert replay_of(run, told).identical
    shown = "SELECT model_version FROM probability_details WHERE asset = 'SP500' AND horizon = 5"
    assert rows(workspace, shown) == [(1,)]


def test_a_rollback_is_shown_when_the_newest_day_is_run_again(workspace: Workspace, demo_url: str) -> None:
    for day in (1, 15):
        play(workspace, demo_url, day)
    store = workspace.run("direction", june(15)).store
    store.rollback(KEY, 1, at=datetime(2024, 1, 1, tzinfo=UTC), reason="v2 was trained on a bad day")
    publish(workspace, june(15))
    assert [version for *_, version, _ in rows(workspace, HISTORY)] == [1, 1]


def test_a_table_that_is_set_back_never_moves_as_of_back(workspace: Workspace, demo_url: str) -> None:
    play(workspace, demo_url, 15)
    numbers = rows(workspace, "SELECT asset, horizon, probability, as_of FROM probability_details ORDER BY 1, 2")
    play(workspace, demo_url, 1)  # a person loads an older day …
    extract_and_train(workspace, june(18))  # … and the next run sees it
    publish(workspace, june(18))
    query = "SELECT asset, horizon, probability, as_of FROM probability_details ORDER BY 1, 2"
    assert rows(workspace, query) == numbers
    ((stale, reason, age),) = rows(workspace, "SELECT DISTINCT stale, reason, days_behind FROM probability_details")
    assert stale
    assert "the newest row known is of 2018-06-01, that of the published number of 2018-06-15" in reason
    assert age == 3
    play(workspace, demo_url, 18)
    assert rows(workspace, "SELECT DISTINCT stale, as_of::text FROM probability_details") == [(False, "2018-06-18")]


def test_an_asset_whose_extraction_fails_does_not_look_fresh(workspace: Workspace, demo_url: str) -> None:
    play(workspace, demo_url, 15)
    load_demo(demo_url, as_of=date(2018, 6, 18), assets=["SP500"])
    run_sql(demo_url, 'ALTER TABLE "VIX" RENAME TO elsewhere')
    extract_and_train(workspace, june(18))
    publish(workspace, june(18))
    query = "SELECT DISTINCT asset, stale, as_of::text, days_behind, reason FROM probability_details ORDER BY 1"
    sp500, vix = rows(workspace, query)
    assert sp500 == ("SP500", False, "2018-06-18", 0, None)
    assert vix[:4] == ("VIX", True, "2018-06-15", 3)
    assert vix[4].startswith("its last extraction, of 2018-06-18 22:00 UTC, failed: VIX: found no such table")
    run_sql(demo_url, 'ALTER TABLE elsewhere RENAME TO "VIX"')
    play(workspace, demo_url, 19)
    assert [row[1] for row in rows(workspace, query)] == [False, False]


def test_an_asset_whose_rows_are_quarantined_does_not_look_fresh(
    workspace: Workspace, demo_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    play(workspace, demo_url, 15)
    load_demo(demo_url, as_of=date(2018, 6, 18), assets=ASSETS)
    run_sql(demo_url, 'UPDATE "VIX" SET "Close" = -1 WHERE "Date" = \'2018-06-18\'')
    extract_and_train(workspace, june(18))
    caplog.set_level(logging.INFO, "brain.steps")
    done = publish(workspace, june(18))
    stale = "SELECT count(*) FILTER (WHERE NOT stale), count(*) FILTER (WHERE stale) FROM probability_details"
    assert rows(workspace, stale) == [(done.fresh, done.stale)]
    assert done.stale > 0
    assert f"{done.stale} stale, 0 removed" in caplog.text
    assert "; stale: VIX\n" in caplog.text
    query = "SELECT DISTINCT stale, days_behind, reason FROM probability_details WHERE asset = 'VIX'"
    ((stale, age, reason),) = rows(workspace, query)
    assert (stale, age) == (True, 3)
    assert "quarantined: " in reason


def test_an_asset_that_was_never_scored_has_no_row_of_nothing(
    workspace: Workspace, demo_url: str, tmp_path: Path
) -> None:
    load_demo(demo_url, as_of=date(2018, 6, 15), assets=["SP500"])
    extract_and_train(workspace, june(15))
    publish(workspace, june(15))
    best = 'SELECT AssetName FROM Probabilities ORDER BY "5_Day_Probability" DESC'
    assert rows(workspace, best) == [("SP500",)]
    listed = "SELECT DISTINCT probability, reason <> '' FROM probability_details WHERE asset = 'VIX'"
    assert rows(workspace, listed) == [(None, True)]


@pytest.fixture
def environment(connections: dict[str, str], workspace: Workspace, home: Path) -> dict[str, str]:
    given = {"BRAIN_HOME": str(home), "BRAIN_CATALOGUE": str(workspace.settings.catalogue_path)}
    return {**os.environ, **connections, **given}


@pytest.mark.parametrize("command", ["extract", "train", "score", "publish", "run", "evaluate", "tidy"])
def test_every_command_refuses_a_moment_that_has_not_come(environment: dict[str, str], command: str) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%S}"
    done = CliRunner().invoke(app, [command, "--until", tomorrow], env=environment)
    assert isinstance(done.exception, MomentRefused)


def test_loading_an_older_day_of_the_demo_says_what_it_does(environment: dict[str, str]) -> None:
    def demo(day: str) -> str:
        done = CliRunner().invoke(app, ["demo", "VIX", "--as-of", day], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    assert "Set back" not in demo("2018-06-15")
    assert "Set back" not in demo("2018-06-18")
    told = demo("2018-06-01")
    assert "Set back: VIX from 2018-06-18 to 2018-06-01." in told
    assert "stay and are marked stale" in told


def test_sql_of_the_publisher_is_one_question_and_changes_nothing(environment: dict[str, str], demo_url: str) -> None:
    alone = {name: value for name, value in environment.items() if name != "BRAIN_READER_URL"}
    run_sql(alone["BRAIN_WAREHOUSE_URL"], "CREATE TABLE notes AS SELECT 1 AS number")
    done = CliRunner().invoke(app, ["sql", "COMMIT; DELETE FROM notes"], env=alone)
    assert done.exit_code == 1
    shown = CliRunner().invoke(app, ["sql", "SELECT count(*) AS notes FROM notes"], env=alone)
    assert shown.output.split()[-1:] == ["1"], shown.exception
