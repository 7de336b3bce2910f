"""Day after day in one process: what grows, and what does not, of memory, open handles and disk."""

from __future__ import annotations

import gc
import logging
import os
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil

from benchmarks.bounds import at_least, at_most, exactly
from benchmarks.fault_injection import market
from benchmarks.fault_injection.machine import machine, world
from benchmarks.fault_injection.state import age_unfinished
from benchmarks.report import Report
from brain import steps
from brain.core.progress import FOLDER
from brain.store.connection import database
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.fault_injection.machine import World

ASSET = "GOLD"
CATALOGUE = """
defaults:
  horizons: [5]
  training: {trials: 1, folds: 3, classifiers: [logistic]}
  retention: {keep: 27m, snapshot_days: 3, audit: 3d, model_versions: 2}
assets: [GOLD]
"""
# After a first third, of a median of the tenth that follows and of the last one.
HOLDS = {
    "days": at_least(15),
    "failed": exactly(0),
    "numbers": exactly(1),
    "memory_ratio": at_most(1.15),
    "handles_grown": at_most(4),
    "threads_grown": at_most(2),
    "lake_files_grown": at_most(12),
    "lake_ratio": at_most(1.35),
    "models_grown": at_most(2),
    "home_files_grown": at_most(3),
    "warehouse_bytes_a_day": at_most(16_384),
}
TIMED = ("*_seconds", "*_mb")


@dataclass(frozen=True)
class Weighed:
    """What there is in the evening of a day.

    Args:
        models: Versions stored.
        brain: Bytes of all documents in MongoDB, without indexes.
        warehouse: Bytes of the warehouse's tables.
        home: Bytes of what runs logged.
    """

    seconds: float
    memory: float
    handles: int
    threads: int
    lake_files: int
    lake: int
    models: int
    brain: int
    warehouse: int
    home_files: int
    home: int


def run(quick: bool) -> Report:
    """Each day's rows come in, and every step runs once, `tidy` as well."""
    days, failed = (18 if quick else 1_000), 0
    logging.disable(logging.CRITICAL)
    weighed: list[Weighed] = []
    with machine() as running, world(running) as small:
        small.catalogue.write_text(CATALOGUE)
        for day in range(days):
            start = time.perf_counter()
            failed += _play(small, day)
            weighed.append(_weigh(small, time.perf_counter() - start))
        numbers = len(ask(small.settings.warehouse_url, "SELECT FROM Probabilities WHERE NOT As_Of IS NULL").rows)
    return _report(weighed, failed, numbers)


def _play(small: World, day: int) -> int:
    """How many steps of the day did not go through."""
    market.load(small.market_url, 1, day)
    workspace, moment = small.workspace(), market.moment(day)
    extracted = steps.extract(workspace.run("direction", moment), [ASSET])
    trained = steps.train(workspace.run("direction", moment), [ASSET])
    steps.judge(workspace.run("direction", moment))
    scored = steps.score(workspace.run("direction", moment), [ASSET])
    steps.publish(workspace.run("direction", moment), [[ASSET]])
    age_unfinished(small, moment)
    tidied = steps.tidy(workspace, moment)
    return sum(not result.ok for result in (*extracted, *trained, *scored, *tidied))


def _weigh(small: World, seconds: float) -> Weighed:
    gc.collect()
    me = psutil.Process()
    lake, home = _files(small.lake), _files(small.settings.home / FOLDER)  # beside it, servers keep their data
    models = database(small.settings.mongo_url)
    owned = "relkind = 'r' AND relnamespace = 'public'::regnamespace"
    sizes = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE {owned}"
    ((tables,),) = ask(small.settings.warehouse_url, sizes).rows
    return Weighed(
        seconds,
        me.memory_info().rss / 2**20,
        me.num_fds(),
        me.num_threads(),
        len(lake),
        sum(lake.values()),
        models["models"].count_documents({}),
        int(models.command("dbStats")["dataSize"]),
        int(tables),
        len(home),
        sum(home.values()),
    )


def _files(folder: Path) -> dict[Path, int]:
    """The bytes of every file below a folder."""
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _report(weighed: list[Weighed], failed: int, numbers: int) -> Report:
    third, tenth = len(weighed) // 3, max(3, len(weighed) // 10)
    early, late = weighed[third : third + tenth], weighed[-tenth:]
    names = list(Weighed.__dataclass_fields__)
    then = {name: statistics.median(getattr(one, name) for one in early) for name in names}
    now = {name: statistics.median(getattr(one, name) for one in late) for name in names}
    between = len(weighed) - third - tenth
    return Report(
        title=f"{len(weighed)} days of one asset and one horizon in one process",
        columns=("what", f"around day {third + tenth // 2}", f"around day {len(weighed) - tenth // 2}"),
        rows=[(name, float(then[name]), float(now[name])) for name in names],
        figures={
            "days": len(weighed),
            "failed": failed,
            "numbers": numbers,
            "memory_ratio": now["memory"] / then["memory"],
            "handles_grown": now["handles"] - then["handles"],
            "threads_grown": now["threads"] - then["threads"],
            "lake_files_grown": now["lake_files"] - then["lake_files"],
            "lake_ratio": now["lake"] / then["lake"],
            "models_grown": now["models"] - then["models"],
            "home_files_grown": now["home_files"] - then["home_files"],
            "warehouse_bytes_a_day": (now["warehouse"] - then["warehouse"]) / between,
            "brain_bytes_a_day_mb": (now["brain"] - then["brain"]) / between / 2**20,
            "day_seconds": now["seconds"],
            "memory_mb": now["memory"],
        },
        notes=[
            "Medians over a tenth of the days, after the first third and at the end. memory in MB; lake, brain (what"
            " MongoDB holds), warehouse (with its indexes) and home (what runs log) in bytes; models are versions.",
            "By design the warehouse grows by the history of what was published and of extractions, and the brain by"
            " what was decided; the catalogue keeps rows of 27 months, snapshots of three days, three versions.",
        ],
    )
