"""``python -m benchmarks NAME [--quick]``: run one benchmark, print its table and, last, its figures as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

from rich.console import Console

NOT_BENCHMARKS = {"__init__", "__main__", "report"}


def main() -> None:
    """Run the benchmark named on the command line; the full form also writes ``benchmarks/results/NAME.md``."""
    names = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in NOT_BENCHMARKS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=names)
    parser.add_argument("--quick", action="store_true", help="a smaller form, under a minute; nothing is written")
    options = parser.parse_args()
    report = importlib.import_module(f"benchmarks.{options.name}").run(quick=options.quick)
    report.show(Console(width=160))
    if not options.quick:
        report.keep(options.name, f"python -m benchmarks {options.name}")
    print(json.dumps(report.figures))


if __name__ == "__main__":
    main()
