"""History replayed on real servers: the numbers of live runs, whatever stops it, and nothing else touched."""

from __future__ import annotations

import signal
import subprocess
import sys
import time as clock
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from brain import steps
from brain.comparing import compare, said
from brain.core.errors import CatalogueError, MomentRefused, ScoringError
from brain.core.moment import Moment
from brain.core.progress import ProgressLog
from brain.core.settings import Settings
from brain.hindcasting import days_between, end_of, fill, hindcasts
from brain.store.connection import database
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace
from local.command import app

ASSETS, HORIZONS, ROWS = ("DAILY", "EARLY", "OTHER"), (1, 5), 640
CATALOGUE = """
defaults:
  horizons: [1, 5]
  training: {trials: 2, folds: 3, classifiers: [logistic, naive_bayes], max_age_days: 40}
  quality: {stale: "off", gaps: "off", returns: "off"}
assets: [DAILY, EARLY, OTHER]
"""
NOW = Moment(datetime(2026, 6, 1, tzinfo=UTC))
KEPT = "SELECT asset, horizon, as_of, probability, base_rate, model_version, has_skill FROM probability_ledger"
ORDER = "ORDER BY asset, horizon, as_of"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def prices(name: str, seed: int) -> pd.DataFrame:
    """A walk on weekdays that goes on as `pull` says; EARLY stops trading."""
    random = np.random.default_rng(seed)
    pull = random.normal(size=ROWS)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, ROWS) + 0.006 * np.roll(pull, 1)))
    days = pd.bdate_range("2022-01-03", periods=ROWS)
    frame = pd.DataFrame({"Date": days.date, "Close": close, "pull": pull, "noise": random.normal(size=ROWS)})
    return frame.iloc[:-45] if name == "EARLY" else frame


WORLD = {name: prices(name, seed) for seed, name in enumerate(ASSETS)}
LAST = WORLD["DAILY"]["Date"].iloc[-1]
DAYS = days_between(date(2024, 2, 13), LAST, "month")


def load(url: str, day: date) -> None:
    """The tables as they stand on a day."""
    engine = sa.create_engine(url)
    for name, whole in WORLD.items():
        frame = whole[whole["Date"] <= day].copy()
        for horizon in HORIZONS:
            frame[f"RETURNS{horizon}"] = frame["Close"].shift(-horizon) / frame["Close"] - 1
        frame.to_sql(name, engine, index=False, if_exists="replace")
    engine.dispose()


def told(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    return ask(settings.warehouse_url, query).rows


@pytest.fixture
def given(settings: Settings, tmp_path: Path) -> Settings:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return settings.model_copy(update={"catalogue_path": path})


@pytest.fixture
def workspace(given: Settings, demo_url: str) -> Workspace:
    """All of the data is known, and nothing is trained."""
    load(demo_url, LAST)
    return extracted(given)


def extracted(settings: Settings) -> Workspace:
    workspace = open_workspace(settings)
    assert all(result.ok for result in steps.extract(workspace.run("direction", NOW), ASSETS))
    return workspace


def published(workspace: Workspace, moment: Moment) -> None:
    run = workspace.run("direction", moment)
    steps.train(run, ASSETS)
    steps.judge(run)
    steps.score(run, ASSETS)
    steps.publish(run, [ASSETS])


def noted(frames: dict[str, pd.DataFrame]) -> list[tuple[Any, ...]]:
    """What a hindcast says, as the ledger keeps it."""
    frame = frames["probability_details"].sort_values(["asset", "horizon", "as_of"])
    names = ["asset", "horizon", "as_of", "probability", "base_rate", "model_version", "has_skill"]
    return [tuple(row) for row in frame[names].itertuples(index=False)]


def test_it_says_what_live_runs_would_have_said(given: Settings, demo_url: str, tmp_path: Path) -> None:
    """Search, refresh, verdict, version and number: live, day by day, and from a lake that learnt all of it at once."""
    live = open_workspace(given)
    for day in DAYS:
        load(demo_url, day)
        steps.extract(live.run("direction", end_of(day)), ASSETS)
        published(live, end_of(day))
    at_once = given.model_copy(update={"lake_url": str(tmp_path / "at once")})
    load(demo_url, LAST)
    for settings in (given, at_once):
        workspace = live if settings is given else extracted(settings)
        (one,) = hindcasts(workspace, DAYS, NOW)
        assert noted(said(one, workers=1)) == told(given, f"{KEPT} {ORDER}")
        assert one.failed == {}
    versions = told(given, "SELECT max(model_version), bool_or(has_skill), count(*) FROM probability_ledger")
    assert versions == [(len(DAYS), True, len(HORIZONS) * (5 + 5 + 3))], "EARLY has no new row on the last two days"


@pytest.fixture
def started(connections: dict[str, str], workspace: Workspace) -> Callable[..., psutil.Popen]:
    """Starts `brain hindcast`, as a person would."""
    settings = workspace.settings
    environ = {**connections, "BRAIN_HOME": str(settings.home), "BRAIN_CATALOGUE": str(settings.catalogue_path)}
    command = [str(Path(sys.executable).parent / "brain"), "hindcast", "--from", str(DAYS[0]), "--to", str(LAST)]
    return lambda *options: psutil.Popen(
        [*command, *options], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def progress(settings: Settings) -> ProgressLog:
    (one,) = hindcasts(open_workspace(settings), DAYS, NOW)
    return one.progress


def until(run: psutil.Popen, log: ProgressLog, items: int) -> None:
    while (step := log.read().get("hindcast")) is None or step.done < items:
        assert run.poll() is None, run.communicate()
        clock.sleep(0.01)


def test_killed_and_started_again_it_gives_the_same_rows(
    started: Callable[..., psutil.Popen], workspace: Workspace, tmp_path: Path
) -> None:
    settings = workspace.settings
    log = progress(settings)
    with started("--workers", "1") as run:
        until(run, log, 2 * len(ASSETS) + 1)
        run.send_signal(signal.SIGKILL)
    with started("--workers", "1") as run:
        output, _ = run.communicate()
    assert run.returncode == 0, output
    assert f"{len(DAYS)} days" in output
    step = log.read()["hindcast"]
    assert step.total is not None
    assert step.done <= step.total <= (len(DAYS) - 2) * len(ASSETS), "days that were done are done again"
    undisturbed = open_workspace(settings.model_copy(update={"home": tmp_path / "another"}))
    (one,) = hindcasts(undisturbed, DAYS, NOW)
    assert told(settings, f"{KEPT} WHERE hindcast {ORDER}") == noted(said(one, workers=1))
    before = told(settings, "SELECT t::text FROM probability_ledger t ORDER BY 1")
    (again,) = hindcasts(workspace, DAYS, NOW)
    assert fill(again, workers=1) == 0
    assert told(settings, "SELECT t::text FROM probability_ledger t ORDER BY 1") == before
    left = [path.name for path in again.folder.iterdir()]
    assert left == ["kept"], "models stay only as long as they are needed"
    _there_is_a_scorecard(settings)


def _there_is_a_scorecard(settings: Settings) -> None:
    query = "SELECT asset, horizon, resolved, log_loss FROM model_scorecard WHERE hindcast ORDER BY 1, 2"
    card = told(settings, query)
    assert [row[:2] for row in card] == [(asset, horizon) for asset in ASSETS for horizon in HORIZONS]
    assert all(resolved >= 2 and loss > 0 for *_, resolved, loss in card)
    assert told(settings, "SELECT count(*) > 2 FROM skill_over_time WHERE hindcast AND horizon = 5") == [(True,)]
    assert told(settings, "SELECT count(*) FROM evaluation_runs WHERE due > 0") == [(0,)], "nobody saw these numbers"
    ((forecasts,),) = ask(
        settings.warehouse_url, "SELECT sum(forecasts) FROM reliability WHERE hindcast AND horizon IS NULL"
    ).rows
    ((scored,),) = ask(settings.warehouse_url, "SELECT count(outcome) FROM probability_ledger WHERE hindcast").rows
    assert forecasts == scored > 0


def test_ctrl_c_ends_it_at_once_and_says_so(started: Callable[..., psutil.Popen], workspace: Workspace) -> None:
    log = progress(workspace.settings)
    with started("--workers", "2") as run:
        until(run, log, 1)
        children = run.children(recursive=True)
        for process in (run, *children):  # as a terminal does
            process.send_signal(signal.SIGINT)
        output, _ = run.communicate()
    assert run.returncode == 130
    assert "Traceback" not in output, output
    assert output.rstrip().endswith("Stopped. The same command goes on where it was.")
    _, left = psutil.wait_procs(children, timeout=30)
    assert left == []


@pytest.fixture
def everything(workspace: Workspace) -> Iterator[Callable[[], dict[str, Any]]]:
    """What a hindcast must not change: champions, models, the lake, published tables, and what was really published."""
    settings = workspace.settings
    mongo = database(settings.mongo_url)
    shown = ("probability_details", "probabilities", "probability_history")
    tables = (*shown, "feature_drift", "writer_fences", "counters")

    def found() -> dict[str, Any]:
        rows = {name: sorted(told(settings, f"SELECT t::text FROM {name} t")) for name in tables}
        rows["ledger"] = told(settings, f"{KEPT} WHERE NOT hindcast {ORDER}")
        documents = {name: sorted(map(str, mongo[name].find())) for name in ("models", "champions", "decisions")}
        lake = Path(settings.lake_url)
        files = {str(path): path.read_bytes() for path in lake.rglob("*") if path.is_file()}
        return {**rows, **documents, "lake": files}

    yield found


def test_what_is_real_stays_and_comes_first(workspace: Workspace, everything: Callable[[], dict[str, Any]]) -> None:
    settings = workspace.settings
    published(workspace, end_of(DAYS[1]))
    before = everything()
    (one,) = hindcasts(workspace, DAYS, NOW)
    rows = fill(one, workers=1)
    assert everything() == before
    assert before["feature_drift"] == [], "what a hindcast's training measures is no live measurement"
    assert rows == told(settings, "SELECT count(*) FROM probability_ledger WHERE hindcast")[0][0]
    days = told(settings, "SELECT as_of, bool_or(hindcast) FROM probability_ledger WHERE asset = 'DAILY' GROUP BY 1")
    assert dict(days) == {day: day != DAYS[1] for day, _ in days}
    assert len(days) == len(DAYS)
    published(workspace, end_of(DAYS[-1]))  # readers see it before its outcome is known
    last = f"SELECT DISTINCT hindcast FROM probability_ledger WHERE as_of = '{max(day for day, _ in days)}'"
    assert told(settings, last) == [(False,)]


def test_two_catalogues_are_compared_and_nothing_is_noted(
    workspace: Workspace, connections: dict[str, str], tmp_path: Path
) -> None:
    settings = workspace.settings
    path = tmp_path / "blind.yaml"
    path.write_text(CATALOGUE.replace("assets: [DAILY, EARLY, OTHER]", "assets:") + _without_pull())
    blind = open_workspace(settings.model_copy(update={"catalogue_path": path}))
    days = days_between(date(2024, 2, 13), LAST, "7d")
    ((one,), (other,)) = (hindcasts(each, days, NOW, targets=["1"]) for each in (workspace, blind))
    run = workspace.run("direction", NOW)
    (ledger,) = run.use_case.ledgers
    first, second = said(one, workers=1), said(other, workers=1)
    lines = compare(first, second, ledger, run)
    assert [line.target for line in lines] == ["1", "all"]
    assert lines[-1].gap.pairs >= 2 * len(days)
    assert lines[-1].loss < lines[-1].other, "who sees what pulls the price is better"
    assert lines[-1].gap.low is not None
    assert lines[-1].gap.low < lines[-1].gap.mean == pytest.approx(lines[-1].loss - lines[-1].other)
    command = ["hindcast", "--from", str(days[0]), "--to", str(LAST), "--every", "7d", "-t", "1", "--workers", "1"]
    environ = {**connections, "BRAIN_HOME": str(settings.home), "BRAIN_CATALOGUE": str(settings.catalogue_path)}
    done = CliRunner().invoke(app, [*command, "--against", str(path)], env=environ)
    assert done.exit_code == 0, done.output
    shown = [line for line in done.output.splitlines() if line.startswith(" ")]
    assert [line.split()[0] for line in shown if line.split()][-2:] == ["1", "all"]
    assert f"{lines[-1].loss:.4f}" in shown[-2] + shown[-1]
    assert max(map(len, shown)) <= 80
    assert CliRunner().invoke(app, [*command, "--catalogue", str(path)], env=environ).exit_code == 2
    missing = CliRunner().invoke(app, [*command, "--against", "nofile"], env=environ)
    assert missing.exit_code == 2
    assert "--against" in missing.output
    assert "nofile" in missing.output
    same = compare(first, first, ledger, run)[-1]
    assert (same.gap.mean, same.gap.low, same.gap.high) == (0, 0, 0)
    assert told(settings, "SELECT count(*) FROM probability_ledger") == [(0,)]


def _without_pull() -> str:
    return "".join(f"\n  {name}: {{leave_out: [pull]}}" for name in ASSETS) + "\n"


def test_what_cannot_be_replayed_is_said(workspace: Workspace) -> None:
    with pytest.raises(MomentRefused, match="the last day of a hindcast"):
        hindcasts(workspace, (date(2026, 6, 1),), NOW)
    (early,) = hindcasts(workspace, (date(2020, 1, 1),), NOW)
    with pytest.raises(ScoringError, match="no snapshot in the lake of 2020-01-01 or before"):
        fill(early, workers=1)
    (thin,) = hindcasts(workspace, (date(2022, 2, 1),), NOW, units=["DAILY"])
    assert fill(thin, workers=1) == 0
    assert {told.split(":")[0] for told in thin.failed} == {"DAILY"}


@pytest.mark.parametrize(
    ("every", "days"),
    [
        ("month", ["2024-01-31", "2024-02-29", "2024-03-31"]),
        ("week", ["2024-01-31", "2024-02-07", "2024-02-14"]),
        ("30d", ["2024-01-31", "2024-03-01", "2024-03-31"]),
    ],
)
def test_days_are_counted_from_the_first(every: str, days: list[str]) -> None:
    assert list(map(str, days_between(date(2024, 1, 31), date.fromisoformat(days[-1]), every))) == days


@pytest.mark.parametrize(("last", "every"), [("2024-01-01", "month"), ("2025-01-01", "0d"), ("2025-01-01", "year")])
def test_days_that_make_no_sense_are_refused(last: str, every: str) -> None:
    with pytest.raises(CatalogueError):
        days_between(date(2024, 1, 31), date.fromisoformat(last), every)


def test_a_day_is_over_before_it_is_replayed() -> None:
    assert end_of(date(2024, 1, 31)).at == datetime.combine(date(2024, 1, 31), time(23, 59, 59), UTC)
