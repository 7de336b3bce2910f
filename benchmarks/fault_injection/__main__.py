"""``python -m benchmarks.fault_injection SEED``: one world again, with the faults that its seed draws."""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.fault_injection.findings import RULES, Findings
from benchmarks.fault_injection.injections import KINDS
from benchmarks.fault_injection.pieces import Piece, keep
from benchmarks.fault_injection.plants import PLANTS
from benchmarks.fault_injection.plays import PLAYS
from benchmarks.fault_injection.supervisor import Plan, disturbed, prepared


def main() -> int:
    """Play it, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fault_injection")
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--days", type=int, default=Plan.days)
    parser.add_argument("--faults", type=int, default=Plan.faults, help="how many strike each step")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=tuple(KINDS))
    parser.add_argument("--plant", choices=PLANTS, default="", help="a defect put in on purpose")
    parser.add_argument("--play", choices=PLAYS, default="direction", help="which use case")
    parser.add_argument("--keep", action="store_true", help="count it in the next `python -m benchmarks faults`")
    options = parser.parse_args()
    plan, failed = Plan(options.days, options.faults, options.kinds, plant=options.plant), False
    with prepared(options.days, PLAYS[options.play]) as (running, reference):
        for seed in options.seeds:
            findings, start = Findings(), time.monotonic()
            disturbed(running, reference, seed, plan, findings)
            print(f"seed {seed}, {time.monotonic() - start:.0f} s: {dict(sorted(findings.counts.items()))}")
            for one in findings.found:
                print(f"  {one.rule} ({RULES[one.rule]}): {one.told}")
            if options.keep:
                keep(Piece.of(seed, findings))
            failed = failed or bool(findings.found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
