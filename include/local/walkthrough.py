"""What `make run` does: from nothing to a filled table, through a real Airflow, with the answers printed at the end."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.text import Text

from brain.core.catalogue import Catalogue
from brain.core.environment import brain_variables
from brain.core.errors import EmbeddedServerError
from brain.core.settings import HOME_VARIABLE, Settings, find_catalogue
from local import chain, process, servers
from local.airflow import COMPONENTS, START_SECONDS, USER, Airflow
from local.airflow_client import AirflowClient
from local.chain import Failure
from local.first_scorecard import fill_scorecard
from local.needs import announce
from local.one_machine import airflow_of
from local.servers import Servers
from local.showing import show_scorecards, show_skipped
from local.state import locked, save_state
from local.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from brain.usecases.protocol import Run
    from local.airflow_client import DagRun


def run_everything(console: Console, home: Path) -> None:
    """Start everything, run the DAGs once, print the table, the two answers and the scorecard; the servers stay up.

    Raises:
        BrainError: Something did not start, or a task failed; the message names the log to read.
    """
    start = time.monotonic()
    announce(console, check_before(home), home)
    running = servers.up(home)
    _settings(home)  # a variable that is malformed is told before Airflow starts
    console.print(_done("PostgreSQL and MongoDB", start))
    airflow = airflow_of(home)
    with ThreadPoolExecutor(1) as pool:
        # Reading the demo files and importing Airflow take a core each.
        loading = pool.submit(_load_demo, running)
        client = start_airflow(airflow, running)
        console.print(_done(loading.result(), start))
    wait_until_ready(airflow, running, client)
    chain.await_dags(client)
    console.print(_done("Airflow", start))
    ran = run_pipeline(console, client, home)
    told = Text.assemble(("✗", "red"), f" {len(ran.failed)} tasks failed") if ran.failed else _done("Pipeline", start)
    console.print(told)
    if ran.published:
        show_results(console, home)  # before the past is replayed: a person waits for it
        if filled := fill_scorecard(_settings(home)):
            console.print(_done(filled, start))
        show_scorecards(console, runs_of(home, ran.moment))
        show_skipped(console, runs_of(home, ran.moment))
    show_addresses(console, airflow, running)
    told_failures(ran)


def told_failures(ran: Ran) -> None:
    """Say which tasks failed.

    Raises:
        EmbeddedServerError: Some did, or nothing was published.
    """
    if ran.failed or not ran.published:
        raise EmbeddedServerError(
            "the pipeline",
            found="\n".join(["failed tasks:", *map(str, ran.failed), ""]) if ran.failed else "no published table",
            expected="every task to succeed",
            remedy="What was published before stays. Correct the cause and run `make run` again.",
        )


def check_before(home: Path) -> Catalogue:
    """The catalogue; refuse what would fail after Airflow has started: one that is missing or wrong.

    Raises:
        CatalogueError: The message names the file and the line.
    """
    from brain.core.catalogue import load_catalogue
    from brain.usecases import USE_CASES

    return load_catalogue(find_catalogue(os.environ, home), USE_CASES)


def start_airflow(airflow: Airflow, running: Servers) -> AirflowClient:
    """Configure, migrate and start Airflow; idempotent. `wait_until_ready` says when it answers."""
    state = running.state
    with locked(airflow.home):
        if set(airflow.running(state)) != set(COMPONENTS):
            airflow.stop(state)  # what is left of one that broke would hold on to its old address
        airflow.configure(running)
        try:
            airflow.migrate(state)
            airflow.start(state)
        finally:
            save_state(airflow.home, state)
    return AirflowClient(airflow.url(state), USER, airflow.password(state))


class Ran(NamedTuple):
    """What became of a run of the DAGs.

    Args:
        published: Whether the tables were published.
        failed: The tasks that failed.
        moment: What the run was about; None where Airflow does not say it.
    """

    published: bool
    failed: list[Failure]
    moment: datetime | None


def run_pipeline(console: Console, client: AirflowClient, home: Path, begin: Callable[[], DagRun] | None = None) -> Ran:
    """Run the DAGs once, showing progress.

    Args:
        begin: Gives the run to follow; what `chain.begin` finds or starts if omitted.
    """
    with Watcher(console, home) as watcher:
        first = begin() if begin else chain.begin(client, chain.now_utc())
        runs = chain.follow(client, first, watcher.watch)
    published = any(run.dag_id == chain.PUBLISHES and client.updated_a_dataset(run) for run in runs)
    failed = [failure for run in runs for failure in chain.failures(client, run, home / "logs" / "airflow")]
    return Ran(published, failed, next((run.moment for run in runs if run.moment), None))


def show_results(console: Console, home: Path) -> None:
    """What every use case shows first, and the answers to the demo's questions, asked as the read-only user."""
    from brain.demo.questions import questions
    from brain.display import show_answer, show_overview
    from brain.usecases import USE_CASES
    from brain.warehouse.read import ask, reader_url
    from brain.workspace import open_workspace

    settings = _settings(home)
    url = reader_url(settings)
    catalogue = open_workspace(settings).catalogue
    for name in catalogue.sections:
        overview = USE_CASES[name].overview
        show_overview(console, ask(url, overview.query), overview)
    for question, query in questions(catalogue):
        show_answer(console, ask(url, query), question, query)


def show_addresses(console: Console, airflow: Airflow, running: Servers) -> None:
    """Where to look next, and how to stop."""
    state = running.state
    reader = running.connections()["BRAIN_READER_URL"].replace("postgresql+psycopg2", "postgresql")
    console.print(f"Airflow     {airflow.url(state)}  (login {USER} / {airflow.password(state)})", soft_wrap=True)
    console.print(f"PostgreSQL  {reader}  (read-only, for BI tools)", soft_wrap=True)
    console.print("Ask         brain sql 'SELECT …'   or   make sql Q='SELECT …'", soft_wrap=True)
    if "BRAIN_SOURCE_URL" not in brain_variables(os.environ):
        console.print("Next day    make day", soft_wrap=True)
    console.print("Stop        make down", soft_wrap=True)


def _load_demo(running: Servers) -> str:
    if "BRAIN_SOURCE_URL" in brain_variables(os.environ):
        return "Source database: the one named by BRAIN_SOURCE_URL"
    from brain.demo.days import start_demo

    loaded = start_demo(running.connections()["BRAIN_DEMO_URL"])
    return f"Demo data: {len(loaded)} tables, {sum(table.rows for table in loaded):,} rows"


def runs_of(home: Path, moment: datetime | None) -> tuple[Run, ...]:
    """Every use case's run for a moment; none where Airflow does not say which that was."""
    from brain.core.moment import Moment
    from brain.workspace import open_workspace

    return open_workspace(_settings(home)).runs(Moment(moment)) if moment is not None else ()


def wait_until_ready(airflow: Airflow, running: Servers, client: AirflowClient) -> None:
    """Wait for API server, scheduler and DAG processor; the triggerer may come later."""
    needed = {"metadatabase", "scheduler", "dag_processor"}
    process.wait_for(
        lambda: all(client.health().get(component) == "healthy" for component in needed),
        lambda: {"api-server", "scheduler", "dag-processor"} <= set(airflow.running(running.state)),
        name="Airflow",
        log=airflow.log("api-server"),
        seconds=START_SECONDS,
    )


def _settings(home: Path) -> Settings:
    return Settings.load({**os.environ, HOME_VARIABLE: str(home)})


def _done(what: str, start: float) -> Text:
    """A line for what is done, with the time since `start`."""
    return Text.assemble(("✓", "green"), f" {what} ", (f"after {time.monotonic() - start:.0f} s", "dim"))
