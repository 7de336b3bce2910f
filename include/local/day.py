"""What `make day` does: one trading day of the demo data passes, and every DAG runs on it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from brain.core.environment import brain_variables
from brain.core.errors import EmbeddedServerError, SettingsError
from local import chain, servers
from local.airflow import COMPONENTS, USER
from local.airflow_client import AirflowClient
from local.one_machine import airflow_of
from local.showing import show_scorecards, show_summaries
from local.state import load_state
from local.walkthrough import run_pipeline, runs_of, told_failures
from local.watching import Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def run_day(console: Console, home: Path) -> None:
    """Let one trading day pass, run the DAGs, and say what was read, trained, published and scored.

    Raises:
        SettingsError: The source is another database than the demo's.
        BrainError: Airflow does not run, or a task failed; the message names the log to read.
    """
    from brain.cli_demo import passed
    from brain.demo.days import next_day

    _require_demo()
    state = load_state(home)
    airflow = airflow_of(home)
    if airflow.running(state) != list(COMPONENTS):
        raise EmbeddedServerError(
            "Airflow",
            found="not running" if not airflow.running(state) else "a part of it not running",
            expected="what `make run` starts",
            remedy="Run `make run` first; then `make day` lets one day pass.",
        )
    start, running = time.monotonic(), servers.up(home)
    client = AirflowClient(airflow.url(state), USER, airflow.password(state))
    with Watcher(console, home) as watcher:
        chain.settle(client, watcher.watch)  # it would read some of the new rows, and not all
    loaded = next_day(running.connections()["BRAIN_DEMO_URL"])
    console.print(passed(loaded), highlight=False, soft_wrap=True)
    if all(line.last_day == line.last_day_before for line in loaded):
        return
    ran = run_pipeline(console, client, home, lambda: chain.begin_anew(client, chain.now_utc()))
    console.print(f"{'Took':<12}{time.monotonic() - start:.0f} s", highlight=False)
    show_summaries(console, runs_of(home, ran.moment))
    show_scorecards(console, runs_of(home, ran.moment))
    told_failures(ran)


def _require_demo() -> None:
    if "BRAIN_SOURCE_URL" in brain_variables(os.environ):
        raise SettingsError(
            "BRAIN_SOURCE_URL",
            found="a source database of your own",
            expected="the demo's, whose days can be let pass",
            remedy="Unset it to play the demo, or add rows to your tables and run `make run`.",
        )
