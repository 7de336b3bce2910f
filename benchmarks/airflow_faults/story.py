"""Some days of a machine's life in which tasks and the scheduler are killed, days are run twice, late and again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.airflow_faults import faults
from benchmarks.airflow_faults.market import ASSETS
from local.chain import DAGS

if TYPE_CHECKING:
    from datetime import datetime

    from benchmarks.airflow_faults.machine import Machine

EXTRACT, TRAIN, PUBLISH = DAGS
LATER = timedelta(hours=5)  # the second run of a day
FIRST_SECONDS, DAY_SECONDS, FAULT_SECONDS = 240.0, 60.0, 120.0


@dataclass
class Story:
    """What was done.

    Args:
        moments: Every moment that was asked for, in order.
        trained: The moments of the trainings, in the order of their runs: one that is run again comes twice.
        killed: How many tasks were killed in the middle of a step, by what they did.
        schedulers: How many schedulers were killed.
        cleared: How many runs were run again.
    """

    moments: list[datetime] = field(default_factory=list)
    trained: list[datetime] = field(default_factory=list)
    killed: dict[str, int] = field(default_factory=dict)
    schedulers: int = 0
    cleared: int = 0


def play(machine: Machine, days: int, rounds: int = 1, seed: int = 0) -> Story:
    """A first day, then a backfill of `days` with faults, then a day run twice and one of the first days run again.

    Args:
        rounds: How often each fault comes.
    """
    story, chance = Story(), random.Random(seed)
    first = machine.moment(days + 2)
    machine.operator.trigger(EXTRACT, first)
    machine.operator.await_quiet(FIRST_SECONDS, 1)
    assert [run.state for run in machine.operator.runs(PUBLISH)] == ["success"], (
        f"the first day failed in {machine.home}"
    )
    backfilled = [machine.moment(ago) for ago in range(days + 1, 1, -1)]
    published = 1
    for part in _parts(backfilled, max(rounds, 1)):
        machine.operator.backfill(part[0], part[-1])
        if rounds:
            _fault_each(machine, story)
            _let_publish(machine, chance.randrange(1, 3))
            faults.kill_scheduler(machine)
            story.schedulers += 1
            faults.restart(machine)
        published += len(part)
        machine.operator.await_quiet(len(part) * DAY_SECONDS + 4 * FAULT_SECONDS, published)
    twice = [backfilled[-1] + LATER, machine.moment(1)]
    for moment in twice:
        machine.operator.trigger(EXTRACT, moment)
    for moment in backfilled[:rounds]:
        again = next(run for run in machine.operator.runs(EXTRACT) if run.moment == moment)
        machine.operator.clear(EXTRACT, again.run_id)
        story.cleared += 1
    machine.operator.await_quiet(FIRST_SECONDS + rounds * DAY_SECONDS, 1 + days + len(twice) + story.cleared)
    story.moments = [first, *backfilled, *twice]
    story.trained = [run.moment for run in machine.operator.runs(TRAIN) if run.moment]
    return story


def _parts(moments: list[datetime], count: int) -> list[list[datetime]]:
    """Moments in `count` parts, each with days of its own to catch up while a fault of every kind comes."""
    size = -(-len(moments) // count)
    return [moments[start : start + size] for start in range(0, len(moments), size)]


def _fault_each(machine: Machine, story: Story) -> None:
    """Kill a task of each kind in the middle of its step; the others go on meanwhile."""
    faults.kill_in_the_middle(machine, faults.reading(machine, ASSETS[-1]), EXTRACT, "extract")
    faults.kill_in_the_middle(machine, faults.storing(machine), TRAIN, "train")
    faults.kill_in_the_middle(machine, faults.publishing(machine), PUBLISH, "publish")
    for name in ("extract", "train", "publish"):
        story.killed[name] = story.killed.get(name, 0) + 1


def _let_publish(machine: Machine, count: int) -> None:
    """Wait for some more publications, or until nothing is left to publish."""
    query = "SELECT count(DISTINCT published_at) FROM probability_history"
    ((before,),) = machine.ask(query)
    deadline = time.monotonic() + FAULT_SECONDS
    while machine.ask(query)[0][0] < before + count and time.monotonic() < deadline:
        time.sleep(0.2)
