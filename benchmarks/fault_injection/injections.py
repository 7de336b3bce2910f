"""The faults, each a function of a stage and of the step that it strikes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.fault_injection.children import Child, Outcome
from benchmarks.fault_injection.edits import Edit, edit_document, edit_lake, edit_staged
from brain.core.errors import QueryRefused
from brain.scoring.staged import FOLDER
from brain.warehouse.connection import IN_A_CIRCLE
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from benchmarks.fault_injection.children import Task
    from benchmarks.fault_injection.stage import Stage

ROUNDS = 3  # runs after which the lake must be healed
YEAR = 365 * 86_400.0
EVERY = ("extract", "train", "judge", "score", "publish", "tidy")


def kill(stage: Stage, task: Task) -> None:
    """SIGKILL at a random time inside the step."""
    child = Child(task)
    child.await_begin()
    wait = stage.instant(task)
    inside = not child.ended_within(wait) and child.kill()
    if inside:
        stage.findings.fault("kills inside steps", f"{task.step} killed after {wait:.3f} s")
        stage.findings.count(f"kills in {task.step}")
    stage.judge(child.outcome(), task, killed=inside)


def kill_server(stage: Stage, task: Task) -> None:
    """A server dies at a random time inside the step, and is started again."""
    which = stage.draw.choice(("postgres", "mongo"))
    child = Child(task)
    child.await_begin()
    wait = stage.instant(task)
    child.ended_within(wait)
    stage.machine.kill(which)
    stage.findings.fault("server kills", f"{which} killed {wait:.3f} s into {task.step}")
    stage.findings.count(f"kills of {which}")
    stage.machine.recover()
    stage.judge(child.outcome(), task)


def cut(stage: Stage, task: Task) -> None:
    """Connections are cut: all at once, for a while, or with the answer on its way."""
    proxy = stage.draw.choice((stage.machine.postgres, stage.machine.mongo))
    how = stage.draw.choice(("at once", "for a while", "before an answer", "before an answer"))
    child = Child(task)
    child.await_begin()
    wait = stage.instant(task)
    child.ended_within(wait)
    before = proxy.cuts
    if how == "before an answer":
        proxy.swallow()
    else:
        proxy.refuse(how == "for a while")
        proxy.cut()
    child.ended_within(stage.draw.uniform(0, 1) if how == "for a while" else 0)
    proxy.refuse(False)
    outcome = child.outcome()
    proxy.heal()
    if proxy.cuts > before:
        stage.findings.fault("cut connections", f"{how}, {wait:.3f} s into {task.step}")
    stage.judge(outcome, task)


def fill_disk(stage: Stage, task: Task) -> None:
    """The lake's disk is full but for some bytes, from the start of the step or from its middle."""
    disk = stage.machine.small_disk
    if disk is None:
        return
    child = Child(task)
    child.await_begin()
    child.ended_within(stage.draw.choice((0.0, stage.instant(task))))
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**20))
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(512))
    left = stage.draw.choice((0, 0, 4_096, 16_384, 65_536))
    with filler.open("rb+") as file:
        file.truncate(max(0, filler.stat().st_size - left))
    outcome = child.outcome()
    filler.unlink()
    stage.findings.fault("full disks", f"{left} bytes left for {task.step}")
    stage.judge(outcome, task)


def skew_clock(stage: Stage, task: Task) -> None:
    """A process whose clock is wrong by up to fifteen years does what it always does."""
    skew = stage.draw.uniform(-15, 15) * YEAR
    child = Child(stage.task(task.step, task.units, skew=skew))
    stage.findings.fault("skewed clocks", f"{skew / 86_400:.0f} days in {task.step}")
    outcome = child.outcome()
    stage.judge(outcome, task)
    if outcome.kind == "failed":
        stage.findings.report("passing", f"{task.step} fails where the clock is wrong: {outcome.told}")


def run_late(stage: Stage, task: Task) -> None:
    """An older day is scored and published again, as when somebody clears a task of it."""
    if stage.day == 0:
        return
    day = stage.draw.randrange(stage.day)
    stage.findings.fault("older days run late", f"day {day} on day {stage.day}")
    for late in (*stage.scores(day=day), stage.task("publish", day=day)):
        outcome = Child(late).outcome()
        if late.step == "publish":
            stage.judge(outcome, late)


def run_ahead(stage: Stage, task: Task) -> None:
    """A whole run with a clock that is weeks ahead, taken back by `brain repair`; then the day is run again.

    On the last day: the numbers of the versions that were taken back are not given out again.
    """
    if not stage.is_last or stage.reader is None:
        return
    ahead = stage.day + stage.draw.randrange(5, 60)
    stage.findings.fault("runs of the future taken back", f"day {ahead} on day {stage.day}")
    with stage.reader.looking_away():
        stage.load(stage.day + 1)
        for wrong in stage.tasks(day=ahead)[:-1]:
            stage.ensure(wrong)
        stage.load()
        for again in (stage.task("repair"), *stage.tasks()[:-1]):
            stage.ensure(again)


def run_twice(stage: Stage, task: Task) -> None:
    """The step runs twice at once, or beside `tidy`; now and then one of the two is killed."""
    other = stage.draw.choice((task, task, stage.task("tidy")))
    if not stage.day:  # it refuses to tidy where nothing was published yet
        other = task
    twins = [Child(task), Child(other)]
    killed = stage.draw.choice((None, None, *twins))
    stage.findings.fault("twins", f"{task.step} beside {other.step}")
    inside = False
    if killed is not None:
        killed.await_begin()
        wait = stage.instant(task)
        inside = not killed.ended_within(wait) and killed.kill()
    for child in twins:
        outcome = child.outcome()
        stage.judge(outcome, child.task, killed=inside and child is killed)
        if IN_A_CIRCLE in outcome.told:
            stage.findings.report("passing", f"{task.step} beside {other.step}: {outcome.told}")


def spoil_lake(stage: Stage, task: Task) -> None:
    """Files of an asset are altered before the day is scored; the next runs heal them."""
    edit = edit_lake(stage.world, stage.draw.choice(stage.play.inputs), stage.manifests, stage.draw)
    stage.findings.fault("edited lakes", edit.told)
    _attacked(stage, edit, stage.scores())
    if edit.undo is not None:
        edit.undo()
    for _ in range(ROUNDS):
        outcomes = [Child(again).outcome() for again in stage.tasks()[:-2]]
        if all(outcome.kind == "done" for outcome in outcomes):
            return
    stage.findings.report("converges", f"{edit.told}: after {ROUNDS} runs {_worst(outcomes)}")


def publish_unscored(stage: Stage, task: Task) -> None:
    """Scoring is killed on its way, and the day is published all the same, as by somebody in a hurry."""
    shutil.rmtree(stage.world.lake / FOLDER / stage.moment().slug, ignore_errors=True)
    for scoring in stage.scores():
        child = Child(scoring)
        child.await_begin()
        wait = stage.seconds["score"] * stage.draw.uniform(0.5, 2)  # what it stages, it stages at its end
        inside = not child.ended_within(wait) and child.kill()
        stage.judge(child.outcome(), scoring, killed=inside)
    stage.findings.fault("days published unscored", f"day {stage.day}")
    outcome = Child(task).outcome()
    if outcome.kind == "hung" or "unforeseen" in outcome.told:
        stage.findings.report("ends", f"{task.step} after a killed scoring: {outcome.kind} {outcome.told}")
    _score_again(stage)


def spoil_staged(stage: Stage, task: Task) -> None:
    """Staged rows of a chunk are altered between scoring and publishing."""
    edit = edit_staged(stage.world, stage.moment(), stage.draw.choice(stage.play.chunks), stage.draw)
    stage.findings.fault("edited staged rows", edit.told)
    _attacked(stage, edit, [])
    _score_again(stage)


def spoil_document(stage: Stage, task: Task) -> None:
    """A document of an asset is altered before the day is scored, and put back afterwards."""
    edit = edit_document(stage.world, stage.draw.choice(stage.play.units), stage.pointers, stage.draw)
    stage.findings.fault("edited documents", edit.told)
    _attacked(stage, edit, stage.scores())
    if edit.undo is not None:
        edit.undo()
    _score_again(stage)


def _attacked(stage: Stage, edit: Edit, before: list[Task]) -> None:
    """Publish over what was altered: the reader sees no false number, and the other units are fresh."""
    for task in (*before, stage.task("publish")):
        outcome = Child(task).outcome()
        if outcome.kind == "hung" or "unforeseen" in outcome.told:
            stage.findings.report("ends", f"{edit.told}: {task.step} {outcome.kind} {outcome.told}")
    now = stage.moment().at
    for unit, is_stale, published_at, reason in _shown(stage) if stage.play.details else ():
        if unit not in edit.units and (is_stale or published_at != now):
            stage.findings.report("contained", f"{edit.told}: {unit} is not fresh: {reason}")


def _shown(stage: Stage) -> list[tuple[Any, ...]]:
    try:
        return ask(stage.world.settings.warehouse_url, stage.play.details).rows
    except QueryRefused:  # nothing was published yet, and an attack may keep it so
        return []


def _score_again(stage: Stage) -> None:
    for task in stage.scores():
        stage.ensure(task)


def _worst(outcomes: list[Outcome]) -> str:
    return "; ".join(f"{outcome.kind} {outcome.told}" for outcome in outcomes if outcome.kind != "done")[:500]


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Args:
        weight: How often it is drawn, beside the others that fit the step.
        steps: Which steps it strikes.
    """

    inject: Callable[[Stage, Task], None]
    weight: int
    steps: tuple[str, ...] = EVERY


KINDS = {
    "kill": Kind(kill, 14),
    "server": Kind(kill_server, 2),
    "cut": Kind(cut, 2),
    "disk": Kind(fill_disk, 2),
    "clock": Kind(skew_clock, 1),
    "late": Kind(run_late, 8, ("tidy",)),
    "ahead": Kind(run_ahead, 4, ("tidy",)),
    "twin": Kind(run_twice, 2),
    "lake": Kind(spoil_lake, 12, ("publish",)),
    "unscored": Kind(publish_unscored, 8, ("publish",)),
    "staged": Kind(spoil_staged, 12, ("publish",)),
    "document": Kind(spoil_document, 12, ("publish",)),
}
