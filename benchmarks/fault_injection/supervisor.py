"""Plays the same days twice: once undisturbed, then again and again under faults; both must come to the same."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.fault_injection import state
from benchmarks.fault_injection.children import Child, run, start_server
from benchmarks.fault_injection.findings import Findings
from benchmarks.fault_injection.injections import KINDS
from benchmarks.fault_injection.machine import machine, world
from benchmarks.fault_injection.plants import PLANTS
from benchmarks.fault_injection.plays import PLAYS
from benchmarks.fault_injection.stage import Stage
from brain.store.connection import database

if TYPE_CHECKING:
    from benchmarks.fault_injection.children import Task
    from benchmarks.fault_injection.machine import Machine, World
    from benchmarks.fault_injection.play import Play, Truth


@dataclass(frozen=True)
class Plan:
    """How hard the faults strike.

    Args:
        days: Of each world.
        faults: How many strike each step.
        kinds: Which ones; keys of `KINDS`.
        steps: Strike only these; all where none is named.
        plant: A defect put in on purpose.
    """

    days: int = 4
    faults: int = 4
    kinds: Collection[str] = tuple(KINDS)
    steps: Collection[str] = ()
    plant: str = ""


@dataclass
class Reference:
    """What the days give undisturbed.

    Args:
        play: What is played.
        states: By day.
        seconds: By step, the longest.
    """

    play: Play
    states: list[state.State] = field(default_factory=list)
    truth: Truth = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@contextmanager
def prepared(days: int, play: Play = PLAYS["direction"]) -> Iterator[tuple[Machine, Reference]]:
    """A running machine, and what so many days give undisturbed on it."""
    start_server()
    with machine() as running:
        yield running, _undisturbed(running, days, play)


def _undisturbed(running: Machine, days: int, play: Play) -> Reference:
    made = Reference(play)
    with world(running, play) as quiet:
        stage = Stage(quiet, random.Random(0), Findings(), {})
        for day in range(days):
            stage.day = day
            stage.load()
            for task in stage.tasks():
                outcome, seconds = run(task)
                assert outcome.kind == "done", (task.step, outcome)
                made.seconds[task.step] = max(seconds, made.seconds.get(task.step, 0.0) if day > 1 else 0.0)
            made.states.append(state.state(quiet, day))
            made.truth |= play.truth(quiet)
    return made


def disturbed(running: Machine, reference: Reference, seed: int, plan: Plan, findings: Findings) -> None:
    """One world under the faults that `seed` draws; stops at the end of a day on which something was found."""
    findings.faults.clear()
    with world(running, reference.play) as shaken:
        url = lambda: shaken.variables(direct=True)["BRAIN_READER_URL"]  # noqa: E731
        reader = reference.play.reader(url, findings, reference.truth)
        stage = Stage(shaken, random.Random(seed), findings, dict(reference.seconds), reader, plan.plant)
        with reader:
            for day in range(plan.days):
                _play(stage, day, plan)
                if not _settle(stage, reference):
                    return
    findings.count("worlds")


def _play(stage: Stage, day: int, plan: Plan) -> None:
    stage.day, stage.is_last = day, day == plan.days - 1
    stage.manifests = _manifests(stage.world)
    stage.pointers = {found["_id"]: found for found in database(stage.world.settings.mongo_url)["champions"].find()}
    stage.load()
    for task in stage.tasks():
        for name in _drawn(stage, task, plan):
            KINDS[name].inject(stage, task)
        stage.ensure(task)
        stage.findings.count("steps brought to their end")


def _drawn(stage: Stage, task: Task, plan: Plan) -> list[str]:
    if plan.steps and task.step not in plan.steps:
        return []
    kinds = [name for name in KINDS if name in plan.kinds and name not in stage.play.spared]
    fitting = [name for name in kinds if task.step in KINDS[name].steps]
    weights = [KINDS[name].weight for name in fitting]
    return stage.draw.choices(fitting, weights, k=plan.faults) if fitting else []


def _settle(stage: Stage, reference: Reference) -> bool:
    """Compare with the undisturbed day when nothing runs; whether nothing was found so far."""
    world, moment, findings = stage.world, stage.moment(), stage.findings
    state.age_unfinished(world, moment)
    Child(stage.task("tidy")).outcome()
    time.sleep(0.05)  # the reader has looked at it, too
    for told in state.differences(state.state(world, stage.day), reference.states[stage.day]):
        findings.report("converges", f"day {stage.day}: {told}")
    state.check_champions(world, moment, findings)
    world.play.check_numbers(world, moment, findings)
    state.check_orphans(world, moment, findings)
    findings.count("days compared")
    return not findings.found


def _manifests(world: World) -> dict[str, bytes]:
    found = {name: world.folder(name) / "manifest.json" for name in world.play.inputs}
    return {name: path.read_bytes() for name, path in found.items() if path.exists()}


def finds(running: Machine, reference: Reference, name: str, seeds: Collection[int] = range(1, 9)) -> Findings | None:
    """What the faults show of a defect that was put in on purpose; None if they miss it with every seed."""
    planted = PLANTS[name]
    assert planted.play == reference.play.use_case, (name, planted.play)
    days = 2 if "late" in planted.kinds else 1
    for seed in seeds:
        findings = Findings()
        disturbed(running, reference, seed, Plan(days, 3, planted.kinds, planted.steps, name), findings)
        if {one.rule for one in findings.found} & set(planted.rules):
            return findings
    return None
