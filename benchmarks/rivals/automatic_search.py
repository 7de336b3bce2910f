"""FLAML's forecasts of cells, from the features and labels our training gets."""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.rivals.environment import HERE, environment
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.dataset import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.grid.train import Cell, Job

VERSION = "2.7.0"

log = logging.getLogger(__name__)


def forecasts(cells: Sequence[tuple[Job, Cell]], seconds: float) -> list[Cell | None]:
    """The cells as FLAML would have forecast them, each after `seconds` of search; None where it failed.

    Raises:
        subprocess.CalledProcessError: It cannot be installed, or failed.
    """
    python = _interpreter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (job, cell) in enumerate(cells):
            _give(folder / f"{number:04d}.npz", job, cell)
        subprocess.run(
            [str(python), str(HERE / "automatic_search_cell.py"), name, str(seconds)], check=True, capture_output=True
        )
        said = [json.loads((folder / f"{number:04d}.json").read_text()) for number in range(len(cells))]
    for (_, cell), raw in zip(cells, said, strict=True):
        if isinstance(raw, str):
            log.warning("FLAML failed on %s %d: %s", cell.asset, cell.horizon, raw)
    return [
        None if isinstance(raw, str) else replace(cell, raw=np.array(raw))
        for (_, cell), raw in zip(cells, said, strict=True)
    ]


def _give(path: Path, job: Job, cell: Cell) -> None:
    horizon = cell.horizon
    dataset = prepare(job.frame, AssetSpec(name="CELL", table="cell", horizons=(horizon,)))
    known = np.arange(job.cut - horizon)
    known = known[~np.isnan(dataset.labels[horizon][known])]
    usual = np.nan_to_num(np.nanmedian(dataset.X[known], axis=0))  # some of what it tries takes no missing values
    given, asked = (np.where(np.isnan(rows), usual, rows) for rows in (dataset.X[known], dataset.X[cell.rows]))
    np.savez(path, X=given, y=dataset.labels[horizon][known].astype(int), X_test=asked)


def _interpreter() -> Path:
    return environment("flaml-venv", HERE / "automatic_search_requirements.txt")
