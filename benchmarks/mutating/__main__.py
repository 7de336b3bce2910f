"""``python -m benchmarks.mutating NAME...``: try all mutations of some subjects or modules, print survivors."""

from __future__ import annotations

import argparse
import sys

import yaml

from benchmarks.mutating.campaign import mutations_of, tried
from benchmarks.mutating.equivalent import apart, listed
from benchmarks.mutating.scope import SUBJECTS
from benchmarks.mutating.trial import preload, running_servers


def main() -> int:
    """Print each survivor as an entry of the list of equivalents, without its reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutating")
    parser.add_argument("names", nargs="+", help=f"{', '.join(SUBJECTS)}, or a module of theirs")
    parser.add_argument("--function", default="", help="only in functions whose name holds this")
    options = parser.parse_args()
    preload()
    survived = 0
    with running_servers():
        for subject, content in SUBJECTS.items():
            wanted = {module for module in content.modules if {subject, module} & {*options.names}}
            chosen, _ = apart((one for one in mutations_of(subject) if one.module in wanted), listed())
            outcome = tried(subject, [one for one in chosen if options.function in one.function], _tell)
            if outcome.tried:
                print(f"# {subject}: {outcome.killed} of {outcome.tried} killed in {outcome.seconds:.0f} s", flush=True)
            survived += len(outcome.survivors)
    return 1 if survived else 0


def _tell(mutation: object) -> None:
    names = ("module", "function", "line", "change")
    entry = {name: getattr(mutation, name) for name in names}
    print(yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000), end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
