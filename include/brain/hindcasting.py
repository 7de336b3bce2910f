"""What would have been published? History replayed by the steps themselves, each day by what was known on it.

A hindcast has a folder of its own below the home::

    <home>/hindcast/<what is replayed>/progress.jsonl     for who watches
                                      /models/<day>/…     the champions of two days at most
                                      /kept/scores/<day>  what was said; stays, so that nothing is done twice

The lake of the pipeline is read. MongoDB and the published tables are not touched.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import logging
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from brain import __version__, steps
from brain.core.counters import Counters
from brain.core.errors import BrainError, CatalogueError, LakeError, ScoringError, Transient, WorkerDied
from brain.core.moment import Moment, entered
from brain.core.progress import ProgressLog
from brain.core.workers import ONE_THREAD, Workers
from brain.lake.borrowed import BorrowedLake
from brain.lake.lake import Lake
from brain.results import FAILED, UnitResult, survived
from brain.scoring.blocks import frames
from brain.scoring.staged import staged
from brain.store.folder_store import FolderStore, forget
from brain.usecases.protocol import Run
from brain.workspace import choose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from brain.learning.policy import Alarm
    from brain.warehouse.alarms import Feed
    from brain.workspace import Work, Workspace

log = logging.getLogger(__name__)
FOLDER = "hindcast"
STEP = "hindcast"
END_OF_DAY = time(23, 59, 59)
EVERY = r"(month|week|[1-9][0-9]{0,3}d)"


def days_between(first: date, last: date, every: str) -> tuple[date, ...]:
    """The days from `first` to `last`, both included, a month, a week or so many days apart.

    Args:
        every: ``month`` (the same day of each; in a shorter one its last day), ``week``, or ``10d``.

    Raises:
        CatalogueError: There is no such day, or `every` is none of these.
    """
    if not re.fullmatch(EVERY, every):
        raise CatalogueError(
            "--every", found=repr(every), expected="month, week or a number of days such as 10d", remedy="Correct it."
        )
    if last < first:
        raise CatalogueError(
            "--to", found=f"{last}, before {first}", expected="a day not before --from", remedy="Correct one of them."
        )
    days, number, day = [], 0, first
    while day <= last:
        days.append(day)
        number += 1
        day = _later(first, number, every)
    return tuple(days)


def _later(first: date, number: int, every: str) -> date:
    if every != "month":
        return first + number * timedelta(7 if every == "week" else int(every[:-1]))
    month = first.year * 12 + first.month - 1 + number
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))


def end_of(day: date) -> Moment:
    """The moment of the run that a day would have had: everything of the day is known."""
    return Moment(datetime.combine(day, END_OF_DAY, UTC))


class _Silent(ProgressLog):
    """Steps tell of units and models; a hindcast tells of units and days."""

    def expect(self, step: str, total: int) -> None:
        """Say nothing."""

    def report(self, step: str, item: str) -> None:
        """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class PastRun(Run):
    """A run for a past moment that reads the lake, and writes into a hindcast's folder only.

    Alarms of the live ledger concern other models than these; of them there are none.

    Args:
        folder: The hindcast's.
        before: The moment replayed before; None for the first.
    """

    folder: Path
    before: Moment | None

    @cached_property
    def lake(self) -> Lake:
        from brain.warehouse.counters import KeptCounters

        known = KeptCounters(self.settings.warehouse_url)  # asked, never told
        return BorrowedLake(self.settings.lake_url, self.staging, self.settings.models_signer, known)

    @cached_property
    def staging(self) -> Lake:
        return Lake(str(self.folder / "kept"), self.settings.rows_signer)

    @cached_property
    def store(self) -> FolderStore:
        before = _models(self.folder, self.before) if self.before else None
        return FolderStore(self.settings, self.use_case.name, _models(self.folder, self.moment), before)

    @cached_property
    def counters(self) -> Counters:
        return Counters()

    @cached_property
    def is_past(self) -> bool:
        return False

    @property
    def is_recorded(self) -> bool:
        return False

    @cached_property
    def alarms(self) -> Mapping[Feed, Alarm]:
        return {}

    @property
    def progress(self) -> ProgressLog:
        return _Silent(self.folder)


def _models(folder: Path, moment: Moment) -> Path:
    return folder / "models" / moment.slug


@dataclass(frozen=True)
class Hindcast:
    """Some units of one use case, replayed on some days.

    Args:
        days: Ascending.
    """

    work: Work
    days: tuple[date, ...]
    failed: Counter[str] = field(default_factory=Counter, compare=False)

    @cached_property
    def folder(self) -> Path:
        """Its own: another catalogue, other days or other data are another hindcast."""
        run = self.work.run
        content = {
            "brain": __version__,
            "use_case": run.use_case.name,
            "section": run.section.model_dump(mode="json"),
            "units": self.work.names,
            "targets": self.work.targets,
            "days": [str(day) for day in self.days],
            "known": self._known(),
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
        return run.settings.home / FOLDER / digest[:16]

    @property
    def progress(self) -> ProgressLog:
        return ProgressLog(self.folder / "progress.jsonl")

    def replay(self, workers: int | None = None) -> Iterator[PastRun]:
        """Train, judge and score every day in turn; the run of each is given once its rows are staged.

        Days that are done already are not done again. Memory and disk are bounded: the models of two days are kept.

        Args:
            workers: Processes that train; one a core by default, none besides this one for 1.

        Raises:
            Transient: A server or the lake cannot be reached; started again, it goes on where it was.
            WorkerDied: The same, of a process that was killed.
        """
        os.environ.update(ONE_THREAD)
        count = workers or os.cpu_count() or 1
        own = next(self._runs()).staging.storage
        with own.locked("lock"), Workers(0 if count == 1 else count) as dealt:
            todo = {run.moment for run in self._runs() if not self._is_scored(run)}
            self.progress.path.unlink(missing_ok=True)
            if todo:
                self.progress.expect(STEP, len(todo) * len(self.work.names))
            for run in self._runs():  # made anew: each remembers what it has looked up
                if run.moment in todo:
                    self._train(run, dealt if count > 1 else None)
                    run.store.settle(self.work.names)
                    steps.judge(run)
                    steps.score(run, self.work.names)
                yield run
                if run.before:
                    forget(_models(self.folder, run.before))
            shutil.rmtree(self.folder / "models", ignore_errors=True)

    def rows(self, run: PastRun) -> Mapping[str, pd.DataFrame]:
        """By table, what a day's run would have published: nothing where the gate refuses it."""
        rows, result = steps.checked(run, [self.work.names])
        if not result.passed:
            log.error("%s: %s", run.moment.day, result.reason)
            self.failed[f"the gate: {result.reason}"] += 1
            return {name: frame.iloc[:0] for name, frame in frames(rows).items()}
        return frames(rows)

    def _train(self, run: PastRun, dealt: Workers | None) -> None:
        names = [name for name in self.work.names if not run.store.has(name)]
        jobs = {name: (_fresh(run), name, self.work.targets) for name in names}
        done = dealt.deal(_train_one, jobs) if dealt else [_train_one(job) for job in jobs.values()]
        for name, found in zip(names, done, strict=True):
            result = survived(name, found)
            if isinstance(result.error, Transient | WorkerDied):
                raise result.error
            if not result.ok:
                notes = {model.note for model in result.models if model.done == FAILED} or {result.reason}
                self.failed.update(f"{name}: {note}" for note in notes)

    def _runs(self) -> Iterator[PastRun]:
        run, before = self.work.run, None
        for day in self.days:
            moment = end_of(day)
            yield PastRun(
                run.settings, run.source, run.use_case, run.section, moment, folder=self.folder, before=before
            )
            before = moment

    def _is_scored(self, run: PastRun) -> bool:
        found = staged(run.staging, run.moment, run.use_case.name, [self.work.names])
        for error in found.refused.values():
            raise ScoringError(
                f"the hindcast of {run.moment.day}",
                found=str(error),
                expected="what it has kept",
                remedy=f"Delete the folder {self.folder}: the hindcast then begins anew.",
            )
        return {table.name for table in run.use_case.tables} <= set(found.rows)

    def _known(self) -> dict[str, str]:
        """By table, the hash of what was known on the last day."""
        run, found = self.work.run, {}
        for given in (given for name in self.work.names for given in run.use_case.inputs(run, name)):
            try:
                snapshot = run.lake.as_of(run.use_case.space, given.table.name, end_of(self.days[-1]))
            except LakeError as error:
                found[given.table.name] = str(error)
            else:
                if snapshot is not None:
                    found[given.table.name] = snapshot.data_sha256
        if not found:
            raise ScoringError(
                ", ".join(self.work.names),
                found=f"no snapshot in the lake of {self.days[-1]} or before",
                expected="rows to replay",
                remedy="Run `brain extract` first, or choose later days.",
            )
        return found


def _fresh(run: PastRun) -> PastRun:
    """The same run without what it remembers: it goes to other processes."""
    return PastRun(
        run.settings, run.source, run.use_case, run.section, run.moment, folder=run.folder, before=run.before
    )


_LAST: list[PastRun] = []  # of this process: units of one day share what they can


def _train_one(job: tuple[PastRun, str, tuple[str, ...]]) -> UnitResult:
    given, name, targets = job
    if not _LAST or (_LAST[0].folder, _LAST[0].moment) != (given.folder, given.moment):
        _LAST[:] = [given]
    run = _LAST[0]
    result = UnitResult(name, False, "no rows were known yet")
    if _is_there(run, name):
        (result,) = steps.train(run, [name], targets)
    ProgressLog(run.folder / "progress.jsonl").report(STEP, f"{run.moment.day} {name}")
    return result


def _is_there(run: PastRun, name: str) -> bool:
    """Whether anything was known of a unit; a table that cannot be read is training's to tell."""
    try:
        tables = [given.table.name for given in run.use_case.inputs(run, name)]
        return any(run.lake.as_of(run.use_case.space, table, run.moment) for table in tables)
    except BrainError:
        return True


def require_over(day: date, now: Moment) -> None:
    """Refuse a day of which not everything is known yet.

    Raises:
        MomentRefused: It has not ended by `now`.
    """
    entered(end_of(day).at, now.at, "the last day of a hindcast")


def hindcasts(
    workspace: Workspace,
    days: tuple[date, ...],
    now: Moment,
    units: Sequence[str] = (),
    targets: Sequence[str] = (),
    use_case: str | None = None,
) -> list[Hindcast]:
    """A hindcast for each use case that has a ledger, of what a person names.

    Raises:
        CatalogueError: The catalogue has no such unit, target or use case.
        MomentRefused: The last day has not ended by `now`.
    """
    require_over(days[-1], now)
    work = choose(workspace, end_of(days[-1]), units, targets, use_case)
    return [Hindcast(one, days) for one in work if one.run.use_case.ledgers]


def fill(hindcast: Hindcast, workers: int | None = None) -> int:
    """Replay the days, and note what was said in the ledgers, marked as hindcast, as each day is done.

    Returns:
        How many rows the ledgers did not have.
    """
    from brain.warehouse.publish import TableRows, note

    noted = 0
    for run in hindcast.replay(workers):
        rows = hindcast.rows(run)
        given = [TableRows(table, rows[table.name]) for table in run.use_case.tables]
        noted += note(run.settings.warehouse_url, run.use_case.name, given, run.moment, run.use_case.ledgers)
    return noted
