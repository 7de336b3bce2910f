"""Faults of every kind under a shop's steps: whether lists and segments stay whole, true and traceable."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.bounds import at_least, exactly
from benchmarks.fault_injection.findings import RULES, Findings
from benchmarks.fault_injection.injections import KINDS
from benchmarks.fault_injection.plants import PLANTS
from benchmarks.fault_injection.plays import PLAYS
from benchmarks.fault_injection.supervisor import Plan, disturbed, finds, prepared
from benchmarks.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("recommendations", "segments")
WORLDS, DAYS, FAULTS = 6, 3, 3  # of each use case; faults a step
QUICK_NAMES = ("segments",)
COUNTED = ("kills inside steps", "polls", "days compared", "numbers replayed")
HOLDS = {
    "found": exactly(0),
    "plants": at_least(0),
    "plants_missed": exactly(0),
    "days_compared": at_least(1),
    "numbers_replayed": at_least(60),
    "polls": at_least(10),
}
TIMED = ("*_seconds", "kills_inside_steps")


def run(quick: bool) -> Report:
    """Some worlds of each use case, each of some days, and the defects that only a shop shows."""
    start, counts, shown = time.perf_counter(), {}, {}
    found: list[str] = []
    plan = Plan(1, 1) if quick else Plan(DAYS, FAULTS)
    for name in QUICK_NAMES if quick else NAMES:
        counts[name] = Counter[str]()
        with prepared(plan.days, PLAYS[name]) as (running, reference):
            for seed in range(1, 2 if quick else 1 + WORLDS):
                findings = Findings()
                disturbed(running, reference, seed, plan, findings)
                counts[name] += findings.counts
                found += [f"{name}, seed {seed}, {one.rule}: {one.told}" for one in findings.found]
            for defect in (defect for defect, planted in PLANTS.items() if planted.play == name):
                shown[defect] = finds(running, reference, defect) is not None
    return _report(counts, found, shown, time.perf_counter() - start)


def _report(counts: Mapping[str, Counter[str]], found: list[str], shown: Mapping[str, bool], seconds: float) -> Report:
    total = sum(counts.values(), Counter[str]())
    rows: list[tuple[Any, ...]] = [(kind, *(of[kind] for of in counts.values())) for kind in sorted(total)]
    rows += [(f"found against a rule: {rule}", *(_broken(found, name, rule) for name in counts)) for rule in RULES]
    return Report(
        title="Faults under the steps of a shop, and what they break",
        columns=("what", *counts),
        rows=rows,
        figures={
            "found": len(found),
            **{name.replace(" ", "_"): total[name] for name in COUNTED},
            "plants": len(shown),
            "plants_missed": sum(not ok for ok in shown.values()),
            "run_seconds": seconds,
        },
        notes=[
            *found,
            f"{len(KINDS)} kinds of fault and the rules of `faults`, on a shop of 60 customers and 12 items.",
            *(f"Put in on purpose: {PLANTS[name].told}: {'found' if ok else 'MISSED'}." for name, ok in shown.items()),
        ],
    )


def _broken(found: list[str], name: str, rule: str) -> int:
    return sum(one.startswith(f"{name}, ") and f", {rule}: " in one for one in found)
