"""The reliability of what was said: by bin of published probability, how often it came true.

``python -m benchmarks.grid.reliability`` draws docs/reliability.svg from the last hindcast.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.grid.train import Cell

BINS = 10
ROOT = Path(__file__).parents[2]
KEPT = ROOT / "benchmarks" / "results" / "hindcast-reliability.csv"
PLOT = ROOT / "docs" / "reliability.svg"


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


def draw(kept: Path, plot: Path) -> None:
    """Plot what `keep` wrote; bars are two standard errors of the independent outcomes in a bin."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "reliability"
    with kept.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figure, axes = pyplot.subplots(figsize=(6, 5))
    axes.plot([0.2, 0.9], [0.2, 0.9], color="0.7", linewidth=1, label="what is said comes true")
    for name, colour in (("uncalibrated", "tab:red"), ("published", "tab:blue")):
        said, true, count = (
            np.array([float(row[column]) for row in rows if row["forecast"] == name])
            for column in ("said", "came_true", "independent")
        )
        error = 2 * np.sqrt(true * (1 - true) / count)
        axes.errorbar(said, true, yerr=error, fmt="o-", color=colour, capsize=2, label=name)
    axes.set(
        xlabel="probability said",
        ylabel="share that came true",
        title="Hindcast on real data, by tenths of all forecasts",
    )
    axes.legend()
    figure.tight_layout()
    figure.savefig(plot, metadata={"Date": None})


if __name__ == "__main__":
    draw(KEPT, PLOT)
