"""The progress of a run on a terminal: which step, how many items done, time left."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import TaskID

    from brain.core.progress import ProgressLog, StepProgress

REFRESH_SECONDS = 0.5


@contextmanager
def shown(console: Console, log: ProgressLog) -> Iterator[None]:
    """Show what `log` tells, in a thread of its own, until the block ends."""
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("[dim]{task.fields[item]}"),
    )
    ended = threading.Event()
    with Progress(*columns, console=console) as progress:
        painter = threading.Thread(target=_paint, args=(progress, log, ended), daemon=True)
        painter.start()
        try:
            yield
        finally:
            ended.set()
            painter.join()


def _paint(progress: Progress, log: ProgressLog, ended: threading.Event) -> None:
    lines: dict[str, TaskID] = {}
    while True:
        last_round = ended.wait(REFRESH_SECONDS)
        for step, found in log.read().items():
            if step not in lines:
                lines[step] = progress.add_task(step, left="", item="")
            progress.update(lines[step], total=found.total, completed=found.done, left=_left(found), item=found.item)
        if last_round:
            return


def _left(found: StepProgress) -> str:
    left = found.seconds_left
    return "" if left is None or found.done == found.total else f"about {left:.0f} s left"
