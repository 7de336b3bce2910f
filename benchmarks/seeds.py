"""Is what is published a matter of luck? The same demo cells with several seeds: how far apart are the numbers?"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bounds import at_least, between
from benchmarks.grid.train import Job, judged, train_job
from benchmarks.report import Report
from brain.demo.load import demo_frame
from brain.demo.prices import ASSETS
from brain.usecases.direction.catalogue import AssetSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.grid.train import Cell

SEEDS, QUICK_SEEDS = (7, 1, 2, 3, 4), (7, 1)
QUICK_ASSETS = ("VIX", "SILVER")
QUICK_SETTINGS = {"horizons": (5, 20), "training": {"trials": 2}}
NEAR = 0.02
LEVEL = 0.1
HOLDS = {
    "near": at_least(0.7),
    "near_unjudged": at_least(0.5),
    "claims_agree": between(0, 1),
    "claims_same": at_least(0.5),
    "claims_by_seed": at_least(0),
    "claimed_by_all": at_least(0),
    "claimed_by_any": at_least(0),
}


def run(quick: bool) -> Report:
    """Every cell of the demo, known until its end, once with each seed."""
    assets = QUICK_ASSETS if quick else tuple(ASSETS)
    seeds = QUICK_SEEDS if quick else SEEDS
    with ProcessPoolExecutor(2) as pool:
        settings = QUICK_SETTINGS if quick else {}
        return report(assets, seeds, [grid(assets, seed, pool, settings) for seed in seeds])


def grid(
    assets: Iterable[str],
    seed: int,
    pool: ProcessPoolExecutor | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> list[Cell]:
    """All cells trained with one seed, judged together."""
    jobs = [_job(asset, seed, settings) for asset in assets]
    found = pool.map(train_job, jobs) if pool else map(train_job, jobs)
    return judged([cell for cells in found for cell in cells], LEVEL)


def report(assets: Sequence[str], seeds: Sequence[int], grids: Sequence[list[Cell]]) -> Report:
    """How far the seeds' numbers lie from each other, by cell."""
    published = np.array([[_newest(cell, has_skill=cell.has_skill) for cell in cells] for cells in grids])
    blended = np.array([[_newest(cell, has_skill=True) for cell in cells] for cells in grids])
    claims = np.array([[cell.has_skill for cell in cells] for cells in grids])
    moved, stirred = np.ptp(published, axis=0), np.ptp(blended, axis=0)
    pairs = list(combinations(claims, 2))
    agree, same = [_agreement(*pair) for pair in pairs], [np.mean(one == other) for one, other in pairs]
    always, ever = int(claims.all(axis=0).sum()), int(claims.any(axis=0).sum())
    rows = [
        ("published number", *_spread(moved)),
        ("as if every cell had skill", *_spread(stirred)),
    ]
    return Report(
        title=f"Luck: {len(assets)} demo assets, {claims.shape[1]} cells, {len(seeds)} seeds",
        columns=("what", f"cells that move by at most {NEAR}", "95 % move by at most", "largest move"),
        rows=rows,
        figures={
            "near": round(float((moved <= NEAR).mean()), 4),
            "near_unjudged": round(float((stirred <= NEAR).mean()), 4),
            "claims_agree": round(float(np.mean(agree)), 4),
            "claims_same": round(float(np.mean(same)), 4),
            "claims_by_seed": claims.sum(axis=1).tolist(),
            "claimed_by_all": always,
            "claimed_by_any": ever,
        },
        notes=[
            "A move is the distance between the largest and the smallest number that the seeds publish for the newest "
            "row of a cell.",
            f"Cells claimed by seed: {', '.join(map(str, claims.sum(axis=1)))}; by all {always}, by any {ever}. Of the "
            f"cells that either of two seeds claims, both claim {np.mean(agree):.0%}; they say the same of "
            f"{np.mean(same):.1%} of all cells.",
        ],
    )


def _spread(moved: NDArray[np.float64]) -> tuple[str, str, str]:
    return f"{(moved <= NEAR).mean():.1%}", f"{np.quantile(moved, 0.95):.4f}", f"{moved.max():.3f}"


def _agreement(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Share of the cells claimed by either that both claim; 1 where neither claims any."""
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 1.0


def _job(asset: str, seed: int, settings: Mapping[str, Any]) -> Job:
    frame = demo_frame(asset)
    training = {**settings.get("training", {}), "seed": seed}
    spec = AssetSpec.model_validate({"name": asset, "table": asset, **settings, "training": training})
    # What is judged is the newest row, whose outcome nobody knows: any row will do that has one at every horizon.
    return Job(spec, frame, len(frame) - max(spec.horizons) - 1, len(frame))


def _newest(cell: Cell, *, has_skill: bool) -> float:
    assert cell.head is not None, cell.reason
    return float(cell.head.apply(cell.raw[:1, None], has_skill)[0])
