"""Random walks hold nothing to foresee: how often does training claim skill, and what would its claims have cost?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.grid.series import random_walk
from benchmarks.grid.train import Job, train_grid
from benchmarks.report import Report
from brain.usecases.direction.catalogue import AssetSpec

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
    claims = sum(cell.has_skill for cell in cells)
    alone = sum(cell.p_value < ALONE for cell in cells)
    ours, raw = _cost(cells, lambda cell: cell.published), _cost(cells, lambda cell: cell.uncalibrated)
    excess = float(np.mean([cell.loss(cell.published) for cell in cells]) / np.mean([_unclaimed(c) for c in cells]) - 1)
    return Report(
        title=f"Null test: {walks} random walks x {len(HORIZONS)} horizons, {KNOWN} rows known, {LATER} judged",
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
            "excess_over_published_base_rate": round(excess, 6),
            "raw_excess_log_loss": round(raw, 6),
        },
        notes=[
            "The base rate is the share of ups among the labels known at the cut-off.",
            "Ours is below it because the base rate of long horizons, seen in few independent outcomes, is drawn to "
            "the peers' share, here 1/2, which is right of walks; against that published base rate the excess is "
            f"{excess:+.3%}.",
        ],
    )


def _job(seed: int) -> Job:
    spec = AssetSpec(name=f"WALK{seed}", table=f"walk{seed}", horizons=HORIZONS)
    return Job(spec, random_walk(KNOWN + LATER, seed, HORIZONS), KNOWN, KNOWN + LATER)


def _unclaimed(cell: Cell) -> float:
    """The loss had the cell made no claim."""
    rate = cell.head.base_rate if cell.head else cell.share
    return cell.loss(np.full(len(cell.rows), rate))


def _cost(cells: Sequence[Cell], said: Callable[[Cell], NDArray[np.float64]]) -> float:
    """Mean log loss of what was said over that of the base rate, less 1."""
    losses: Any = np.array(
        [(cell.loss(said(cell)) / len(cell.rows), cell.loss(cell.base) / len(cell.rows)) for cell in cells]
    )
    return float(losses[:, 0].mean() / losses[:, 1].mean() - 1)
