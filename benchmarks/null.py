"""Random walks hold nothing to foresee: how often does training claim skill, and what would its claims have cost?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.grid.series import random_walk
from benchmarks.grid.train import Job, train_grid
from benchmarks.report import Report
from brain.core.catalog import AssetSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.grid.train import Cell

HORIZONS = (1, 5, 10, 21, 63, 161)
WALKS, QUICK_WALKS = 50, 4
KNOWN, LATER = 2500, 1000
ALONE = 0.05


def run(quick: bool) -> Report:
    """Claims and cost with the gate, and what the same models would have published without it."""
    walks = QUICK_WALKS if quick else WALKS
    cells = train_grid([_job(seed) for seed in range(walks)])
    claims = sum(bool(cell.calibration and cell.calibration.has_skill) for cell in cells)
    alone = sum(cell.p_value < ALONE for cell in cells)
    ours, raw = _cost(cells, lambda cell: cell.published), _cost(cells, lambda cell: cell.uncalibrated)
    return Report(
        title=f"Null test: {walks} random walks x {len(HORIZONS)} horizons, {KNOWN} rows known, the next {LATER} judged",
        columns=("what is published", "cells", "claiming skill", "mean log loss against the base rate's"),
        rows=[
            ("ours, gated over the grid", len(cells), f"{claims / len(cells):.1%}", f"{ours:+.3%}"),
            (f"each cell alone at p < {ALONE}", len(cells), f"{alone / len(cells):.1%}", "not published"),
            ("the same models, uncalibrated", len(cells), "100.0%", f"{raw:+.3%}"),
        ],
        figures={
            "cells": len(cells),
            "claiming_skill": claims / len(cells),
            "p_below_0.05": alone / len(cells),
            "published_excess_log_loss": round(ours, 6),
            "raw_excess_log_loss": round(raw, 6),
        },
        notes=[
            "The base rate is the share of ups among the labels known at the cut-off.",
            "Shrinking the base rate of long horizons toward 1/2 is right on walks without drift, so ours may be below it.",
        ],
    )


def _job(seed: int) -> Job:
    spec = AssetSpec(name=f"WALK{seed}", table=f"walk{seed}", horizons=HORIZONS)
    return Job(spec, random_walk(KNOWN + LATER, seed, HORIZONS), KNOWN, KNOWN + LATER)


def _cost(cells: Sequence[Cell], said: Callable[[Cell], NDArray[np.float64]]) -> float:
    """Mean log loss of what was said over that of the base rate, less 1."""
    losses: Any = np.array(
        [(cell.loss(said(cell)) / len(cell.rows), cell.loss(cell.base) / len(cell.rows)) for cell in cells]
    )
    return float(losses[:, 0].mean() / losses[:, 1].mean() - 1)
