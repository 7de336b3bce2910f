"""Series that hold nothing to foresee: how often does training claim skill, and what would its claims have cost?

Besides the plain random walk: heavy tails, calm and wild times (GARCH and stochastic volatility), features that move as
slowly as returns over long horizons do, and assets that move together. A grid is a few assets of one kind, judged
together as a catalogue's are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bounds import at_least, at_most, between
from benchmarks.grid.series import NULLS, null_table
from benchmarks.grid.train import Job, train_grid
from benchmarks.report import Report
from brain.learning.skill import LEAST_BLOCKS
from brain.learning.splits import EVIDENCE_START
from brain.usecases.direction.catalogue import AssetSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.grid.train import Cell

HORIZONS = (1, 5, 21, 63, 161)
GRIDS, QUICK_GRIDS = 10, 1
ASSETS, QUICK_ASSETS = 5, 2
KNOWN, LATER = 2500, 1000
ALONE = 0.05
QUICK_KINDS, QUICK_HORIZONS = NULLS[1:2], (1, 5, 21)
HOLDS = {
    "cells": at_least(6),
    "claiming_skill": at_most(0.1),
    "grids_with_a_claim": at_most(0.25),
    "level": between(0.01, 0.2),
    "p_below_0.05": at_most(0.2),
    "published_excess_log_loss": at_most(0.02),
    "excess_over_published_base_rate": at_most(0.02),
    "raw_excess_log_loss": at_most(1),
}


def run(quick: bool) -> Report:
    """Claims and cost with the gate by kind, and what the same models would have published without it."""
    grids, assets = (QUICK_GRIDS, QUICK_ASSETS) if quick else (GRIDS, ASSETS)
    kinds, horizons = (QUICK_KINDS, QUICK_HORIZONS) if quick else (NULLS, HORIZONS)
    jobs = [
        _job(kind, 10 * grid + number, NULLS.index(kind) * grids + grid, horizons)
        for kind in kinds
        for grid in range(grids)
        for number in range(assets)
    ]
    cells = [cell for cell in train_grid(jobs, processes=1) if cell.head]
    by_kind = {kind: [cell for cell in cells if cell.asset.startswith(kind.upper())] for kind in kinds}
    level = jobs[0].spec.training.false_discovery_rate
    false = len({cell.group for cell in cells if cell.has_skill}) / (grids * len(kinds))
    alone = float(np.mean([cell.p_value < ALONE for cell in _proving(cells)]))
    excess = float(np.mean([cell.loss(cell.published) for cell in cells]) / np.mean([_unclaimed(c) for c in cells]) - 1)
    ours, raw = _cost(cells, lambda cell: cell.published), _cost(cells, lambda cell: cell.uncalibrated)
    rows = [_row(kind, found, grids) for kind, found in by_kind.items()]
    return Report(
        title=f"Null test: {grids} grids a kind, {assets} assets x {len(horizons)} horizons each, {KNOWN} rows known, "
        f"{LATER} judged",
        columns=(
            "kind",
            "cells",
            "grids with a claim",
            f"each cell alone at p < {ALONE}",
            "mean log loss against the plain share's",
            "the same models, uncalibrated",
        ),
        rows=[*rows, _row("all", cells, grids * len(kinds))],
        figures={
            "cells": len(cells),
            "claiming_skill": float(np.mean([cell.has_skill for cell in cells])),
            "grids_with_a_claim": round(false, 4),
            "level": level,
            "p_below_0.05": round(alone, 4),
            "published_excess_log_loss": round(ours, 6),
            "excess_over_published_base_rate": round(excess, 6),
            "raw_excess_log_loss": round(raw, 6),
        },
        notes=[
            f"Where nothing can be foreseen every claim is false: the rate set, {level:.0%}, is then the share of "
            "grids with any claim that is to be expected.",
            "Each cell alone: of those whose history is long enough to prove anything.",
            f"Against the published base rate the excess is {excess:+.3%}.",
        ],
    )


def _job(kind: str, seed: int, group: int, horizons: tuple[int, ...]) -> Job:
    spec = AssetSpec(name=f"{kind.upper()}{seed}", table=f"walk{seed}", horizons=horizons)
    return Job(spec, null_table(kind, KNOWN + LATER, seed, horizons), KNOWN, KNOWN + LATER, group)


def _proving(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.horizon <= KNOWN * EVIDENCE_START / LEAST_BLOCKS / 2]


def _row(kind: str, cells: Sequence[Cell], grids: int) -> tuple[Any, ...]:
    proving = _proving(cells)
    return (
        kind,
        len(cells),
        f"{len({cell.group for cell in cells if cell.has_skill}) / grids:.0%}",
        f"{np.mean([cell.p_value < ALONE for cell in proving]):.1%} of {len(proving)}",
        f"{_cost(cells, lambda cell: cell.published):+.3%}",
        f"{_cost(cells, lambda cell: cell.uncalibrated):+.3%}",
    )


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
