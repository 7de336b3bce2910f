"""Trying mutations, module by module: which survive the tests that run their line."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.mutating.equivalent import apart, listed
from benchmarks.mutating.mutations import mutated, mutations
from benchmarks.mutating.scope import SUBJECTS, file_of
from benchmarks.mutating.trial import Baseline, baseline, noticed, require_passing
from benchmarks.mutating.verdicts import FILE, keep, kept, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.mutating.mutations import Mutation
    from benchmarks.mutating.scope import Subject

PATIENCE = 5  # times as long as the tests take without a mutation
START_SECONDS = 30
LATELY = 4  # tests that are run first
TOGETHER = 10  # mutations that were noticed, before what noticed them is run without any


@dataclass(frozen=True)
class Trial:
    """What became of a mutation."""

    mutation: Mutation
    killed: bool
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of the mutations of a subject.

    Args:
        left: How many were not tried yet.
        commits: At which they were tried.
    """

    subject: str
    tried: int
    survivors: list[Mutation]
    seconds: float
    left: int = 0
    commits: tuple[str, ...] = ()

    @property
    def killed(self) -> int:
        return self.tried - len(self.survivors)

    @property
    def share(self) -> float:
        return self.killed / self.tried


def mutations_of(subject: str) -> list[Mutation]:
    """All mutations of a subject's modules."""
    return [one for module in SUBJECTS[subject].modules for one in mutations(module, file_of(module))]


def trials(subject: str, chosen: Collection[Mutation], until: float = float("inf")) -> Iterator[Trial]:
    """Try some mutations of a subject: first on its tests that need no server, what those do not notice on all of them.

    Args:
        until: Of `time.monotonic`; none is begun after it.

    Raises:
        BrokenBaseline: Its tests fail without any, before or afterwards.
    """
    left = [*chosen]
    for tests in (replace(SUBJECTS[subject], quick=True), SUBJECTS[subject]):
        before = baseline(tests) if left and time.monotonic() < until else Baseline({}, {})
        noticing: list[str] = []  # the latest last: what noticed one mutation is likely to notice the next
        unproven: dict[Trial, str | None] = {}
        for mutation in [*left]:
            those = before.noticing(mutation.module, mutation.place)
            if (
                not those
                or time.monotonic() >= until
                or (tests.quick and not before.runs_any(mutation.module, mutation.place))
            ):
                continue
            start = time.perf_counter()
            ordered = in_order(those, before, noticing)
            timeout = START_SECONDS + PATIENCE * before.seconds_of(ordered)
            code = mutated(mutation, file_of(mutation.module))
            killed, test = noticed(tests, mutation.module, code, ordered, timeout)
            if test is not None:
                noticing = [*(one for one in noticing if one != test), test]
            trial = Trial(mutation, killed, time.perf_counter() - start)
            if killed:
                left.remove(mutation)
                unproven[trial] = test
                if len(unproven) == TOGETHER:
                    yield from _proven(tests, unproven)
            elif not tests.quick:
                left.remove(mutation)
                yield trial
        yield from _proven(tests, unproven)


def _proven(subject: Subject, unproven: dict[Trial, str | None]) -> Iterator[Trial]:
    """Trials that were noticed, once the tests that noticed them are seen to pass without a mutation; empties them."""
    tests = list(dict.fromkeys(test for test in unproven.values() if test is not None))
    if tests:
        require_passing(subject, tests)
    yield from unproven
    unproven.clear()


def outcome_of(subject: str, of: Iterable[Trial]) -> Outcome:
    """What some trials come to."""
    those = list(of)
    survivors = [one.mutation for one in those if not one.killed]
    return Outcome(subject, len(those), survivors, sum(one.seconds for one in those))


def pursue(
    chosen: Iterable[Mutation], tell: Callable[[Trial], None], commit: str = "", until: float = float("inf")
) -> None:
    """Try mutations, and keep what is found of them.

    Args:
        tell: Called with each trial.
        commit: Of the code; without one nothing is kept.
        until: Of `time.monotonic`; none is begun after it.
    """
    of_module = defaultdict(list)
    for mutation in chosen:
        of_module[mutation.module].append(mutation)
    for subject, content in SUBJECTS.items():
        wanted = [one for module in content.modules for one in of_module[module]]
        for trial in trials(subject, wanted, until):
            tell(trial)
            if commit:
                verdicts = kept(trial.mutation.module)
                verdicts.note(trial.mutation, trial.killed, trial.seconds, commit)
                keep(trial.mutation.module, verdicts)


def unsettled(chosen: Iterable[Mutation], file: Path = FILE) -> list[Mutation]:
    """Those that no kept verdict says were noticed; survivors are among them, as the tests may be better now."""
    settled = {module: {*kept(module, file).killed} for content in SUBJECTS.values() for module in content.modules}
    return [one for one in chosen if name_of(one) not in settled[one.module]]


def added_up(subject: str, file: Path = FILE) -> Outcome:
    """What the kept verdicts on a subject come to."""
    chosen, _ = apart(mutations_of(subject), listed())
    verdicts = {module: kept(module, file) for module in SUBJECTS[subject].modules}
    survivors = [one for one in chosen if name_of(one) in verdicts[one.module].survived]
    killed = [one for one in chosen if name_of(one) in verdicts[one.module].killed]
    tried = len(survivors) + len(killed)
    commits = tuple(dict.fromkeys(commit for one in verdicts.values() for commit in one.commits))
    seconds = sum(one.seconds for one in verdicts.values())
    return Outcome(subject, tried, survivors, seconds, len(chosen) - tried, commits)


def in_order(tests: Collection[str], before: Baseline, noticing: Sequence[str]) -> list[str]:
    """Those that noticed something lately; the others fastest first, file by file because of what its tests share."""
    lately = [test for test in reversed(noticing) if test in tests][:LATELY]
    files = defaultdict(list)
    for test in sorted(tests, key=lambda test: before.seconds[test]):
        files[test.split("::")[0]].append(test)
    ordered = sorted(files.values(), key=lambda those: before.seconds_of(those) / len(those))
    return list(dict.fromkeys([*lately, *(test for those in ordered for test in those)]))
