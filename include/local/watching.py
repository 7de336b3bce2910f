"""Progress of the DAGs on the console: which step, how many models done, time left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console

from brain.core.moment import Moment
from brain.core.progress import FOLDER, ProgressLog, StepProgress
from brain.progress_view import Line, ProgressView, line_of
from local.airflow_client import DagRun, TaskRun

# The step each DAG reports its progress under, and what it counts.
STEPS = {
    "extract_assets": ("extract", "tables"),
    "train_models": ("train", "models"),
    "publish_probabilities": ("score", "units"),
    "evaluate_probabilities": ("evaluate", "ledgers"),
}
FIRST = next(iter(STEPS))
DONE = ("success", "failed", "skipped", "upstream_failed")


class Watcher:
    """Shows how far each DAG is."""

    def __init__(self, console: Console, home: Path) -> None:
        self._folder = home / FOLDER
        self._log: ProgressLog | None = None
        self._view = ProgressView(console)

    def __enter__(self) -> Self:
        self._view.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._view.__exit__(kind, error, trace)

    def watch(self, run: DagRun, tasks: Sequence[TaskRun]) -> None:
        """Show how far `run` is."""
        self._view.show(self._line(run, tasks))

    def _line(self, run: DagRun, tasks: Sequence[TaskRun]) -> Line:
        """What the step itself reports, or, as long as it does not, Airflow's tasks."""
        step, counted = STEPS[run.dag_id]
        found = self._step(run, step)
        if found is not None and found.total is not None and not run.finished:
            return line_of(found, run.dag_id, counted)
        if found is not None and found.total is not None:
            return Line(run.dag_id, found.done, found.total, counted, run.state, ended=True)
        done = sum(task.state in DONE for task in tasks)
        note = run.state if run.finished else ""
        return Line(run.dag_id, done, len(tasks) or None, "tasks", note, ended=run.finished)

    def _step(self, run: DagRun, step: str) -> StepProgress | None:
        """What `step` reports; the moment travels with the datasets, so all runs report to one log."""
        if self._log is None:
            self._log = self._find_log(run)
        return self._log.read().get(step) if self._log else None

    def _find_log(self, run: DagRun) -> ProgressLog | None:
        """The log of the run's moment; the newest one where a run that was under way no longer says its moment."""
        if run.moment is not None:
            exact = ProgressLog(self._folder / f"{Moment(run.moment).slug}.jsonl")
            if exact.path.exists():
                return exact
        if run.dag_id == FIRST:
            return None  # it has not reported yet
        logs = sorted(self._folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        return ProgressLog(logs[-1]) if logs else None
