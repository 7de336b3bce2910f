"""Trying mutations, module by module: which survive the tests that run their line."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.mutating.mutations import mutated, mutations
from benchmarks.mutating.scope import SUBJECTS, file_of
from benchmarks.mutating.trial import baseline, survives

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from benchmarks.mutating.mutations import Mutation
    from benchmarks.mutating.trial import Baseline

PATIENCE = 5  # times as long as the tests take without a mutation
START_SECONDS = 30


@dataclass(frozen=True)
class Outcome:
    """What became of the mutations of a subject."""

    subject: str
    tried: int
    survivors: list[Mutation]
    seconds: float

    @property
    def killed(self) -> int:
        return self.tried - len(self.survivors)


def mutations_of(subject: str) -> list[Mutation]:
    """All mutations of a subject's modules."""
    return [one for module in SUBJECTS[subject].modules for one in mutations(module, file_of(module))]


def tried(subject: str, chosen: Collection[Mutation], tell: Callable[[Mutation], None]) -> Outcome:
    """Try some mutations of a subject.

    Args:
        tell: Called with each survivor.

    Raises:
        BrokenBaseline: Its tests fail without any.
    """
    start, survivors = time.perf_counter(), []
    if chosen:
        before = baseline(SUBJECTS[subject])
        for mutation in chosen:
            if _survives(subject, mutation, before):
                tell(mutation)
                survivors.append(mutation)
    return Outcome(subject, len(chosen), survivors, time.perf_counter() - start)


def _survives(subject: str, mutation: Mutation, before: Baseline) -> bool:
    tests = _fastest_first(before.noticing(mutation.module, mutation.place), before)
    timeout = START_SECONDS + PATIENCE * before.seconds_of(tests)
    code = mutated(mutation, file_of(mutation.module))
    return survives(SUBJECTS[subject], mutation.module, code, tests, timeout)


def _fastest_first(tests: Collection[str], before: Baseline) -> list[str]:
    """File by file, because of what the tests of a file share."""
    files = defaultdict(list)
    for test in sorted(tests, key=lambda test: before.seconds[test]):
        files[test.split("::")[0]].append(test)
    ordered = sorted(files.values(), key=lambda those: before.seconds_of(those) / len(those))
    return [test for those in ordered for test in those]
