"""What signing, checking and counting cost of a daily run: the seconds in them, measured while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from brain import steps
from brain.core.counters import Counters
from brain.core.moment import Moment
from brain.core.signing import Signer
from brain.demo.load import load_demo
from brain.lake import signed_files
from brain.lake.segments import RowFiles
from brain.usecases.direction.catalogue import assets_of
from brain.warehouse.counters import KeptCounters

if TYPE_CHECKING:
    from brain.workspace import Workspace

TIMED: tuple[tuple[Any, str], ...] = (
    *((Signer, name) for name in ("sign", "problem")),
    (signed_files, "_covered"),
    *((KeptCounters, name) for name in ("_read", "_write")),
    (Counters, "saw"),
)
DAYS = (date(2018, 6, 28), date(2018, 6, 29))


class Clock:
    """Seconds spent in what is timed; of nested calls the outer one counts. And those spent on measuring."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.wasted = 0.0
        self._inside = False

    def add(self, seconds: float, *, again: float) -> None:
        """Seconds in a check, and those that it took to find them out."""
        self.seconds += max(0.0, seconds)
        self.wasted += again

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self._inside:
                return function(*arguments, **options)
            self._inside, start = True, time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - start
                self._inside = False

        return call


@contextmanager
def _watched(clock: Clock) -> Iterator[None]:
    """Time every signature, hash and counter; of a read, what it takes longer than one of the wanted columns alone."""
    read = vars(RowFiles)["_read"]

    def checked(self: RowFiles, segment: Any, columns: Any) -> Any:
        start = time.perf_counter()
        rows = read(self, segment, columns)
        middle = time.perf_counter()
        read(self, replace(segment, before=None), columns)
        clock.add(2 * middle - start - time.perf_counter(), again=time.perf_counter() - middle)
        return rows

    with ExitStack() as patched:
        for owner, name in TIMED:
            patched.enter_context(patch.object(owner, name, clock.timed(vars(owner)[name])))
        patched.enter_context(patch.object(RowFiles, "_read", checked))
        yield


def daily_run(workspace: Workspace, demo_url: str) -> dict[str, float]:
    """Seconds of the second day's run over the demo, and of the signing and checking in it."""
    run = workspace.run("direction", moment(DAYS[0]))
    names = assets_of(workspace.catalogue).names
    load_demo(demo_url, as_of=DAYS[0], assets=names)
    every_step(workspace, DAYS[0])
    load_demo(demo_url, as_of=DAYS[1], assets=names)
    clock, start = Clock(), time.perf_counter()
    with _watched(clock):
        every_step(workspace, DAYS[1])
    seconds = time.perf_counter() - start - clock.wasted
    models = sum(len(unit.targets) for unit in run.units)
    return {"models": models, "daily_seconds": seconds, "signing_share": clock.seconds / (seconds - clock.seconds)}


def every_step(workspace: Workspace, day: date) -> None:
    """Every step once, for the evening of `day`."""

    def run() -> Any:
        return workspace.run("direction", moment(day))

    names = [unit.name for unit in run().units]
    steps.extract(run(), names)
    steps.train(run(), names)
    steps.judge(run())
    steps.score(run(), names)
    steps.publish(run(), [names])


def moment(day: date) -> Moment:
    return Moment(datetime(day.year, day.month, day.day, 22, tzinfo=UTC))
