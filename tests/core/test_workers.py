"""Processes that die at their work: who pays for it, and who is left."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from brain.core.errors import WorkerDied
from brain.core.workers import deal

pytestmark = pytest.mark.slow

NAMES = ("GOLD", "SILVER", "VIX", "WTI", "XOM")


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of that name as worker processes can import it."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("dying")


@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_that_dies_once_costs_a_second_try(dying: ModuleType, tmp_path: Path, workers: int) -> None:
    items = {name: (name, tmp_path / "died") for name in NAMES}
    assert deal(dying.die_once, items, workers) == [name.lower() for name in NAMES]
    assert (tmp_path / "died").exists()


def test_a_task_of_a_celery_worker_deals_too(tmp_path: Path) -> None:
    """It runs in a process that Celery's own library has made, as a daemon."""
    program = f"""
import billiard
from pathlib import Path
from brain.core.workers import deal

def work():
    Path({str(tmp_path / "told")!r}).write_text(*deal(str.lower, {{"GOLD": "GOLD"}}, 1))

if __name__ == "__main__":
    process = billiard.get_context("fork").Process(target=work, daemon=True)
    process.start()
    process.join()
"""
    (tmp_path / "celery_like.py").write_text(program)
    subprocess.run([sys.executable, tmp_path / "celery_like.py"], check=True, timeout=300)
    assert (tmp_path / "told").read_text() == "gold"


@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_that_dies_each_time_costs_its_own_item(dying: ModuleType, workers: int) -> None:
    done = deal(dying.die_at_vix, {name: name for name in NAMES}, workers)
    assert [found for found in done if isinstance(found, str)] == ["gold", "silver", "wti", "xom"]
    died = done[2]
    assert isinstance(died, WorkerDied)
    assert str(died).startswith("VIX: found a worker process that died 2 times")


def test_an_error_is_raised_as_it_is(dying: ModuleType) -> None:
    with pytest.raises(KeyError, match="GOLD"):
        deal(dying.refuse, {"GOLD": "GOLD"}, 2)


def test_nothing_to_deal_starts_nothing(dying: ModuleType) -> None:
    assert deal(dying.refuse, {}, 2) == []
    assert deal(dying.die_at_vix, {}, 0) == []


SLEEP = "import time; from brain.core.workers import deal; deal(time.sleep, {'a': 0, 'b': 600, 'c': 600}, 3)"


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    """One of them waits for the next item, two are at work."""
    parent = psutil.Popen([sys.executable, "-c", SLEEP], stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        workers: list[psutil.Process] = []
        while len(workers) < 3:
            assert parent.poll() is None
            workers = [child for child in parent.children() if "spawn_main" in " ".join(child.cmdline())]
        for worker in workers:
            while worker.num_threads() < 2:  # it has not come to `deal` yet
                assert worker.is_running()
    finally:
        parent.kill()
        parent.wait()
    _, left = psutil.wait_procs(workers, timeout=10)
    for worker in left:
        worker.kill()
    assert left == []
