"""From nothing to the first answer, by the README alone: a fresh clone of the last commit, `make run`, a clock.

Takes minutes, and packages from the index: no part of the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.report import Report
from brain.core.release import this_release
from brain.display import PlainConsole

ROOT = Path(__file__).parents[2]
WORDS_A_MINUTE = 238  # silent reading of prose, https://doi.org/10.1016/j.jml.2019.104047
COMMAND, ANSWER = "$ make run", "Which five assets are most likely to fall in a month?"
# What is told, and the first line that tells it.
MILESTONES = {
    "packages are installed": r"\d+ models: about",
    "everything runs, demo data is there": "✓ Airflow",
    "the first table of probabilities": "assetname",
    "both questions are answered": re.escape(ANSWER),
}


def main() -> None:
    """Clone, run, and keep when what was there."""
    words = _words_before_the_command((ROOT / "README.md").read_text(encoding="utf-8"))
    folder = Path(tempfile.mkdtemp(prefix="brain-newcomer-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own where one is root
    clone = folder / "brain"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BRAIN_", "VIRTUAL_ENV"))}
    try:
        start = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        seconds = _followed(clone, environ, start)
        disk = sum(path.lstat().st_size for path in clone.rglob("*") if not path.is_dir())
    finally:
        subprocess.run(["make", "down"], cwd=clone, env=environ, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    reading = words / WORDS_A_MINUTE
    first = seconds["both questions are answered"] / 60
    figures = {
        "words_before": words,
        "reading_minutes": reading,
        "waiting_minutes": first,
        "first_answer_minutes": reading + first,
        "whole_run_minutes": seconds["the command has ended"] / 60,
        "cores": len(os.sched_getaffinity(0)),
        "disk_mb": disk / 1e6,
    }
    notes = [
        f"Words: all of the README up to `{COMMAND}`, code left out, at {WORDS_A_MINUTE} a minute.",
        "Packages come from uv's cache where they are there, else from the index.",
    ]
    report = Report(
        "A newcomer's first answer: clone, `make run`", ("what", "seconds"), list(seconds.items()), figures, notes
    )
    report.show(PlainConsole())
    report.keep("newcomer", "python -m benchmarks.newcomer", this_release(but=("benchmarks/results",)))


def _followed(clone: Path, environ: dict[str, str], start: float) -> dict[str, float]:
    """Seconds at which each milestone was told first, and at which the command ended."""
    seconds: dict[str, float] = {}
    command = ["make", "run"]
    with subprocess.Popen(command, cwd=clone, env=environ, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            for what, told in MILESTONES.items():
                if what not in seconds and re.search(told, line):
                    seconds[what] = time.monotonic() - start
    assert running.returncode == 0, f"`make run` ended with {running.returncode}"
    return {**seconds, "the command has ended": time.monotonic() - start}


def _words_before_the_command(readme: str) -> int:
    return len(re.sub(r"```.*?```", "", readme[: readme.index(COMMAND)], flags=re.S).split())


if __name__ == "__main__":
    main()
