"""How far a run is: one append-only file a run, written by many processes at once, read by whoever watches.

A line is one JSON object, appended in a single write, which the system keeps whole. A step says once how many items it
expects, and names each item it has finished; naming an item twice (a retried task) counts once. Reporting never stops
the work it reports on: a file that cannot be written is a warning in the log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from brain.core.moment import Moment

log = logging.getLogger(__name__)

FOLDER = "progress"
_SLUG = re.compile(r"\d{8}T\d{6}Z")  # of a moment


@dataclass(frozen=True)
class StepProgress:
    """How far one step is.

    Args:
        step: Its name.
        done: Items finished.
        total: Items expected; None before the step has said so.
        item: The item finished last; empty before the first.
        seconds: From the step's first line to its last.
    """

    step: str
    done: int
    total: int | None
    item: str
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Time left at the present pace; None before there is one."""
        if self.total is None or not self.done:
            return None
        return self.seconds / self.done * max(self.total - self.done, 0)


@dataclass(frozen=True)
class ProgressLog:
    """The progress of one run."""

    path: Path

    @classmethod
    def of(cls, home: Path, moment: Moment) -> ProgressLog:
        """The log of the run about `moment`, whichever DAG or command it is in."""
        return cls(home / FOLDER / f"{moment.slug}.jsonl")

    def expect(self, step: str, total: int) -> None:
        """Say how many items `step` has to do; said again, the last one counts."""
        self._append({"step": step, "total": total})

    def report(self, step: str, item: str) -> None:
        """Say that `step` has finished `item`."""
        self._append({"step": step, "item": item})

    def read(self) -> dict[str, StepProgress]:
        """Every step seen so far, in the order of their first lines."""
        lines: dict[str, list[dict[str, Any]]] = {}
        for line in self._lines():
            lines.setdefault(line["step"], []).append(line)
        return {step: _summary(step, found) for step, found in lines.items()}

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for text in self.path.read_text(encoding="utf-8").splitlines(keepends=True):
            if text.endswith("\n"):  # the last line may still be in the writing
                with contextlib.suppress(ValueError):  # a full disk has cut it off
                    yield json.loads(text)

    def _append(self, line: dict[str, Any]) -> None:
        data = json.dumps({**line, "at": time.time()}).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("progress is not shown: %s cannot be written (%s)", self.path, error.strerror)


def forget_runs(home: Path, before: date) -> int:
    """Delete the logs of runs about moments before that day; returns how many. What cannot be deleted stays."""
    count = 0
    for path in sorted((home / FOLDER).glob("*.jsonl")):
        if _SLUG.fullmatch(path.stem) and path.stem[:8] < before.isoformat().replace("-", ""):
            with contextlib.suppress(OSError):  # another tidying was faster, or somebody else's file
                path.unlink()
                count += 1
    return count


def _summary(step: str, lines: list[dict[str, Any]]) -> StepProgress:
    totals = [line["total"] for line in lines if "total" in line]
    items = [line["item"] for line in lines if "item" in line]
    return StepProgress(
        step=step,
        done=len(set(items)),
        total=totals[-1] if totals else None,
        item=items[-1] if items else "",
        seconds=lines[-1]["at"] - lines[0]["at"],
    )
