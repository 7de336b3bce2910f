"""What a larger search budget buys: log loss of the blend after the cut-off, and CPU time, by number of trials."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.bounds import between
from benchmarks.grid.train import Job, train_job
from benchmarks.report import RESULTS, Report
from brain.demo.load import demo_frame
from brain.usecases.direction.catalogue import AssetSpec

if TYPE_CHECKING:
    from benchmarks.grid.train import Cell

ASSETS, QUICK_ASSETS = ("VIX", "SILVER", "SP500", "XOM"), ("VIX",)
HORIZONS = (1, 3, 5, 10, 20)
TRIALS, QUICK_TRIALS = (1, 3, 6, 12, 24, 48), (1, 3)
HOLDS = {"skill_*": between(-0.05, 0.05)}
TIMED = ("seconds_*",)
CUT = 0.75
PLOT = Path(__file__).parents[1] / "docs" / "budget.svg"


def run(quick: bool) -> Report:
    """The same cells searched with each budget."""
    rows: list[tuple[object, ...]] = []
    figures: dict[str, float] = {}
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(train_job, [_job(QUICK_ASSETS[0], 1)] * 2))  # imports are not what is measured
        for trials in QUICK_TRIALS if quick else TRIALS:
            jobs = [_job(asset, trials) for asset in (QUICK_ASSETS if quick else ASSETS)]
            cells = [cell for found in pool.map(train_job, jobs) for cell in found]
            skill, raw = _skill(cells, blended=True), _skill(cells, blended=False)
            seconds = float(np.mean([cell.seconds for cell in cells]))
            rows.append((trials, seconds, f"{skill:+.3%}", f"{raw:+.3%}"))
            figures |= {f"skill_{trials}": round(skill, 6), f"seconds_{trials}": round(seconds, 3)}
    return Report(
        title=f"Search budget on {len(ASSETS)} assets x {len(HORIZONS)} horizons, judged after {CUT:.0%} of the rows",
        columns=("trials", "CPU seconds a model", "mean skill of the blend", "mean skill uncalibrated"),
        rows=rows,
        figures=figures,
        notes=["The blend is shown as if every cell had passed the gate, so that the search alone is seen."],
    )


def _job(asset: str, trials: int) -> Job:
    frame = demo_frame(asset)
    training = {"trials": trials}
    spec = AssetSpec.model_validate({"name": asset, "table": asset, "horizons": HORIZONS, "training": training})
    return Job(spec, frame, round(len(frame) * CUT), len(frame))


def _skill(cells: list[Cell], *, blended: bool) -> float:
    found = []
    for cell in cells:
        assert cell.head is not None
        said = cell.head.blend(cell.raw) if blended else cell.uncalibrated
        found.append(1 - cell.loss(said) / cell.loss(cell.base))
    return float(np.mean(found))


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
    skill = [100 * figures[f"skill_{trials}"] for trials in TRIALS]
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
