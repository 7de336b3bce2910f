"""Small mutations of the code that must not break unseen: how many do the tests of its folder notice?

The quick form tries a sample of what needs no server. ``python -m benchmarks.mutating NAME`` tries one subject or
module and prints what survived.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.bounds import at_least, at_most, exactly
from benchmarks.mutating.campaign import Outcome, mutations_of, tried
from benchmarks.mutating.equivalent import apart, listed, stale
from benchmarks.mutating.scope import QUICK, SUBJECTS
from benchmarks.mutating.trial import preload, running_servers
from benchmarks.report import Report

SAMPLE = 60
HOLDS = {
    "killed": at_least(0.95),
    "tried": at_least(SAMPLE),
    "survivors": at_most(90),
    "stale": exactly(0),
    "equivalent": at_most(300),
}
TIMED = ("seconds",)


def run(quick: bool) -> Report:
    """Try a sample, or all; those listed as equivalent are left out."""
    equivalents = listed()
    chosen, left_out = apart((one for subject in SUBJECTS for one in mutations_of(subject)), equivalents)
    if quick:
        known = {module for subject in QUICK for module in SUBJECTS[subject].modules}
        chosen = sorted((one for one in chosen if one.module in known), key=lambda one: one.rank)[:SAMPLE]
    preload()
    with running_servers():
        outcomes = [
            tried(subject, [one for one in chosen if one.module in content.modules], lambda one: print(one, flush=True))
            for subject, content in SUBJECTS.items()
        ]
    outcomes = [outcome for outcome in outcomes if outcome.tried]
    survivors = [f"Survived: {one}." for outcome in outcomes for one in outcome.survivors]
    total = sum(outcome.tried for outcome in outcomes)
    return Report(
        title="Small mutations of the code, tried on the tests of its folder",
        columns=("subject", "tried", "noticed", "survived", "seconds"),
        rows=[_row(outcome) for outcome in outcomes],
        figures={
            "killed": 1 - len(survivors) / total,
            "tried": total,
            "survivors": len(survivors),
            "equivalent": len(left_out),
            "stale": len(stale(equivalents, left_out)),
            "seconds": sum(outcome.seconds for outcome in outcomes),
        },
        notes=[
            "A mutation changes one comparison, operation, operand, limit or constant, leaves out one call or check, or"
            " passes on one error. Each is tried on the tests that run its line; one that makes them hang is noticed.",
            "Left out are those that change no behaviour: benchmarks/mutating/equivalent.yaml says why of each.",
            *survivors,
        ],
    )


def _row(outcome: Outcome) -> tuple[str, int, int, int, float]:
    return outcome.subject, outcome.tried, outcome.killed, len(outcome.survivors), outcome.seconds
