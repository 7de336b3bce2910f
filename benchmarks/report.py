"""How a benchmark is timed, printed and kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brain.core.release import Release

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Report:
    """One benchmark's outcome.

    Args:
        title: What was measured, on what.
        columns: The table's header.
        rows: The table's rows; cells are printed as they are.
        figures: Numbers by name: the last line printed, as one JSON object.
        notes: What a reader must know to read the table fairly.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    figures: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        table = Table(*self.columns, title=self.title)
        for row in self.rows:
            table.add_row(*map(_cell, row))
        console.print(table)
        for note in self.notes:
            console.print(f"- {note}")

    def keep(self, name: str, command: str, release: Release, unmet: Sequence[str] = ()) -> Path:
        """Write the table and the figures to ``benchmarks/results/NAME.md``.

        Args:
            release: The code that was run.
            unmet: What does not hold of the figures.
        """
        path = RESULTS / f"{name}.md"
        lines = [f"# {self.title}", "", f"Made by `{command}` on {_machine()}, {_commit(release)}.", ""]
        lines += [f"**Does not hold**: {complaint}." for complaint in unmet] + ([""] if unmet else [])
        lines += ["| " + " | ".join(self.columns) + " |", "|" + "---|" * len(self.columns)]
        lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in self.rows]
        lines += ["", *(f"- {note}" for note in self.notes), "", "```json", json.dumps(self.figures), "```", ""]
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines))
        return path


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall-clock seconds of `repeats` calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _commit(release: Release) -> str:
    if not release.commit:
        return "from no git checkout"
    return f"at commit {release.commit[:12]}{'' if release.clean else ' with uncommitted changes'}"


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"
