"""A step as a process that can be killed at any instant, forked in milliseconds from one that imported everything.

The fork server does nothing but import and fork, so that a child is as fresh as a new process.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.preloaded import LIBRARIES, STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

    from brain.usecases.protocol import Run
    from brain.workspace import Workspace

PATIENCE = 100.0  # seconds: longer than any step waits for a server, a lock or a reader
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_CONTEXT = multiprocessing.get_context("forkserver")
_PRELOADED = (*STEPS, *LIBRARIES, "brain.workspace", "brain.repair", "benchmarks.fault_injection.children")


@dataclass(frozen=True)
class Task:
    """One step to be run once.

    Args:
        step: A key of `STEPS`.
        units: Which units; of `publish`, all.
        chunks: Of the use case: what is published.
        at: The moment, in ISO form.
        variables: The BRAIN_* variables.
        plant: A defect put in on purpose; see `plants`.
        skew: Seconds by which the process's clock is wrong.
        environment: Of the process, beside what `variables` tell.
    """

    step: str
    units: tuple[str, ...]
    at: str
    variables: Mapping[str, str]
    use_case: str = "direction"
    chunks: tuple[tuple[str, ...], ...] = ()
    plant: str = ""
    skew: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Args:
        kind: ``done``, ``failed`` (a retry may help), ``refused`` (somebody has to act), ``killed`` or ``hung``.
        told: Why.
    """

    kind: str
    told: str = ""


class Child:
    """A running task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._ours, theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=_perform, args=(task, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._begun = False

    def await_begin(self) -> None:
        """Wait until the step itself begins: fork and start are behind it."""
        if self._ours.poll(PATIENCE):
            try:
                self._begun = self._ours.recv() == "begun"
            except EOFError:
                return

    def ended_within(self, seconds: float) -> bool:
        """Whether it has something to say, or is dead, within `seconds`."""
        return bool(self._ours.poll(max(0.0, seconds)))

    def kill(self) -> bool:
        """Kill it as it stands; whether that was inside its step."""
        inside = self._begun and not self._ours.poll(0)
        self._process.kill()
        return inside

    def outcome(self, patience: float = PATIENCE) -> Outcome:
        """Wait for its end."""
        try:
            found = self._said(patience)
            if found == "begun":
                self._begun = True
                found = self._said(patience)
        except (EOFError, OSError):
            found = Outcome("killed")
        if not isinstance(found, Outcome):
            self._process.kill()
            found = Outcome("hung", f"{self.task.step} for {patience:.0f} s")
        self._process.join()
        self._ours.close()
        return found

    def _said(self, patience: float) -> object:
        return self._ours.recv() if self._ours.poll(patience) else None


def start_server(*more: str) -> None:
    """Begin importing, also `more` modules; the first child waits for it."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    _CONTEXT.set_forkserver_preload([*_PRELOADED, *more])


def run(task: Task) -> tuple[Outcome, float]:
    """The task from beginning to end, and the seconds of its step."""
    child = Child(task)
    child.await_begin()
    start = time.perf_counter()
    return child.outcome(), time.perf_counter() - start


def _perform(task: Task, supervisor: Connection) -> None:
    """In the child: tell that it begins, do it, tell what came of it."""
    from benchmarks.fault_injection.clock import skew
    from benchmarks.fault_injection.plants import plant

    logging.disable(logging.CRITICAL)
    os.environ.update(task.environment)
    plant(task.plant)
    skew(task.skew)
    from datetime import datetime

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.workspace import open_workspace

    settings = Settings.load({}, task.variables)
    supervisor.send("begun")
    try:
        workspace = open_workspace(settings)
        outcome = _outcome(DO[task.step](workspace, Moment(datetime.fromisoformat(task.at)), task))
    except Exception as error:
        outcome = _outcome([error])
    supervisor.send(outcome)


def _outcome(results: Sequence[Any]) -> Outcome:
    """Of results and errors: the worst of them."""
    from brain.core.errors import Transient, UnforeseenError

    worst = Outcome("done")
    for result in results:
        error = result if isinstance(result, Exception) else None if result.ok else result.error
        if error is None and not isinstance(result, Exception) and result.ok:
            continue
        told = str(error or result.reason)[:400]
        if isinstance(error, Transient):
            worst = Outcome("failed", told) if worst.kind == "done" else worst
            continue
        unforeseen = isinstance(error, UnforeseenError) or (error is not None and not hasattr(error, "remedy"))
        worst = Outcome("refused", f"{type(error).__name__}{' (unforeseen)' if unforeseen else ''}: {told}")
    return worst


def _run(workspace: Workspace, moment: Any, task: Task) -> Run:
    return workspace.run(task.use_case, moment)


def _read(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain.ingestion import read_bars

    assert workspace.catalogue.bars is not None
    return read_bars(workspace.settings, workspace.catalogue.bars, moment, moment.at).results


def _deliver(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from orchestration.delivery import deliver

    deliver(workspace.settings, moment)
    return []


def _extract(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain import steps

    return steps.extract(_run(workspace, moment, task), task.units)


def _train(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain import steps

    return steps.train(_run(workspace, moment, task), task.units)


def _judge(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain import steps

    steps.judge(_run(workspace, moment, task))
    return []


def _score(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain import steps

    return steps.score(_run(workspace, moment, task), task.units)


def _publish(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain import steps

    steps.publish(_run(workspace, moment, task), task.chunks)
    return []


def _tidy(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain import steps

    return steps.tidy(workspace, moment)


def _repair(workspace: Workspace, moment: Any, task: Task) -> Sequence[Any]:
    from brain.repair import carry_out, find_repairs

    return carry_out(find_repairs(workspace, moment))


DO = {
    "read": _read,
    "deliver": _deliver,
    "extract": _extract,
    "train": _train,
    "judge": _judge,
    "score": _score,
    "publish": _publish,
    "tidy": _tidy,
    "repair": _repair,
}
