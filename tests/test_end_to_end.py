"""The DAGs in a real Airflow, on real data and real servers, down to the answers a BI user reads."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from rich.console import Console

from brain.core.bar_settings import BarSettings
from brain.core.settings import Settings, read_connections
from brain.demo.bars import hourly_bars, send_bars
from brain.demo.prices import prices
from brain.demo.questions import FALL_ANSWER, GOLD_ANSWER
from brain.display import PlainConsole
from brain.store.models import ModelStore
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key
from brain.warehouse.counters import KeptCounters
from brain.warehouse.read import ask
from local import chain, one_machine
from local.airflow import USER
from local.airflow_client import AirflowClient, DagRun, dag_run
from local.day import run_day
from local.inbox import html_of, running_inbox
from local.state import load_state
from local.walkthrough import run_everything
from tests.usecases.recommendations import shop

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOGUE = """
defaults:
  horizons: [1, 5, 20, 21, 161]
  training: {trials: 2, folds: 3}
assets: [GOLD, SP500, VIX, WTI, XOM]
bars: {}
"""

DAGS = Path(__file__).parents[1] / "dags"

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
    scored = "SELECT asset, horizon FROM probability_ledger WHERE outcome IS NOT NULL AND NOT hindcast ORDER BY 1"
    assert ask(settings.warehouse_url, scored).rows == [(asset, 1) for asset in before]
    ask_again = "SELECT resolved FROM horizon_scorecard WHERE NOT hindcast"
    assert ask(settings.warehouse_url, ask_again).rows == [(5,)]


@pytest.fixture(scope="module")
def client(machine: Path) -> AirflowClient:
    airflow, state = one_machine.airflow_of(machine), load_state(machine)
    return AirflowClient(airflow.url(state), USER, airflow.password(state))


def finished(
    client: AirflowClient, dag_id: str, params: dict[str, Any] | None = None, moment: datetime | None = None
) -> DagRun:
    client.unpause(dag_id)
    run = client.trigger(dag_id, moment or chain.now_utc(), params)
    while not run.finished:
        time.sleep(0.5)
        run = client.run(dag_id, run.run_id)
    return run


def test_a_chunk_is_found_by_each_of_its_units(client: AirflowClient) -> None:
    path = "/dags/~/dagRuns/~/taskInstances"
    for unit in ("GOLD", "SP500", "VIX", "WTI", "XOM"):
        found = client._get(path, rendered_map_index_pattern=unit, limit=100)["task_instances"]
        assert {"extract", "train", "score"} <= {task["task_id"] for task in found}


def test_the_events_of_datasets_say_what_is_behind_them(client: AirflowClient) -> None:
    events = client._get("/assets/events", order_by="timestamp", limit=10)["asset_events"]
    said = {event["name"]: event["extra"] for event in events[:3]}
    assert (said["snapshots"]["units"], said["snapshots"]["rows"] > 20_000) == (5, True)
    assert said["champions"]["models"]["all"] == said["champions"]["judged"]["direction"]["models"] == 25
    assert said["probabilities"]["direction"]["probability_details"] == {"rows": 25, "stale": 0}


def test_the_log_of_a_chunk_ends_with_its_models_and_holds_no_noise(machine: Path) -> None:
    folder = machine / "logs" / "airflow" / "dag_id=train_models"
    told = [json.loads(line) for log in folder.rglob("task_id=train/**/*.log") for line in log.read_text().splitlines()]
    shown = "\n".join(str(event["event"]) for event in told if event.get("logger") == "orchestration.runs")
    assert re.search(r"unit +target +done +skill +seconds +note", shown)
    assert re.search(r"GOLD +RETURNS161 +search +[+-]\d", shown)
    loggers = {str(event.get("logger", "")).split(".")[0] for event in told}
    assert loggers <= {"brain", "orchestration", "airflow", "task", "supervisor", ""}


def test_a_past_day_is_published_again_from_the_form(client: AirflowClient, settings: Settings) -> None:
    published = "SELECT DISTINCT published_at FROM probability_details"
    ((moment,),) = ask(settings.warehouse_url, published).rows
    run = finished(client, "publish_probabilities", {"day": str(moment.date())})
    assert run.state == "success"
    assert ask(settings.warehouse_url, published).rows == [(moment,)]


@pytest.mark.parametrize("dag_id", chain.DAGS)
def test_the_dags_that_publish_have_run_to_their_end(client: AirflowClient, dag_id: str) -> None:
    states = [run["state"] for run in client._get(f"/dags/{dag_id}/dagRuns")["dag_runs"]]
    assert "success" in states


# Switched on by a test of its own: bars that are read start it.
WITH_BARS = {"read_bars", "find_anomalies"}
OF_A_SHOP = {"recommend_to_customers": "recommendations", "segment_customers": "segments"}


@pytest.mark.parametrize(
    "dag_id", sorted({path.stem for path in DAGS.glob("*.py")} - set(chain.DAGS) - set(OF_A_SHOP) - WITH_BARS)
)
def test_every_other_dag_runs_to_its_end(client: AirflowClient, settings: Settings, dag_id: str) -> None:
    ((published,),) = ask(settings.warehouse_url, "SELECT max(published_at) FROM probability_details").rows
    # Not that very moment: switched on, a DAG may get a run of its own for it, and Airflow's scheduler dies of two.
    run = finished(client, dag_id, moment=published - timedelta(seconds=1))
    assert run.state == "success"
    skipped = {"approve_models"}  # there nothing waits
    expected = "skipped" if dag_id in skipped else "success"
    assert {task.name: task.state for task in client.tasks(run) if task.state != expected} == {}


@pytest.mark.parametrize(("dag_id", "use_case"), OF_A_SHOP.items())
def test_a_dag_of_a_use_case_that_the_catalogue_lacks_says_so_and_does_nothing(
    client: AirflowClient, machine: Path, dag_id: str, use_case: str
) -> None:
    run = finished(client, dag_id)
    assert (run.state, client.updated_a_dataset(run)) == ("failed", False)
    reasons = {failure.task: failure.reason for failure in chain.failures(client, run, machine / "logs" / "airflow")}
    assert sorted(reasons) == ["plan", "report"]
    assert f"{use_case}: found no use case of that name in the catalogue" in reasons["plan"]


def test_bars_ring_for_the_dag_that_reads_them(client: AirflowClient, machine: Path, settings: Settings) -> None:
    bars = BarSettings()
    frame = hourly_bars()[:500]
    assert send_bars(settings, bars, frame) == 500
    client.unpause("read_bars")
    deadline = time.monotonic() + 120
    while not (made := client._get("/dags/read_bars/dagRuns", run_type="asset_triggered")["dag_runs"]):
        assert time.monotonic() < deadline, "the bell has not rung"
        time.sleep(0.5)
    run = ended(client, client.run("read_bars", made[0]["dag_run_id"]))
    assert chain.failures(client, run, machine / "logs" / "airflow") == []
    assert run.state == "success"
    assert ask(settings.warehouse_url, "SELECT count(*), min(at) FROM bars").rows == [(500, frame["at"][0])]
    assert any(map(client.updated_a_dataset, map(dag_run, client._get("/dags/read_bars/dagRuns")["dag_runs"])))


def awaited(client: AirflowClient, made_by: DagRun, dag_id: str) -> DagRun:
    """The run of a DAG that another run has started."""
    deadline = time.monotonic() + 120
    while not (made := [run_id for name, run_id in client.started_by(made_by) if name == dag_id]):
        assert time.monotonic() < deadline, f"{made_by.run_id} has started no {dag_id}"
        time.sleep(0.5)
    return client.run(dag_id, made[0])


def until(client: AirflowClient, run: DagRun, task_id: str, state: str) -> None:
    while state not in {task.state for task in client.tasks(run) if task.task_id == task_id}:
        assert not client.run(run.dag_id, run.run_id).finished, client.tasks(run)
        time.sleep(0.5)


def ended(client: AirflowClient, run: DagRun) -> DagRun:
    while not run.finished:
        time.sleep(0.5)
        run = client.run(run.dag_id, run.run_id)
    return run


def test_a_unit_that_fails_is_seen_in_the_grid_and_told_once(
    client: AirflowClient, machine: Path, settings: Settings
) -> None:
    """The newest row of XOM gets a price that none can be."""
    engine = sa.create_engine(read_connections(machine)["BRAIN_DEMO_URL"])
    with running_inbox() as inbox:
        extra = json.dumps(inbox.connection["extra"])
        client._send("POST", "/api/v2/connections", {**inbox.connection, "connection_id": "brain_smtp", "extra": extra})
        with engine.begin() as connection:
            row = 'FROM (SELECT max("Date") AS newest FROM "XOM") AS last WHERE "Date" = newest'
            connection.execute(sa.text(f'UPDATE "XOM" SET "Close" = -"Close" {row}'))
        for _ in range(2):
            run = finished(client, "extract_assets", {"units": ["WTI", "XOM"]})
            labels = {task.label: task.state for task in client.tasks(run) if task.task_id == "extract"}
            (failed,) = (label for label, state in labels.items() if state == "failed" and label)
            assert failed.startswith("✗ XOM — XOM: quarantined: ")
            assert labels["WTI"] == "success"
            assert (run.state, client.updated_a_dataset(run)) == ("failed", True)
        ((_, mail),) = inbox.mails
        assert mail["Subject"] == "[Brain] XOM: quarantined"
        assert "price that is not above zero" in html_of(mail)
    client._send("DELETE", "/api/v2/connections/brain_smtp")
    query = "SELECT subject, kind, mailed_at IS NOT NULL, posted_at FROM notices"
    assert ask(settings.warehouse_url, query).rows == [("XOM", "quarantined", True, None)]
    with engine.begin() as connection:
        connection.execute(sa.text(f'UPDATE "XOM" SET "Close" = abs("Close") {row}'))
    engine.dispose()
    run = finished(client, "extract_assets", {"units": ["XOM"]})
    for dag_id in ("train_models", "publish_probabilities"):  # to its end: the next test has the models for itself
        run = ended(client, awaited(client, run, dag_id))
        assert run.state == "success", "the correction heals it"


@pytest.mark.parametrize("dag_id", ["extract_assets", "train_models"])
def test_a_misspelt_unit_in_the_trigger_form_publishes_nothing_and_says_so(
    client: AirflowClient, machine: Path, dag_id: str
) -> None:
    run = finished(client, dag_id, {"units": ["GOLD", "GOLDD"]})
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


def test_a_version_whose_skill_fell_is_served_once_a_person_has_approved_it(
    client: AirflowClient, machine: Path, settings: Settings
) -> None:
    """The champion of GOLD at 5 days is said to have proven skill, and a search finds nothing of the kind."""
    store, key = ModelStore.open(settings, "direction", KeptCounters(settings.warehouse_url)), model_key("GOLD", 5)
    champion = store.champion_version(key)
    store.record_verdicts([Verdict(key, champion, True, 0.001, chain.now_utc())])
    store.backend.counters.keep()
    (machine.parent / "catalogue.yaml").write_text(CATALOGUE.replace("folds: 3", "folds: 3, approve_skill_fall: 0"))
    client.unpause("approve_models")
    trained = finished(client, "train_models", {"units": ["GOLD"], "targets": ["RETURNS5"], "force": True})
    question = awaited(client, trained, "approve_models")
    until(client, question, "ask", "awaiting_input")
    published = ended(client, awaited(client, trained, "publish_probabilities"))
    assert chain.failures(client, published, machine / "logs" / "airflow") == [], "it waits for nobody"
    version = "SELECT model_version FROM probability_details WHERE asset = 'GOLD' AND horizon = 5"
    assert ask(settings.warehouse_url, version).rows == [(champion,)]

    path = f"/dags/approve_models/dagRuns/{quote(question.run_id, safe='')}"
    (asked,) = client._get(f"{path}/hitlDetails")["hitl_details"]
    assert asked["subject"] == "1 new version waits for approval"
    assert re.search(rf"\| GOLD RETURNS5 \| v{champion} \| .*\| v{champion + 1} \| .*has proven skill", asked["body"])
    said = {"chosen_options": ["Approve"], "params_input": {"models": ["GOLD RETURNS5"]}}
    client._send("PATCH", f"/api/v2{path}/taskInstances/ask/-1/hitlDetails", said)
    question = ended(client, question)
    assert (question.state, {task.state for task in client.tasks(question)}) == ("success", {"success"})
    assert ended(client, awaited(client, question, "publish_probabilities")).state == "success"
    assert ask(settings.warehouse_url, version).rows == [(champion + 1,)]
    assert "approved by admin" in str(store.backend.champions.find_one({"_id": str(key)}))
    assert {task.state for task in client.tasks(ended(client, awaited(client, question, "approve_models")))} == {
        "skipped"
    }
    told = "SELECT step, subject, kind FROM notices WHERE kind = 'waiting'"
    assert ask(settings.warehouse_url, told).rows == [("approve", "GOLD, RETURNS5", "waiting")]


def test_a_shop_goes_through_the_dags_of_its_use_cases(
    client: AirflowClient, machine: Path, settings: Settings
) -> None:
    shop.load(read_connections(machine)["BRAIN_DEMO_URL"], shop.orders())
    text = f"{CATALOGUE}{shop.CATALOGUE.removeprefix(chr(10))}  segments: {{period_days: 28}}\n"
    text += "  anomalies: {feeds: [{table: bars, database: warehouse}], detectors: [jump], history_days: 5000}\n"
    (machine.parent / "catalogue.yaml").write_text(text)
    shown = {"recommend_to_customers": "recommendations", "segment_customers": "customer_segments"}
    watched = finished(client, "find_anomalies")
    assert chain.failures(client, watched, machine / "logs" / "airflow") == []
    assert ask(settings.warehouse_url, "SELECT feed, stale FROM anomaly_feeds").rows == [("bars", False)]
    for dag_id, table in shown.items():
        run = finished(client, dag_id)
        assert chain.failures(client, run, machine / "logs" / "airflow") == []
        assert (run.state, client.updated_a_dataset(run)) == ("success", True)
        counted = ask(settings.warehouse_url, f"SELECT count(DISTINCT customer) >= {shop.CUSTOMERS} FROM {table}")
        assert counted.rows == [(True,)], table
    told = (
        "SELECT step, subject, kind FROM notices WHERE step = ANY(ARRAY['recommend_to_customers', 'segment_customers'])"
    )
    assert ask(settings.warehouse_url, told).rows == []
