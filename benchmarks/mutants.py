"""Small mutations of the code that must not break unseen: how many do the tests of its folder notice?

The quick form tries a sample of what needs no server. The full form tries what was not noticed yet and adds it to what
was: ``python -m benchmarks.mutating NAME`` tries some, for some minutes, and prints what survived. What is found of a
module is kept in ``benchmarks/results/mutants.json`` for as long as its source is the same.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.bounds import at_least, at_most, exactly
from benchmarks.mutating.campaign import Outcome, added_up, mutations_of, outcome_of, pursue, trials, unsettled
from benchmarks.mutating.equivalent import apart, listed, stale
from benchmarks.mutating.scope import QUICK, SUBJECTS
from benchmarks.mutating.trial import preload, running_servers
from benchmarks.report import Report
from brain.core.release import this_release

if TYPE_CHECKING:
    from benchmarks.mutating.campaign import Trial

SAMPLE = 60
MADE_BY_BENCHMARKS = ("benchmarks/results", "docs/*.svg")
HOLDS = {
    "killed": at_least(0.95),
    "killed_*": at_least(0.95),
    "tried": at_least(SAMPLE),
    "left": exactly(0),
    "survivors": at_most(90),
    "stale": exactly(0),
    "equivalent": at_most(300),
}
TIMED = ("seconds",)


def run(quick: bool) -> Report:
    """Try a sample, or all that was not noticed yet; those listed as equivalent are left out."""
    chosen, _ = apart((one for subject in SUBJECTS for one in mutations_of(subject)), listed())
    preload()
    if not quick:
        with running_servers():
            pursue(unsettled(chosen), tell_survivor, clean_commit())
        return summary()
    known = {module for subject in QUICK for module in SUBJECTS[subject].modules}
    sample = sorted((one for one in chosen if one.module in known), key=lambda one: one.rank)[:SAMPLE]
    with running_servers():
        return _report(
            [
                outcome_of(subject, trials(subject, [one for one in sample if one.module in SUBJECTS[subject].modules]))
                for subject in QUICK
            ]
        )


def summary() -> Report:
    """What was found so far, subject by subject."""
    outcomes = [added_up(subject) for subject in SUBJECTS]
    report = _report(outcomes)
    shares = {f"killed_{outcome.subject}": outcome.share for outcome in outcomes if outcome.tried}
    return replace(report, figures={**report.figures, **shares})


def _report(outcomes: list[Outcome]) -> Report:
    equivalents = listed()
    _, left_out = apart((one for subject in SUBJECTS for one in mutations_of(subject)), equivalents)
    survivors = [f"Survived: {one}." for outcome in outcomes for one in outcome.survivors]
    total = sum(outcome.tried for outcome in outcomes)
    return Report(
        title="Small mutations of the code, tried on the tests of its folder",
        columns=("subject", "tried", "noticed", "survived", "not tried yet", "seconds", "at commits"),
        rows=[_row(outcome) for outcome in outcomes],
        figures={
            "killed": 1 - len(survivors) / max(total, 1),
            "tried": total,
            "left": sum(outcome.left for outcome in outcomes),
            "survivors": len(survivors),
            "equivalent": len(left_out),
            "stale": len(stale(equivalents, left_out)),
            "seconds": round(sum(outcome.seconds for outcome in outcomes)),
        },
        notes=[
            "A mutation changes one comparison, operation, operand, limit or constant, leaves out one call or check, or"
            " passes on one error. Each is tried on the tests that run its line; one that makes them hang is noticed if"
            " they end without it. What notices is run without any mutation, too, ten at a time: it must pass.",
            "Left out are those that change no behaviour: benchmarks/mutating/equivalent.yaml says why of each.",
            "A module that has not changed since is not tried again where a mutation was noticed:"
            " benchmarks/results/mutants.json says at which commits each was tried.",
            *survivors,
        ],
    )


def tell_survivor(trial: Trial) -> None:
    """Print a mutation that nothing noticed."""
    if not trial.killed:
        print(trial.mutation, flush=True)


def clean_commit() -> str:
    """The commit of the code that runs; empty where the code is another one."""
    release = this_release(but=MADE_BY_BENCHMARKS)
    return release.commit[:12] if release.clean else ""


def _row(outcome: Outcome) -> tuple[str, int, int, int, int, float, str]:
    left, seconds, commits = outcome.left, outcome.seconds, " ".join(outcome.commits)
    return outcome.subject, outcome.tried, outcome.killed, len(outcome.survivors), left, seconds, commits
