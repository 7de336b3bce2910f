"""What a larger search budget buys: log loss of the blend after the cut-off, and CPU time, by number of trials."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from benchmarks.bounds import at_least, between
from benchmarks.grid.kept import trained
from benchmarks.grid.train import judged
from benchmarks.market.unseen import all_series, named
from benchmarks.report import RESULTS, Report
from benchmarks.unseen import QUICK, QUICK_HORIZONS, jobs_by_cut, no_worse
from brain.usecases.direction.catalogue import AssetSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.grid.train import Cell, Job

    Values = NDArray[np.float64]

TRIALS, QUICK_TRIALS = (1, 3, 7, 14, 28), (1, 3)
EVERY = 3  # one series in three, at the last cut-offs
CUTS = 2
HOLDS = {"cells": at_least(2), "skill_*": between(-0.05, 0.05), "no_worse_*": between(0.3, 1)}
TIMED = ("seconds_*",)
PLOT = Path(__file__).parents[1] / "docs" / "budget.svg"


def run(quick: bool) -> Report:
    """The same cells of series that no constant was chosen on, searched with each budget."""
    series = named(QUICK) if quick else all_series()[::EVERY]
    groups = list(jobs_by_cut(series, 1 if quick else CUTS))
    rows: list[tuple[object, ...]] = []
    figures: dict[str, float] = {}
    for trials in QUICK_TRIALS if quick else TRIALS:
        jobs = [_with(job, trials, quick=quick) for group in groups for job in group]
        cells = trained(jobs, f"budget-{trials}", Console(stderr=True).print)
        cells = [cell for cell in judged(cells, jobs[0].spec.training.false_discovery_rate) if len(cell.rows)]
        told = _told(cells)
        seconds = float(np.mean([cell.seconds for cell in cells]))
        percents = (f"{told[name]:+.3%}" for name in ("skill", "skill_as_if", "skill_raw"))
        claims = sum(cell.has_skill for cell in cells)
        rows.append((trials, seconds, *percents, f"{told['no_worse']:.1%}", claims))
        figures |= {"cells": len(cells), f"seconds_{trials}": round(seconds, 3)}
        figures |= {f"{name}_{trials}": round(value, 6) for name, value in told.items()}
    return Report(
        title=f"Search budget on {len(series)} unseen series, {len(groups)} cut-offs, {figures['cells']} cells",
        columns=(
            "trials",
            "CPU seconds a model",
            "mean skill",
            "as if all had skill",
            "uncalibrated",
            "no worse",
            "claims",
        ),
        rows=rows,
        figures=figures,
        notes=["Cells and skill as in `unseen`: of what is published, against the plain share of ups."],
    )


def _with(job: Job, trials: int, *, quick: bool) -> Job:
    spec = job.spec.model_dump()
    spec["training"] = {**spec["training"], "trials": trials}
    if quick:
        spec |= {"horizons": QUICK_HORIZONS, "training": {"folds": 3, "trials": trials}}
    return replace(job, spec=AssetSpec.model_validate(spec))


def _told(cells: Sequence[Cell]) -> dict[str, float]:
    """What the budget bought, by figure; the blend also as if every cell had skill, so that the search is seen."""

    def skill(said: Callable[[Cell], Values]) -> float:
        return float(np.mean([1 - cell.loss(said(cell)) / cell.loss(cell.base) for cell in cells]))

    def blend(cell: Cell) -> Values:
        return cell.head.apply(cell.raw[:, None], True) if cell.head else cell.base

    return {
        "skill": skill(lambda cell: cell.published),
        "skill_as_if": skill(blend),
        "skill_raw": skill(lambda cell: cell.uncalibrated),
        "no_worse": no_worse(cells, lambda cell: cell.published),
    }


def draw() -> None:
    """Plot the kept result: ``python -m benchmarks.budget`` draws docs/budget.svg."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "budget"
    kept = (RESULTS / "budget.md").read_text(encoding="utf-8")
    figures = json.loads(kept.split("```json")[1].split("```")[0])
    figure, axes = pyplot.subplots(figsize=(6, 3.5))
    seconds = [figures[f"seconds_{trials}"] for trials in TRIALS]
    skill = [100 * figures[f"skill_as_if_{trials}"] for trials in TRIALS]
    axes.plot(seconds, skill, "o-", color="tab:blue")
    for trials, x, y in zip(TRIALS, seconds, skill, strict=True):
        axes.annotate(str(trials), (x, y), textcoords="offset points", xytext=(4, -12))
    axes.set(
        xscale="log",
        xlabel="CPU seconds a model",
        ylabel="mean skill of the blend, %",
        title="What a larger search budget buys (trials beside each point)",
    )
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


if __name__ == "__main__":
    draw()
