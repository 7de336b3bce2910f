"""The pipeline without Airflow when its processes die: real servers, real data, real signals."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from brain.core.errors import WorkerDied
from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.pipeline import run_all
from brain.usecases import USE_CASES
from brain.warehouse.read import ask
from brain.workspace import open_workspace

if TYPE_CHECKING:
    from brain.core.settings import Settings

ASSETS = ["SP500", "VIX"]
CATALOGUE = """
defaults:
  horizons: [5, 21]
  training: {trials: 1, folds: 3}
assets: [SP500, VIX]
"""
FRIDAY = Moment(datetime(2018, 6, 29, 22, tzinfo=UTC))
DYING = Path(__file__).parent / "core"  # holds dying.py, which worker processes import by that name
FRESH = "SELECT asset, count(probability) FROM probability_details WHERE NOT stale GROUP BY asset ORDER BY asset"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def given(settings: Settings, demo_url: str, tmp_path: Path) -> Settings:
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=ASSETS)
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return settings.model_copy(update={"catalogue_path": path})


def test_a_unit_that_kills_its_worker_fails_alone(given: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DYING)
    monkeypatch.setitem(USE_CASES, "direction", importlib.import_module("dying").DiesAtVix())
    results = run_all(open_workspace(given), FRIDAY, workers=2)
    assert [(result.unit, type(result.error)) for result in results if isinstance(result.error, WorkerDied)] == [
        ("VIX", WorkerDied)
    ]
    assert ask(given.warehouse_url, FRESH).rows == [("SP500", 2)]


@pytest.fixture
def started(connections: dict[str, str], given: Settings) -> Callable[[], psutil.Popen]:
    """Starts `brain run`, as a person would."""
    environ = {**connections, "BRAIN_HOME": str(given.home), "BRAIN_CATALOGUE": str(given.catalogue_path)}
    command = [str(Path(sys.executable).parent / "brain"), "run", "--workers", "2", "--until", "2018-06-29T22:00:00"]
    return lambda: psutil.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def workers_of(parent: psutil.Popen, count: int) -> list[psutil.Process]:
    """The first `count` worker processes that `parent` starts."""
    while True:
        assert parent.poll() is None, parent.communicate()
        found = [child for child in parent.children() if "spawn_main" in " ".join(child.cmdline())]
        if len(found) >= count:
            return found
        time.sleep(0.01)


def test_a_killed_worker_costs_a_run_nothing(started: Callable[[], psutil.Popen], given: Settings) -> None:
    with started() as run:
        workers_of(run, 1)[0].kill()
        told, _ = run.communicate()
    assert run.returncode == 0, told
    assert ask(given.warehouse_url, FRESH).rows == [("SP500", 2), ("VIX", 2)]


def test_a_killed_run_leaves_no_worker(started: Callable[[], psutil.Popen]) -> None:
    with started() as run:
        workers = workers_of(run, 2)
        run.kill()
    _, left = psutil.wait_procs(workers, timeout=30)
    for worker in left:
        worker.kill()
    assert left == []
