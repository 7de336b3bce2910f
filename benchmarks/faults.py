"""Faults of every kind under the real steps: which rules break, and whether each rerun comes to the same."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.bounds import at_least, exactly
from benchmarks.fault_injection.findings import RULES, Findings
from benchmarks.fault_injection.pieces import Piece, keep, kept
from benchmarks.fault_injection.plants import PLANTS
from benchmarks.fault_injection.supervisor import Plan, disturbed, finds, prepared
from benchmarks.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGETS = {
    "kills inside steps": 1_000,
    "server kills": 100,
    "cut connections": 50,
    "full disks": 50,
    "skewed clocks": 50,
    "older days run late": 50,
    "runs of the future taken back": 10,
    "twins": 50,
    "edited lakes": 50,
    "edited staged rows": 50,
    "edited documents": 50,
}
ENOUGH = 20  # findings after which nobody needs more
QUICK_TARGETS = {"kills inside steps": 4}
QUICK_PLANTS = ("parts",)
HOLDS = {
    "found": exactly(0),
    "faults_missing": exactly(0),
    "plants_missed": exactly(0),
    "plants": at_least(1),
    "kills_inside_steps": at_least(4),
    "polls": at_least(20),
    "days_compared": at_least(1),
    "numbers_replayed": at_least(6),
}
TIMED = ("*_seconds", "faults", "struck_*")


def run(quick: bool) -> Report:
    """Worlds of four days until every kind of fault has struck often enough; each counts in the next run, too."""
    targets, days = (QUICK_TARGETS, 1) if quick else (TARGETS, Plan.days)
    pieces = [] if quick else kept()
    start = time.perf_counter()
    with prepared(days) as (running, reference):
        if running.small_disk is None:
            targets = {kind: number for kind, number in targets.items() if kind != "full disks"}
        for seed in itertools.count(1 + max((piece.seed for piece in pieces), default=0)):
            if not missing(targets, pieces) or sum(len(piece.found) for piece in pieces) >= ENOUGH:
                break
            findings = Findings()
            disturbed(running, reference, seed, Plan(days, 1 if quick else Plan.faults), findings)
            pieces.append(Piece.of(seed, findings))
            if not quick:
                keep(pieces[-1])
        names = QUICK_PLANTS if quick else tuple(name for name, one in PLANTS.items() if one.play == "direction")
        shown = {name: finds(running, reference, name) is not None for name in names}
    return report(targets, pieces, shown, time.perf_counter() - start)


def missing(targets: Mapping[str, int], pieces: list[Piece]) -> int:
    """How many faults are still to strike."""
    counts = total(pieces)
    return sum(max(0, number - counts[kind]) for kind, number in targets.items())


def total(pieces: list[Piece]) -> Counter[str]:
    return sum((Counter(piece.counts) for piece in pieces), Counter())


def report(targets: Mapping[str, int], pieces: list[Piece], shown: Mapping[str, bool], seconds: float) -> Report:
    """What all pieces together count and found, and which defects put in on purpose were shown."""
    counts = total(pieces)
    found = [f"seed {piece.seed}: {told}" for piece in pieces for told in piece.found]
    rows: list[tuple[Any, ...]] = [(kind, counts[kind]) for kind in TARGETS]
    rows += [(f"found against a rule: {found_rule}", _broken(pieces, found_rule)) for found_rule in RULES]
    rows += [(f"put in on purpose: {PLANTS[name].told}", "found" if ok else "MISSED") for name, ok in shown.items()]
    return Report(
        title="Faults under the real steps, and what they break",
        columns=("what", "how often"),
        rows=rows,
        figures={
            "found": len(found),
            "faults": sum(counts[kind] for kind in TARGETS),
            "faults_missing": missing(targets, pieces),
            "kills_inside_steps": counts["kills inside steps"],
            **{f"struck_{kind.replace(' ', '_')}": counts[kind] for kind in TARGETS},
            "polls": counts["polls"],
            "days_compared": counts["days compared"],
            "numbers_replayed": counts["numbers replayed"],
            "plants": len(shown),
            "plants_missed": sum(not ok for ok in shown.values()),
            "run_seconds": seconds,
        },
        notes=[
            *found,
            f"{len(pieces)} worlds of 3 assets and 2 horizons, {counts['days compared']} days compared with the"
            f" undisturbed ones, {counts['polls']} looks of a reader, {counts['numbers replayed']} numbers replayed.",
            "A kill counts where it struck between the first and the last line of a step.",
            *(f"{name}: {told}." for name, told in RULES.items()),
        ],
    )


def _broken(pieces: list[Piece], rule: str) -> int:
    return sum(told.startswith(f"{rule}: ") for piece in pieces for told in piece.found)
