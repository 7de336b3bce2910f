"""The DAGs in a real Airflow, on real data and real servers, down to the answers a BI user reads."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from brain.core.settings import Settings
from brain.demo.prices import prices
from brain.demo.questions import FALL_ANSWER, GOLD_ANSWER
from brain.display import PlainConsole
from brain.warehouse.read import ask
from local import chain, one_machine
from local.airflow import USER
from local.airflow_client import AirflowClient
from local.day import run_day
from local.state import load_state
from local.walkthrough import run_everything

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOGUE = """
defaults:
  horizons: [1, 5, 20, 21, 161]
  training: {trials: 2, folds: 3}
assets: [GOLD, SP500, VIX, WTI, XOM]
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def shown() -> StringIO:
    """What `make run` printed."""
    return StringIO()


@pytest.fixture(scope="module")
def machine(shown: StringIO) -> Iterator[Path]:
    """A home of its own, in which `make run` has been run once with a small catalogue."""
    folder = Path(tempfile.mkdtemp(prefix="brain-end-to-end-"))
    folder.chmod(0o711)
    home = folder / ".brain"
    (folder / "catalogue.yaml").write_text(CATALOGUE)
    given = {"BRAIN_HOME": str(home), "BRAIN_CATALOGUE": str(folder / "catalogue.yaml")}
    patch = pytest.MonkeyPatch()
    for name, value in given.items():
        patch.setenv(name, value)
    try:
        run_everything(Console(file=shown, width=80), home)
        yield home
    finally:
        one_machine.clean(home)
        patch.undo()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def settings(machine: Path) -> Settings:
    return Settings.load({**os.environ, "BRAIN_HOME": str(machine)})


def test_the_reader_gets_both_answers_of_the_mission(settings: Settings) -> None:
    assert settings.reader_url is not None
    ((five, twenty, far),) = ask(settings.reader_url, GOLD_ANSWER).rows
    assert 0 < five < 1
    assert 0 < twenty < 1
    assert 0 < far < 1
    falling = ask(settings.reader_url, FALL_ANSWER).rows
    assert len(falling) == 5
    assert [probability for _, probability in falling] == sorted(probability for _, probability in falling)


def test_every_cell_is_fresh_and_explained(settings: Settings) -> None:
    counted = "count(*), count(probability), count(*) FILTER (WHERE stale), count(model_version)"
    query = f"SELECT {counted} FROM probability_details"
    assert ask(settings.warehouse_url, query).rows == [(25, 25, 0, 25)]


def test_the_extraction_is_recorded_for_bi(settings: Settings) -> None:
    assert settings.reader_url is not None
    query = "SELECT asset, verdict FROM extraction_runs ORDER BY asset"
    assert ask(settings.reader_url, query).rows == [(asset, "new") for asset in ("GOLD", "SP500", "VIX", "WTI", "XOM")]


def test_all_three_dags_spoke_of_the_same_interval(settings: Settings) -> None:
    query = """SELECT DISTINCT d.published_at = e.interval_end FROM probability_details d, extraction_runs e"""
    assert ask(settings.warehouse_url, query).rows == [(True,)]


def test_what_was_published_is_in_the_ledger_and_evaluated_afterwards(settings: Settings) -> None:
    assert ask(settings.warehouse_url, "SELECT count(*) FROM probability_ledger WHERE NOT hindcast").rows == [(25,)]
    line = """SELECT pending, e.interval_end = d.published_at FROM evaluation_runs e, probability_details d
        WHERE target = 'all' LIMIT 1"""
    assert ask(settings.warehouse_url, line).rows == [(25, True)]


def test_there_is_a_scorecard_on_the_first_day(settings: Settings) -> None:
    query = "SELECT asset, horizon, resolved FROM model_scorecard WHERE hindcast ORDER BY horizon"
    assert ask(settings.warehouse_url, query).rows == [("XOM", 5, 12), ("XOM", 20, 12)]


def test_the_first_run_says_when_its_numbers_will_have_come_true(machine: Path, shown: StringIO) -> None:
    told = shown.getvalue()
    assert "25 numbers wait for their outcome; the first is known 1 row of data later." in told
    assert "Skipped" not in told
    assert "Next day    make day" in told


def test_a_second_run_retrains_nothing_and_says_why(machine: Path, settings: Settings) -> None:
    versions = "SELECT asset, horizon, model_version, probability FROM probability_details ORDER BY 1, 2"
    before = ask(settings.warehouse_url, versions).rows
    shown = StringIO()
    run_everything(Console(file=shown, width=80), machine)
    assert ask(settings.warehouse_url, versions).rows == before
    assert "Skipped     25 of 25 models (nothing new): no new rows in 5 tables\n" in shown.getvalue()
    assert "nothing new to publish: 25 numbers are as they were" in shown.getvalue()


def test_a_day_passes_through_every_dag_and_is_summed_up(machine: Path, settings: Settings) -> None:
    newest = "SELECT asset, max(as_of) FROM probability_details GROUP BY 1 ORDER BY 1"
    before = dict(ask(settings.warehouse_url, newest).rows)
    shown = StringIO()
    run_day(PlainConsole(file=shown, width=80), machine)
    told = shown.getvalue()
    assert "One trading day has passed for 26 of 26 assets; 19 more to come." in told
    assert "Read        5 new rows of 5 tables" in told
    assert "Models      25 refreshed" in told
    assert "Published   25 numbers, 25 of them new" in told
    assert "Resolved    5 of 5 due, 45 open: " in told
    assert "What changed most in probability_details" in told
    assert max(map(len, told[told.index("Read") :].splitlines())) <= 80
    after = dict(ask(settings.warehouse_url, newest).rows)
    for asset, day in after.items():
        days = prices(asset)["Date"].dt.date
        assert days[days > before[asset]].iloc[0] == day
    scored = "SELECT asset, horizon, hindcast FROM probability_ledger WHERE outcome IS NOT NULL ORDER BY 1"
    assert ask(settings.warehouse_url, scored).rows == [(asset, 1, False) for asset in before]
    ask_again = "SELECT resolved FROM horizon_scorecard WHERE NOT hindcast"
    assert ask(settings.warehouse_url, ask_again).rows == [(5,)]


@pytest.mark.parametrize("dag_id", ["extract_assets", "train_models"])
def test_a_misspelt_unit_in_the_trigger_form_publishes_nothing_and_says_so(machine: Path, dag_id: str) -> None:
    airflow, state = one_machine.airflow_of(machine), load_state(machine)
    client = AirflowClient(airflow.url(state), USER, airflow.password(state))
    run = client.trigger(dag_id, chain.now_utc(), {"units": ["GOLD", "GOLDD"]})
    while not run.finished:
        time.sleep(0.5)
        run = client.run(dag_id, run.run_id)
    assert not client.updated_a_dataset(run)
    states = {task.task_id: task.state for task in client.tasks(run)}
    chunks, last = {"extract_assets": ("extract", "announce"), "train_models": ("train", "judge")}[dag_id]
    assert (states["plan"], states[chunks], states[last], states["report"]) == (
        "failed",
        "upstream_failed",
        "upstream_failed",
        "failed",
    )
    reasons = {failure.task: failure.reason for failure in chain.failures(client, run, machine / "logs" / "airflow")}
    assert "GOLDD: found no unit of that name" in reasons["plan"]
    assert "nothing was done" in reasons["report"]
