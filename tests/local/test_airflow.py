"""A real Airflow on a project of four tiny DAGs: started, followed along the datasets, stopped without a trace."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from brain.core.errors import EmbeddedServerError
from local import chain, servers
from local.airflow import COMPONENTS, Airflow
from local.airflow_client import AirflowClient, DagRun
from local.servers import Servers
from local.walkthrough import run_pipeline, start_airflow, wait_until_ready

TINY_DAGS = """
from datetime import datetime
from airflow.sdk import Asset, dag, task
from orchestration.tasks import AFTER_THE_CHUNKS

ONE, TWO, THREE, FOUR = (Asset(name=name, uri=f"tiny://{name}") for name in ("one", "two", "three", "four"))


def chained(dag_id, schedule, outlet, failing):
    @dag(dag_id=dag_id, schedule=schedule, start_date=datetime(2024, 1, 1), catchup=False, max_active_runs=1)
    def wired():
        @task
        def plan():
            return [1, 2]

        @task
        def work(number: int):
            if number in failing:
                raise ValueError("table GOLD has no Close")

        @task(outlets=[outlet], trigger_rule=AFTER_THE_CHUNKS)
        def announce():
            print("done")

        planned = plan()
        [planned, work.expand(number=planned)] >> announce()

    wired()


chained("extract_assets", "0 6 * * *", ONE, failing=[1, 2])
chained("train_models", [ONE], TWO, failing=[2])
chained("publish_probabilities", [TWO], THREE, failing=[])
chained("evaluate_probabilities", [THREE], FOUR, failing=[])
"""


@dataclass(frozen=True)
class Running:
    home: Path
    airflow: Airflow
    servers: Servers
    client: AirflowClient


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="brain-airflow-") as folder:
        project = Path(folder)
        project.chmod(0o755)
        for name in ("dags", "plugins"):
            (project / name).mkdir()
        (project / "dags" / "tiny.py").write_text(TINY_DAGS)
        home = project / ".brain"
        started = servers.up(home, durable=False)
        airflow = Airflow(home, project)
        try:
            client = start_airflow(airflow, started)
            wait_until_ready(airflow, started, client)
            chain.await_dags(client)
            yield Running(home, airflow, started, client)
        finally:
            airflow.stop(started.state)
            servers.remove(home)


def session_members(leaders: set[int]) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):  # ended since it was listed
            # A zombie has ended; its parent, which may be init, has only not been told yet.
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def connections_of(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections())
    except psutil.NoSuchProcess:  # a task or a parse that has just ended
        return []


def test_the_chain_is_followed_to_its_end_and_failures_are_told(running: Running) -> None:
    shown = StringIO()
    published, failed, moment = run_pipeline(Console(file=shown, width=200), running.client, running.home)
    assert published
    assert moment is not None
    assert [(failure.dag_id, failure.task) for failure in failed] == [
        ("extract_assets", "work[0]"),
        ("extract_assets", "work[1]"),
        ("train_models", "work[1]"),
    ]
    assert {failure.reason for failure in failed} == {"ValueError: table GOLD has no Close"}
    assert "table GOLD has no Close" in failed[0].log.read_text()
    assert [name in shown.getvalue() for name in chain.ALL] == [True] * 4


def test_a_second_run_is_started_when_none_is_due(running: Running) -> None:
    begun = chain.begin(running.client, chain.now_utc())
    assert begun.dag_id == "extract_assets"
    assert begun.run_id.startswith("manual__")
    ended = chain.follow(running.client, begun, lambda run, tasks: None)
    assert [run.dag_id for run in ended] == list(chain.ALL)


def test_what_is_under_way_is_let_end_before_a_run_begins_anew(running: Running) -> None:
    under_way = chain.begin_anew(running.client, chain.now_utc())
    seen: list[str] = []
    chain.settle(running.client, lambda run, tasks: seen.append(run.run_id))
    assert under_way.run_id in seen
    assert not any(map(running.client.active_run, chain.ALL))


def test_a_second_start_keeps_what_runs(running: Running) -> None:
    before = dict(running.servers.state.pids)
    start_airflow(running.airflow, running.servers)
    assert running.servers.state.pids == before
    assert running.airflow.running(running.servers.state) == list(COMPONENTS)


def test_the_api_refuses_a_stranger(running: Running) -> None:
    url = f"{running.client.url}/api/v2/dags"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url)


def test_a_wrong_password_is_told(running: Running) -> None:
    stranger = AirflowClient(running.client.url, "admin", "guess")
    with pytest.raises(EmbeddedServerError, match="HTTP 401"):
        stranger.import_errors()


def test_nothing_listens_beyond_the_loopback_address(running: Running) -> None:
    leaders = set(running.servers.state.pids.values())
    ours = session_members(leaders)
    addresses = {c.laddr.ip for process in ours for c in connections_of(process) if c.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}


def test_configuration_with_secrets_is_readable_by_the_owner_only(running: Running) -> None:
    for name in ("airflow.cfg", "passwords.json"):
        assert stat.S_IMODE((running.airflow.folder / name).stat().st_mode) == 0o600


def test_a_broken_dag_file_is_named(running: Running) -> None:
    (running.airflow.project / "dags" / "broken.py").write_text("from airflow.sdk import dag\ndef :\n")
    with pytest.raises(EmbeddedServerError, match=r"broken\.py: SyntaxError"):
        chain.await_dags(running.client, ["never_parsed"])


def test_a_log_without_an_error_says_so(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    log.write_text(json.dumps({"level": "info", "event": "hello"}) + "\nplain output\n")
    assert chain._last_error(log) == "no error in its log; it may have been killed"


@pytest.mark.parametrize(
    ("state", "finished"), [("queued", False), ("running", False), ("success", True), ("failed", True)]
)
def test_a_run_is_finished_when_it_is_neither_queued_nor_running(state: str, finished: bool) -> None:
    assert DagRun("extract_assets", "run", state, None).finished is finished


def test_an_airflow_that_lost_a_component_is_started_anew(running: Running) -> None:
    state = running.servers.state
    before = dict(state.pids)
    killed = psutil.Process(before["api-server"])
    killed.kill()
    psutil.wait_procs([killed], timeout=10)
    client = start_airflow(running.airflow, running.servers)
    wait_until_ready(running.airflow, running.servers, client)
    assert running.airflow.running(state) == list(COMPONENTS)
    assert not set(state.pids.values()) & set(before.values())


def test_stopping_leaves_no_process(running: Running) -> None:
    leaders = set(running.servers.state.pids.values())
    assert len(leaders) == len(COMPONENTS)
    assert running.airflow.stop(running.servers.state)
    assert session_members(leaders) == []
    assert running.airflow.running(running.servers.state) == []
