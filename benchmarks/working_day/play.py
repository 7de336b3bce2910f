"""Some steps of one day, in a process of their own: ``python -m benchmarks.working_day.play MOMENT WORKERS STEP…``.

A step is the name of one, or ``train:0:250`` for some units of it. Before each it waits for a line, after each it
writes what it took as a line of JSON: so the caller can look at the servers in between.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


from benchmarks.fleet.memory import watched
from brain import steps
from brain.again import publish_again, scored_from
from brain.core.errors import WorkerDied
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.core.workers import deal
from brain.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brain.results import UnitResult
    from brain.usecases.protocol import Run

CHUNK = 10  # units dealt at a time, as `orchestration.runs` deals them for training
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Day:
    """What the steps of one process share."""

    workspace: Workspace
    moment: Moment
    workers: int
    made: dict[str, Any] = field(default_factory=dict)  # what scoring leaves to publishing, as the pipeline does it

    @property
    def run(self) -> Run:
        return self.workspace.run("direction", self.moment)


def settings_day(settings: Settings, moment: Moment, workers: int) -> Day:
    """A day by the catalogue that settings name."""
    return Day(open_workspace(settings), moment, workers)


def main() -> None:
    """Do the steps of the command line."""
    logging.disable(logging.CRITICAL)
    moment, workers, *names = sys.argv[1:]
    day = settings_day(Settings.load(), Moment(datetime.fromisoformat(moment)), int(workers))
    for name in names:
        sys.stdin.readline()
        print(json.dumps(measured(day, name)), flush=True)


def measured(day: Day, name: str) -> dict[str, Any]:
    """Do a step; what it took, and what it told."""
    with watched(SAMPLE_SECONDS) as peak:
        start, cpu, moved = time.perf_counter(), _cpu(), _file_bytes()
        told = _do(day, name)
        took = {"seconds": time.perf_counter() - start, "cpu": _cpu() - cpu, "file_bytes": _file_bytes() - moved}
    return {"step": name.partition(":")[0], **took, "peak_mb": peak[0], **told}


def _do(day: Day, name: str) -> dict[str, Any]:
    step, _, part = name.partition(":")
    run = day.run
    units = [unit.name for unit in run.units]
    if step in ("extract", "train"):
        first, _, last = part.partition(":")
        chosen = units[int(first or 0) : int(last or len(units))]
        return _told(_dealt(day, steps.extract if step == "extract" else steps.train, chosen))
    if step == "score":
        day.made["from"] = scored_from(run)
        day.made["again"] = publish_again(run, day.made["from"])
        return {"told": "published again", "failed": 0} if day.made["again"] else _told(steps.score(run, units))
    if step == "judge":
        return {"told": dict(steps.judge(run)), "failed": 0}
    if step == "publish":
        publication = day.made["again"] or steps.publish(run, [units], day.made["from"])
        return {"told": publication.line(), "failed": publication.stale}
    if step == "evaluate":
        (found,) = steps.evaluate(run)
        return {"told": found.line(), "due": found.total.due, "failed": 0}
    raise ValueError(f"no step is called {step!r}")


def _dealt(day: Day, step: Callable[[Run, Sequence[str]], list[UnitResult]], units: Sequence[str]) -> list[UnitResult]:
    """In this process, or over some others as the pipeline does."""
    if day.workers == 1:
        return step(day.run, units)
    chunks = {units[first]: tuple(units[first : first + CHUNK]) for first in range(0, len(units), CHUNK)}
    found = deal(partial(_chunk, step, day), chunks, day.workers)
    assert not any(isinstance(one, WorkerDied) for one in found), "a worker died"
    return [result for one in found if not isinstance(one, WorkerDied) for result in one]


def _chunk(step: Callable[[Run, Sequence[str]], list[UnitResult]], day: Day, units: Sequence[str]) -> list[UnitResult]:
    logging.disable(logging.CRITICAL)
    return step(day.run, units)


def _told(results: Sequence[UnitResult]) -> dict[str, Any]:
    done = [model.done for result in results for model in result.models]
    failed = [result for result in results if not result.ok]
    first = f"; {failed[0].unit}: {failed[0].reason}" if failed else ""
    counts = {name: done.count(name) for name in sorted(set(done))}
    return {"told": f"{len(results)} units{first}", "failed": len(failed), "models": counts}


def _cpu() -> float:
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _file_bytes() -> int:
    """Read from and written to files by this process and those that have ended; what libraries are made of is in it."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["rchar"]) + int(told["wchar"])


if __name__ == "__main__":
    main()
