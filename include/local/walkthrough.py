"""What `make run` does: from nothing to a filled table, through a real Airflow, with the answers printed at the end."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
from local.needs import announce
from local.one_machine import airflow_of
from local.servers import Servers
from local.state import locked, save_state
from local.watching import Watcher


def run_everything(console: Console, home: Path) -> None:
    """Start everything, run the three DAGs once, print the table and the two answers; the servers stay up.

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
    chain.await_dags(client, (*chain.DAGS, chain.AFTERWARDS))
    console.print(_done("Airflow", start))
    published, failed = run_pipeline(console, client, home)
    console.print(Text.assemble(("✗", "red"), f" {len(failed)} tasks failed") if failed else _done("Pipeline", start))
    if published:
        show_results(console, home)
    show_addresses(console, airflow, running)
    if failed or not published:
        raise EmbeddedServerError(
            "the pipeline",
            found="\n".join(["failed tasks:", *map(str, failed), ""]) if failed else "no published table",
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


def run_pipeline(console: Console, client: AirflowClient, home: Path) -> tuple[bool, list[Failure]]:
    """Run the three DAGs once, showing progress.

    Returns:
        Whether the table was published, and the tasks that failed.
    """
    with Watcher(console, home) as watcher:
        runs = chain.follow(client, chain.begin(client, chain.now_utc()), watcher.watch)
    published = runs[-1].dag_id == chain.DAGS[-1] and client.updated_a_dataset(runs[-1])
    failed = [failure for run in runs for failure in chain.failures(client, run, home / "logs" / "airflow")]
    return published, failed


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
    console.print("Stop        make down", soft_wrap=True)


def _load_demo(running: Servers) -> str:
    if "BRAIN_SOURCE_URL" in brain_variables(os.environ):
        return "Source database: the one named by BRAIN_SOURCE_URL"
    from brain.demo.load import load_demo

    loaded = load_demo(running.connections()["BRAIN_DEMO_URL"])
    return f"Demo data: {len(loaded)} tables, {sum(table.rows for table in loaded):,} rows"


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
    return Text.assemble(("✓", "green"), f" {what} ", (f"{time.monotonic() - start:.0f} s", "dim"))
