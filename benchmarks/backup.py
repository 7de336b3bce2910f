"""A backup of a fleet and its restore into empty databases: seconds and bytes, and what comes back."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.bounds import at_least, exactly
from benchmarks.fleet.fill import fill
from benchmarks.fleet.models import END
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.backup.restoring import check_backup, restore_backup
from brain.backup.taking import take_backup
from brain.core.moment import Moment
from brain.lake.lake import Lake
from brain.store.models import ModelStore
from brain.usecases.direction.scoring import score_cells
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.warehouse.publish import TableRows, publish
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from brain.core.settings import Settings
    from brain.usecases.direction.catalogue import Assets

SIZES, QUICK_SIZES = ((26, 11),), ((4, 5),)  # assets and models of each
NUMBERS = "SELECT asset, horizon, probability, base_rate, model_version, data_sha256 FROM probability_history"
HOLDS = {"models_*": at_least(20), "rows_that_differ": exactly(0), "scores_that_differ": exactly(0)}
TIMED = ("*_seconds_*", "megabytes_*")


def run(quick: bool) -> Report:
    """Each size once: its files are written and synced, so that a second time costs the same."""
    rows: list[tuple[object, ...]] = []
    figures: dict[str, float] = {"rows_that_differ": 0, "scores_that_differ": 0}
    with benchmark_servers() as variables, tempfile.TemporaryDirectory() as name:
        for assets, horizons in QUICK_SIZES if quick else SIZES:
            models, folder = assets * horizons, Path(name) / f"{assets * horizons}"
            settings, empty = fresh(variables), fresh(variables)
            _, _, grid = fill(settings, assets, horizons)
            before = _scored(settings, grid)
            seconds, size = _timed(settings, empty, folder)
            figures["rows_that_differ"] += len(_numbers(settings) ^ _numbers(empty))
            figures["scores_that_differ"] += len(before ^ _scored(empty, grid))
            rows.append((models, assets, *seconds, size))
            for what, spent in zip(("backup", "check", "restore"), seconds, strict=True):
                figures[f"{what}_seconds_{models}"] = round(spent, 2)
            figures |= {f"models_{models}": models, f"megabytes_{models}": round(size, 2)}
    return Report(
        title="Backup and restore",
        columns=("models", "assets", "backup s", "check s", "restore s", "MB of the backup"),
        rows=rows,
        figures=figures,
        notes=[
            "A mixed fleet as `scale` scores it: a version a model, 1,000 rows of 20 features an asset, published.",
            "Restored into empty databases and an empty lake of the same servers; the restore checks the backup first.",
            "Compared: every row of the history, and the newest row scored by every restored model, bit for bit.",
        ],
    )


def _timed(settings: Settings, empty: Settings, folder: Path) -> tuple[tuple[float, float, float], float]:
    """Seconds of backup, check and restore, and megabytes of the backup."""
    start = time.perf_counter()
    inventory = take_backup(settings, folder, END)
    taken = time.perf_counter()
    check_backup(empty, folder)
    checked = time.perf_counter()
    restore_backup(empty, folder)
    restored = time.perf_counter()
    size = sum(part.size for part in inventory.parts) / 1e6
    return (taken - start, checked - taken, restored - checked), size


def _scored(settings: Settings, grid: Assets) -> set[tuple[object, ...]]:
    """Score and publish; what was said of each cell, to the bit."""
    store, lake = ModelStore.open(settings, "direction"), Lake(settings.lake_url)
    scored = score_cells(store, lake, grid.assets, Moment(END))
    rows = TableRows(PROBABILITY_DETAILS, scored)
    publish(settings.warehouse_url, "direction", [rows], [probabilities(grid.horizons)], Moment(END))
    return set(scored[["asset", "horizon", "probability"]].itertuples(index=False, name=None))


def _numbers(settings: Settings) -> set[tuple[object, ...]]:
    return {*ask(settings.warehouse_url, NUMBERS).rows}
