"""What a person sees on a terminal: the progress of a run, and tables that are never cut short."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rich.progress import TaskID

    from brain.core.progress import ProgressLog, StepProgress
    from brain.warehouse.read import Answer

REFRESH_SECONDS = 0.5


class ServerLine(Protocol):
    """What is shown of a server."""

    @property
    def name(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def address(self) -> str: ...
    @property
    def log(self) -> Path: ...


def show_answer(console: Console, answer: Answer, title: str = "", query: str = "") -> None:
    """Print a query's result whole: a line that does not fit is the terminal's to wrap, a digit is never dropped."""
    if title:
        console.print(f"\n[bold]{title}[/]\n[dim]{query}[/]", soft_wrap=True, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in answer.columns:
        table.add_column(name, no_wrap=True)
    for row in answer.rows:
        table.add_row(*map(_cell, row))
    _print_whole(console, table)


def show_probabilities(console: Console, answer: Answer) -> None:
    """Print the wide table narrow enough for 80 columns: ``5d`` for the horizon, ``.531`` for the probability."""
    table = Table(box=None, padding=(0, 1, 0, 0), title="Probabilities", title_justify="left")
    kept = [index for index, name in enumerate(answer.columns) if name != "published_at"]
    for index in kept:
        table.add_column(answer.columns[index].replace("_Day_Probability", "d"), no_wrap=True, justify="right")
    for row in answer.rows:
        table.add_row(*(f"{row[i]:.3f}".lstrip("0") if isinstance(row[i], float) else _cell(row[i]) for i in kept))
    _print_whole(console, table)


def show_status(console: Console, servers: Iterable[ServerLine]) -> None:
    """Print which servers run on this machine, where they listen and log."""
    table = Table("server", "running", "address", "log", box=box.SIMPLE_HEAD)
    for line in servers:
        table.add_row(line.name, "[green]yes[/]" if line.running else "[red]no[/]", line.address, str(line.log))
    _print_whole(console, table)


def _print_whole(console: Console, table: Table) -> None:
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    wide = Console(file=console.file, width=max(needed, console.width), force_terminal=console.is_terminal)
    wide.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


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
