"""From the broker to the mail, killed anywhere: whether a bar is lost or doubled, and a mail is.

``python -m benchmarks.faults_bars 1 2`` plays two worlds, which count in the next ``python -m benchmarks faults_bars``.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from typing import Any

from benchmarks.bounds import at_least, exactly
from benchmarks.fault_injection.chain import NONE, disturbed, prepared
from benchmarks.fault_injection.findings import RULES, Findings
from benchmarks.fault_injection.pieces import Piece, keep, kept
from benchmarks.report import Report

NAME = "faults_bars"
KILLS, DAYS, EACH = 200, 2, 12  # kills at least; days of a world; kills of a step
QUICK_KILLS, QUICK_DAYS, QUICK_EACH = 4, 2, 1
STEPS = ("read", "extract", "train", "judge", "score", "publish", "deliver", "tidy")
COUNTED = ("mails", "anomalies told", "bars and refusals", "days compared", "numbers replayed")
HOLDS = {
    "found": exactly(0),
    **{name.replace(" ", "_"): exactly(0) for name in NONE},
    "kills": at_least(QUICK_KILLS),
    "mails": at_least(1),
    "anomalies_told": at_least(2),
    "bars_and_refusals": at_least(1_000),
    "days_compared": at_least(QUICK_DAYS),
    "numbers_replayed": at_least(20),
}
TIMED = ("*_seconds", "mails_sent_twice", "killed_in_*")


def run(quick: bool) -> Report:
    """Worlds of some days until so many steps were killed; each counts in the next run, too."""
    kills, days, each = (QUICK_KILLS, QUICK_DAYS, QUICK_EACH) if quick else (KILLS, DAYS, EACH)
    pieces = [] if quick else kept(NAME)
    start = time.perf_counter()
    if _kills(pieces) < kills:
        with prepared(days) as chain:
            for seed in itertools.count(1 + max((piece.seed for piece in pieces), default=0)):
                findings = Findings()
                disturbed(chain, seed, days, each, findings)
                pieces.append(Piece.of(seed, findings))
                if not quick:
                    keep(pieces[-1], NAME)
                if _kills(pieces) >= kills or findings.found:
                    break
    return _report(pieces, time.perf_counter() - start)


def play(seeds: list[int]) -> None:
    """Some worlds, each a piece of the next run."""
    with prepared(DAYS) as chain:
        for seed in seeds:
            findings = Findings()
            disturbed(chain, seed, DAYS, EACH, findings)
            keep(Piece.of(seed, findings), NAME)
            print(f"seed {seed}: {dict(findings.counts)} {findings.found}")


def _kills(pieces: list[Piece]) -> int:
    return sum(piece.counts.get("kills inside steps", 0) for piece in pieces)


def _report(pieces: list[Piece], seconds: float) -> Report:
    counts = sum((Counter(piece.counts) for piece in pieces), Counter())
    found = [f"seed {piece.seed}: {told}" for piece in pieces for told in piece.found]
    struck = counts["kills inside steps"]
    rows: list[tuple[Any, ...]] = [(f"killed in {step}", counts[f"kills in {step}"]) for step in STEPS]
    rows += [(name, counts[name]) for name in (*NONE, "mails sent twice", *COUNTED)]
    rows += [
        (f"found against a rule: {RULES[rule]}", sum(f": {rule}: " in one for one in found))
        for rule in ("converges", "traced", "passing", "ends")
    ]
    return Report(
        title=f"From the broker to the mail: {struck} kills, anywhere",
        columns=("what", "how often"),
        rows=rows,
        figures={
            "found": len(found),
            "kills": struck,
            **{f"killed_in_{step}": counts[f"kills in {step}"] for step in STEPS},
            **{name.replace(" ", "_"): counts[name] for name in (*NONE, "mails sent twice", *COUNTED)},
            "run_seconds": seconds,
        },
        notes=[
            *found,
            "Each step is begun and killed (kill -9) at a random time, then gone through; each day is compared with the"
            " undisturbed one: every published row, notice, champion and version. Bars come new, late, corrected,"
            " repeated and broken, in batches of 100.",
            "A kill counts where it struck between the first and the last line of a step.",
            "A mail is doubled where an anomaly is told in two mails that no reader of mail knows as one. Between"
            " sending a mail and remembering that, a kill cannot but let it be sent again: with the same Message-ID, by"
            " which readers of mail show it once. `mails sent twice` counts these.",
        ],
    )


if __name__ == "__main__":
    play([int(seed) for seed in sys.argv[1:]])
