"""What a fault is injected into: a world on one of its days, and the steps of that day as tasks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.fault_injection.children import Outcome, Task, run
from benchmarks.fault_injection.play import SEED

if TYPE_CHECKING:
    import random

    from benchmarks.fault_injection.findings import Findings
    from benchmarks.fault_injection.machine import Machine, World
    from benchmarks.fault_injection.play import Play
    from brain.core.moment import Moment

TRIES = 3
STRETCHES = (1.0, 1.0, 1.0, 2.0)
PAUSE = 0.2


@dataclass
class Stage:
    """A world while faults strike it.

    Args:
        seconds: By step, how long it took lately when nothing struck it.
        reader: Who looks on; None where nobody does.
        plant: A defect put into every child on purpose.
        is_last: Whether it is the last day of the world.
        manifests: By name of an input, as the day before left them.
        pointers: By `_id`, as the day before left them.
    """

    world: World
    draw: random.Random
    findings: Findings
    seconds: dict[str, float]
    reader: Any = None
    plant: str = ""
    day: int = 0
    is_last: bool = False
    manifests: dict[str, bytes] = field(default_factory=dict)
    pointers: dict[str, Any] = field(default_factory=dict)

    @property
    def machine(self) -> Machine:
        return self.world.machine

    @property
    def play(self) -> Play:
        return self.world.play

    def moment(self, day: int | None = None) -> Moment:
        """The evening of the day, or of another one."""
        return self.play.moment(self.day if day is None else day)

    def load(self, day: int | None = None) -> None:
        """Make the source tables what they are in the evening of the day, or of another one."""
        self.play.load(self.world.market_url, SEED, self.day if day is None else day)

    def scores(self, *, day: int | None = None) -> list[Task]:
        """Scoring of every chunk."""
        return [self.task("score", chunk, day=day) for chunk in self.play.chunks]

    def task(self, step: str, units: tuple[str, ...] = (), *, day: int | None = None, skew: float = 0.0) -> Task:
        """A step of the day, or of another one."""
        at, play = self.moment(day).at.isoformat(), self.play
        return Task(step, units, at, self.world.variables(), play.use_case, play.chunks, self.plant, skew)

    def tasks(self, *, day: int | None = None) -> list[Task]:
        """The steps of the day, or of another one, in order."""
        first = [
            self.task("extract", self.play.units, day=day),
            self.task("train", self.play.units, day=day),
            self.task("judge", day=day),
        ]
        return [*first, *self.scores(day=day), self.task("publish", day=day), self.task("tidy", day=day)]

    def instant(self, task: Task) -> float:
        """A random time inside the step, in seconds; now and then later, for the machine may be busier than before."""
        return self.draw.uniform(0, self.seconds[task.step]) * self.draw.choice(STRETCHES)

    def judge(self, outcome: Outcome, task: Task, *, killed: bool = False) -> None:
        """What a passing fault may do to a step: nothing, or an error that a retry may help."""
        if outcome.kind == "hung":
            self.findings.report("ends", f"a step hangs: {outcome.told}")
        elif outcome.kind == "killed" and not killed:
            self.findings.report("ends", f"{task.step} died by itself")
        elif outcome.kind == "refused":
            self.findings.report("passing", f"{task.step} failed for good: {outcome.told}")

    def ensure(self, task: Task) -> bool:
        """Run a step again until it goes through, as a scheduler does; without faults it does."""
        for _ in range(TRIES):
            outcome, seconds = run(task)
            if outcome.kind == "done":
                self.seconds[task.step] = (self.seconds.get(task.step, seconds) + seconds) / 2
                return True
            if outcome.kind != "failed":
                break
            time.sleep(PAUSE)
        self.findings.report("converges", f"{task.step} does not go through any more: {outcome.kind} {outcome.told}")
        return False
