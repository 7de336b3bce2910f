"""Progress of the three DAGs on the console: which step, how many models done, time left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from brain.core.moment import Moment
from brain.core.progress import FOLDER, ProgressLog, StepProgress
from local.airflow_client import DagRun, TaskRun

# The step each DAG reports its progress under, and what it counts.
STEPS = {
    "extract_assets": ("extract", "tables"),
    "train_models": ("train", "models"),
    "publish_probabilities": ("score", "assets"),
}
FIRST = next(iter(STEPS))
QUIET_SECONDS = 15.0  # between two lines where there is no terminal to draw a bar on


class Watcher:
    """Draws one bar a DAG; without a terminal, prints a line now and then."""

    def __init__(self, console: Console, home: Path) -> None:
        self.console = console
        self.folder = home / FOLDER
        self.log: ProgressLog | None = None
        self.bars: dict[str, TaskID] = {}
        self.said: dict[str, tuple[str, float]] = {}
        self.progress = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def watch(self, run: DagRun, tasks: Sequence[TaskRun]) -> None:
        """Show how far `run` is."""
        done, total, unit, note = self._measure(run, tasks)
        if run.dag_id not in self.bars:
            self.bars[run.dag_id] = self.progress.add_task(run.dag_id, total=None, unit=unit, note="")
        self.progress.update(self.bars[run.dag_id], completed=done, total=total, unit=unit, note=note)
        if self.console.is_terminal:
            return
        line = f"  {run.dag_id}: {done} of {total or '?'} {unit}  {note}"
        said, at = self.said.get(run.dag_id, ("", float("-inf")))
        if line != said and (run.finished or time.monotonic() - at > QUIET_SECONDS):
            self.said[run.dag_id] = line, time.monotonic()
            self.console.print(line, highlight=False, soft_wrap=True)

    def _measure(self, run: DagRun, tasks: Sequence[TaskRun]) -> tuple[int, int | None, str, str]:
        """What the step itself reports, or, as long as it does not, Airflow's tasks."""
        step, unit = STEPS[run.dag_id]
        found = self._step(run, step)
        if found is not None and found.total is not None:
            note = run.state if run.finished else _time_left(found)
            return found.done, found.total, unit, note
        done = sum(task.state in ("success", "failed", "skipped", "upstream_failed") for task in tasks)
        return done, len(tasks) or None, "tasks", run.state if run.finished else ""

    def _step(self, run: DagRun, step: str) -> StepProgress | None:
        """What `step` reports; the interval travels with the datasets, so all three runs report to one log."""
        if self.log is None:
            self.log = self._find_log(run)
        return self.log.read().get(step) if self.log else None

    def _find_log(self, run: DagRun) -> ProgressLog | None:
        """The log of the run's interval; the newest one where a run that was under way no longer says its interval."""
        if run.data_interval_end is not None:
            exact = ProgressLog(self.folder / f"{Moment(run.data_interval_end).slug}.jsonl")
            if exact.path.exists():
                return exact
        if run.dag_id == FIRST:
            return None  # it has not reported yet
        logs = sorted(self.folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        return ProgressLog(logs[-1]) if logs else None


def _time_left(step: StepProgress) -> str:
    if step.seconds_left is None:
        return step.item
    minutes, seconds = divmod(round(step.seconds_left), 60)
    return f"{minutes}:{seconds:02d} left  {step.item}"
