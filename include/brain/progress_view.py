"""Progress on a console: a bar for each step on a terminal, a line now and then where there is none."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from brain.core.progress import ProgressLog, StepProgress

POLL_SECONDS = 0.5
QUIET_SECONDS = 15.0  # between two lines of one step where there is no terminal to draw a bar on


@dataclass(frozen=True)
class Line:
    """How far something is.

    Args:
        name: Of the step or the DAG.
        counted: What is counted: models, tables.
        note: What a person may want to know besides: time left, what was finished last.
    """

    name: str
    done: int
    total: int | None
    counted: str = ""
    note: str = ""
    ended: bool = False


class ProgressView:
    """Shows lines as they change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: dict[str, TaskID] = {}
        self._said: dict[str, tuple[str, float]] = {}
        self._progress = Progress(
            TextColumn("{task.description:<22}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counted]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, line: Line) -> None:
        """Draw or say a line."""
        if not self._console.is_terminal:
            self._say(line)
            return
        if line.name not in self._bars:
            self._bars[line.name] = self._progress.add_task(line.name, total=None, counted="", note="")
        bar = self._bars[line.name]
        self._progress.update(bar, completed=line.done, total=line.total, counted=line.counted, note=line.note)

    def _say(self, line: Line) -> None:
        text = f"  {line.name}: {line.done} of {line.total or '?'} {line.counted}  {line.note}".rstrip()
        said, at = self._said.get(line.name, ("", float("-inf")))
        if text != said and (line.ended or time.monotonic() - at > QUIET_SECONDS):
            self._said[line.name] = text, time.monotonic()
            self._console.print(text, highlight=False, soft_wrap=True, markup=False)


def line_of(step: StepProgress, name: str, counted: str = "") -> Line:
    """The line of a step that reports its own progress."""
    return Line(name, step.done, step.total, counted, _note(step), ended=step.done == step.total)


def _note(step: StepProgress) -> str:
    if step.seconds_left is None or step.done == step.total:
        return step.item
    minutes, seconds = divmod(round(step.seconds_left), 60)
    return f"{minutes}:{seconds:02d} left  {step.item}"


@contextmanager
def following(console: Console, log: ProgressLog) -> Iterator[None]:
    """Show what `log` tells, in a thread of its own, until the block ends."""
    ended = threading.Event()
    with ProgressView(console) as view:
        painter = threading.Thread(target=_follow, args=(view, log, ended), daemon=True)
        painter.start()
        try:
            yield
        finally:
            ended.set()
            painter.join()


def _follow(view: ProgressView, log: ProgressLog, ended: threading.Event) -> None:
    while True:
        last_round = ended.wait(POLL_SECONDS)
        for name, step in log.read().items():
            view.show(line_of(step, name))
        if last_round:
            return
