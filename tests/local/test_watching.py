"""What a reader of the console sees of a run, without a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from brain.core.moment import Moment
from brain.core.progress import ProgressLog
from local.airflow_client import DagRun, TaskRun
from local.watching import Watcher

END = datetime(2022, 12, 28, tzinfo=UTC)


@pytest.fixture
def shown() -> StringIO:
    return StringIO()


def watch(home: Path, shown: StringIO, *runs: DagRun, tasks: tuple[TaskRun, ...] = ()) -> str:
    with Watcher(Console(file=shown, width=200), home) as watcher:
        for run in runs:
            watcher.watch(run, tasks)
    return shown.getvalue()


def test_models_are_counted_as_the_step_reports_them(home: Path, shown: StringIO) -> None:
    log = ProgressLog.of(home, Moment(END))
    log.expect("train", 286)
    log.report("train", "GOLD 5")
    assert "1 of 286 models" in watch(home, shown, DagRun("train_models", "run", "running", END))


def test_a_run_without_an_interval_is_found_in_the_log_of_the_run_before(home: Path, shown: StringIO) -> None:
    log = ProgressLog.of(home, Moment(END))
    log.expect("extract", 26)
    log.expect("train", 286)
    text = watch(
        home,
        shown,
        DagRun("extract_assets", "run", "running", END),
        DagRun("train_models", "run", "running", None),
    )
    assert "0 of 26 tables" in text
    assert "0 of 286 models" in text


def test_tasks_are_counted_until_the_step_reports(home: Path, shown: StringIO) -> None:
    tasks = (TaskRun("plan", -1, None, "success", 1), TaskRun("extract", 0, None, "running", 1))
    assert "1 of 2 tasks" in watch(home, shown, DagRun("extract_assets", "run", "running", END), tasks=tasks)


def test_an_unchanged_line_is_said_once_and_the_end_is_said_at_once(home: Path, shown: StringIO) -> None:
    running = DagRun("extract_assets", "run", "running", END)
    text = watch(home, shown, running, running, DagRun("extract_assets", "run", "success", END))
    assert len(text.splitlines()) == 2
    assert text.rstrip().endswith("success")
