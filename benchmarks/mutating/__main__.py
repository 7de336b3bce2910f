"""``python -m benchmarks.mutating [NAME...]``: try mutations of subjects or modules, print and keep what is found."""

from __future__ import annotations

import argparse
import sys
import time

import yaml

from benchmarks import mutants
from benchmarks.bounds import complaints
from benchmarks.mutating.campaign import Trial, mutations_of, pursue, unsettled
from benchmarks.mutating.equivalent import apart, listed
from benchmarks.mutating.scope import SUBJECTS
from benchmarks.mutating.trial import preload, running_servers
from brain.core.release import this_release


def main() -> int:
    """Print each survivor as an entry of the list of equivalents, without its reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutating")
    parser.add_argument("names", nargs="*", help=f"{', '.join(SUBJECTS)}, or a module of theirs; all without one")
    parser.add_argument("--function", default="", help="only in functions whose name holds this")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop then; the next run goes on. 0 adds up"
    )
    parser.add_argument("--anew", action="store_true", help="try also what was noticed before")
    options = parser.parse_args()
    names = options.names or [*SUBJECTS]
    chosen = [one for subject in SUBJECTS for one in mutations_of(subject) if {subject, one.module} & {*names}]
    chosen, _ = apart((one for one in chosen if options.function in one.function), listed())
    chosen = chosen if options.anew else unsettled(chosen)
    commit = mutants.clean_commit()
    if not commit:
        print("# Uncommitted changes: what is found is not kept.", flush=True)
    survived: list[Trial] = []
    tried = 0

    def tell(trial: Trial) -> None:
        nonlocal tried
        tried += 1
        if not trial.killed:
            survived.append(trial)
            print(_entry(trial), end="", flush=True)

    if chosen and options.minutes:
        preload()
        with running_servers():
            pursue(chosen, tell, commit, time.monotonic() + 60 * options.minutes)
    print(f"# {tried - len(survived)} of {tried} killed; {len(chosen) - tried} left", flush=True)
    if commit:
        report = mutants.summary()
        unmet = complaints(mutants, report.figures)
        report.keep("mutants", "python -m benchmarks.mutating", this_release(but=mutants.MADE_BY_BENCHMARKS), unmet)
    return 1 if survived else 0


def _entry(trial: Trial) -> str:
    names = ("module", "function", "line", "change")
    entry = {name: getattr(trial.mutation, name) for name in names}
    return str(yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000))


if __name__ == "__main__":
    sys.exit(main())
