"""The reliability of what was said: by bin of published probability, how often it came true."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.grid.train import Cell

BINS = 10


def keep(cells: list[Cell], path: Path) -> None:
    """Write forecast, frequency and weight by decile of the published and the uncalibrated probability.

    The weight of a bin is its number of independent outcomes: rows divided by their horizon.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["forecast", "said", "came_true", "independent"])
        for name in ("published", "uncalibrated"):
            said = np.concatenate([getattr(cell, name) for cell in cells])
            outcome = np.concatenate([cell.outcome for cell in cells])
            weight = np.concatenate([np.full(len(cell.rows), 1 / cell.horizon) for cell in cells])
            edges = np.quantile(said, np.linspace(0, 1, BINS + 1))
            place = np.clip(np.searchsorted(edges, said, side="right") - 1, 0, BINS - 1)
            for number in range(BINS):
                here = place == number
                if here.any():
                    row = (said[here].mean(), outcome[here].mean(), weight[here].sum())
                    writer.writerow([name, *(f"{value:.4f}" for value in row)])
