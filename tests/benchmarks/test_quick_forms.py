"""Every benchmark's quick form runs on this commit, and every figure that is no timing is what it must be."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from types import ModuleType

import pytest

from benchmarks.__main__ import names
from benchmarks.bounds import at_least, at_most, between, complaints, exactly
from tests.docs.reading import ROOT

# Made before results files named a commit; a full run of the benchmark takes its name off.
WITHOUT_COMMIT = {
    *("against", "align", "extract", "gate", "pipeline", "readers"),
    *("refresh", "scale", "scoring", "search", "store", "tamper"),
}
PLAYED_BY_TESTS = {"faults", "faults_airflow"}  # tests/faults plays more of each, and asks for the same figures
NOT_ON_EVERY_COMMIT = {"celery"}  # some minutes even in its quick form: `make bench NAME=celery ARGS=--quick`


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted({*names()} - PLAYED_BY_TESTS - NOT_ON_EVERY_COMMIT))
def test_the_quick_form_runs_and_its_figures_hold(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks", name, "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=850)
    assert done.returncode == 0, f"{done.stderr[-3000:]}\n{done.stdout[-3000:]}"
    assert json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", names())
def test_a_benchmark_says_what_must_hold(name: str) -> None:
    benchmark = importlib.import_module(f"benchmarks.{name}")
    assert benchmark.HOLDS, "something besides its timings must hold, or it may rot unseen"
    assert all(str(bound) for bound in benchmark.HOLDS.values())


def test_results_name_the_commit_they_were_made_on() -> None:
    kept = {path.stem: path.read_text().splitlines()[2] for path in (ROOT / "benchmarks" / "results").glob("*.md")}
    assert {name for name, made in kept.items() if "at commit" not in made} - WITHOUT_COMMIT == set()
    assert [name for name, made in kept.items() if "uncommitted changes" in made] == []


@pytest.mark.parametrize(
    ("holds", "figures", "told"),
    [
        ({"accepted": exactly(0)}, {"accepted": 0}, []),
        ({"accepted": exactly(0)}, {"accepted": 19}, ["accepted is 19, not 0"]),
        ({"accepted": exactly(0)}, {"accepted": None}, ["accepted is None, not 0"]),
        ({"skill": at_least(0.5)}, {"skill": float("nan")}, ["skill is nan, not at least 0.5"]),
        ({"skill_*": at_least(0.5)}, {"skill_1": 0.6, "skill_2": 0.4}, ["skill_2 is 0.4, not at least 0.5"]),
        ({"skill_*": at_least(0.5), "skill_2": at_most(1)}, {"skill_1": 0.6, "skill_2": 0.4}, []),
        ({"claims": between(0, 3)}, {"claims": [1, 2, 4]}, ["claims is [1, 2, 4], not 0 to 3"]),
        ({"claims": between(0, 3)}, {"seconds": 7, "rival": 2}, ["HOLDS names claims, and no figure is called so"]),
        ({}, {"new": 1}, ["new is 1, and neither HOLDS, TIMED nor RIVALS of the benchmark names it"]),
    ],
)
def test_a_figure_that_does_not_hold_is_told(
    holds: dict[str, object], figures: dict[str, object], told: list[str]
) -> None:
    benchmark = ModuleType("benchmark")
    benchmark.__dict__.update(HOLDS=holds, TIMED=("seconds",), RIVALS=("rival",))
    assert complaints(benchmark, figures) == told
