"""``python -m benchmarks NAME [--quick]``: run one benchmark, print its table and, last, its figures as JSON.

It ends with code 1 where a figure is not what the benchmark says must hold of it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.bounds import complaints
from brain.core.release import this_release

NOT_BENCHMARKS = {"__init__", "__main__", "bounds", "report"}
MADE_BY_BENCHMARKS = ("benchmarks/results", "docs/*.svg")  # one after the other, they leave the code as it is


def names() -> list[str]:
    """Every benchmark there is: each module beside this one."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in NOT_BENCHMARKS)


def main() -> int:
    """Run the benchmark named on the command line; the full form also writes ``benchmarks/results/NAME.md``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=names())
    parser.add_argument("--quick", action="store_true", help="a smaller form, under a minute; nothing is written")
    options = parser.parse_args()
    release = this_release(but=MADE_BY_BENCHMARKS)  # the code that is about to run, whatever is committed meanwhile
    benchmark = importlib.import_module(f"benchmarks.{options.name}")
    report = benchmark.run(quick=options.quick)
    report.show(Console(width=160))
    told = complaints(benchmark, report.figures)
    if not options.quick:
        report.keep(options.name, f"python -m benchmarks {options.name}", release, told)
    for complaint in told:
        print(f"does not hold: {complaint}", file=sys.stderr)
    print(json.dumps(report.figures))
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
