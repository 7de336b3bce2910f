"""What would the table have said? 26 assets x 11 horizons, trained only on what each of several cut-offs knew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bounds import at_least, between
from benchmarks.grid import reliability
from benchmarks.grid.train import Cell, Job, known_at, train_grid
from benchmarks.report import RESULTS, Report
from benchmarks.rivals import mlautomator
from brain.demo.load import demo_frame
from brain.demo.prices import ASSETS
from brain.usecases.direction.backtest import calibration_line
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.names import DATE
from brain.usecases.direction.peer_shares import UpCounts, count_ups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CUTS = (0.5, 0.65, 0.8, 1.0)  # shares of each asset's history; the last is where the look ahead ends
TOLERANCE = 0.002
QUICK = ("VIX", "GOLD")
RIVAL_TRIALS, RIVAL_ALGORITHMS = 3, ("01", "05", "07")  # its other algorithms take minutes a cell
QUICK_TRAINING = {"horizons": (5, 20), "training": {"trials": 1, "folds": 3}}
HOLDS = {
    "published_no_worse": at_least(0.5),
    "published_mean_skill": between(-0.05, 0.1),
    "published_slope": between(-5, 5),
    "raw_no_worse": between(0, 1),
    "raw_mean_skill": between(-1, 0.1),
    "raw_slope": between(-5, 5),
    "claims": at_least(0),
    "claims_that_held": at_least(0),
}
TIMED = ("cpu_seconds_per_model",)
RIVALS = ("mlautomator_*",)


def run(quick: bool) -> Report:
    """Published against base rate, and the uncalibrated pipeline against both."""
    cuts = CUTS[-2:] if quick else CUTS
    chosen = jobs(QUICK if quick else ASSETS, cuts, QUICK_TRAINING if quick else {})
    cells = train_grid(chosen)
    ours, raw = summary(cells, lambda cell: cell.published), summary(cells, lambda cell: cell.uncalibrated)
    if not quick:
        reliability.keep(cells, RESULTS / "hindcast-reliability.csv")
    claims = [cell for cell in cells if cell.has_skill]
    rows = [ours.row("published"), raw.row("the same models, uncalibrated")]
    beside, rival_figures, rival_note = ([], {}, "") if quick else beside_rival(chosen, cells)
    rows += beside
    rows += [claims_row(asset, [c for c in claims if c.asset == asset]) for asset in sorted({c.asset for c in claims})]
    return Report(
        title=f"Hindcast on {len({c.asset for c in cells})} real assets, {len({c.group for c in cells})} cut-offs",
        columns=("forecast", "cells", "no worse than base rate", "mean skill", "pooled calibration slope"),
        rows=rows,
        figures={
            **ours.figures("published"),
            **raw.figures("raw"),
            **rival_figures,
            "claims": len(claims),
            "claims_that_held": sum(cell.loss(cell.published) <= cell.loss(cell.base) for cell in claims),
            "cpu_seconds_per_model": float(np.mean([cell.seconds for cell in cells])),
        },
        notes=[
            "A cell is an asset at a horizon, its log loss summed over all rows after each cut-off until the next.",
            f"No worse than the base rate: log loss at most {TOLERANCE:.1%} above that of the share of ups among the "
            "labels known at the same cut-off.",
            "Cut-offs lie at " + ", ".join(f"{cut:.1%}" for cut in cuts[:-1]) + " of each asset's own history, because "
            "the series cover different years; the gate judges each cut-off's whole grid.",
            *filter(None, [rival_note]),
            "Pooled slope: outcomes of all rows regressed on the log-odds published; 1 is calibrated.",
        ],
    )


def beside_rival(jobs: list[Job], cells: list[Cell]) -> tuple[list[tuple[Any, ...]], dict[str, Any], str]:
    """MLAutomator on a sample of the cells: rows of the table, figures, and what a reader must know of it."""
    sample, rival, seconds = rival_sample(jobs, cells, RIVAL_TRIALS, RIVAL_ALGORITHMS)
    theirs = summary(rival, lambda cell: cell.uncalibrated)
    rows = [
        summary(sample, lambda cell: cell.published).row("sample: published"),
        summary(sample, lambda cell: cell.uncalibrated).row("sample: the same models, uncalibrated"),
        theirs.row("sample: MLAutomator"),
    ]
    figures = {**theirs.figures("mlautomator"), "mlautomator_cpu_seconds_per_model": round(seconds, 2)}
    note = (
        f"Sample: {len(sample)} cells of the last cut-off, each asset at one horizon in turn, on which MLAutomator "
        f"ran too: {RIVAL_TRIALS} of its 25 trials an algorithm, {mlautomator.FOLDS} shuffled folds, "
        f"{mlautomator.listed(RIVAL_ALGORITHMS)}; {seconds:.0f} CPU seconds a model."
    )
    return rows, figures, note


def jobs(
    assets: Iterable[str], cuts: tuple[float, ...], settings: Mapping[str, Any] = MappingProxyType({})
) -> list[Job]:
    """One job for each asset and cut-off; the last cut is where the last look ahead ends."""
    found = []
    frames = {asset: demo_frame(asset) for asset in assets}
    for asset, frame in frames.items():
        edges = [round(len(frame) * cut) for cut in cuts]
        spec = AssetSpec.model_validate({"name": asset, "table": asset, **settings})
        for n in range(len(edges) - 1):
            day = frame[DATE].iloc[edges[n] - 1]
            known = {name: known_at(other, int((other[DATE] <= day).sum())) for name, other in frames.items()}
            counts = UpCounts({name: count_ups(then, spec.horizons) for name, then in known.items()})
            found.append(Job(spec, frame, edges[n], edges[n + 1] - 1, n, counts.without(asset)))
    return found


def rival_sample(
    jobs: list[Job], cells: list[Cell], trials: int, algorithms: tuple[str, ...]
) -> tuple[list[Cell], list[Cell], float]:
    """Cells of the last cut-off, one an asset; the same with MLAutomator's forecasts; its mean CPU seconds."""
    last = [job for job in jobs if job.group == max(job.group for job in jobs)]
    wanted = {job.spec.name: job.spec.horizons[n % len(job.spec.horizons)] for n, job in enumerate(last)}
    ours = {cell.asset: cell for cell in cells if cell.group == last[0].group and wanted[cell.asset] == cell.horizon}
    sample, rival, seconds = [], [], []
    for job in last:
        cell = ours[job.spec.name]
        if cell.head and len(cell.rows):
            said = mlautomator.forecast(job.frame, cell.horizon, job.cut, cell.rows, trials, algorithms)
            sample.append(cell)
            rival.append(replace(cell, raw=said.probability))
            seconds.append(said.cpu_seconds)
    return sample, rival, float(np.mean(seconds))


@dataclass(frozen=True)
class Summary:
    """How one forecast did over all cells."""

    cells: int
    fine: float
    mean_skill: float
    slope: float | None

    def row(self, name: str) -> tuple[Any, ...]:
        slope = "" if self.slope is None else f"{self.slope:.2f}"
        return name, self.cells, f"{self.fine:.1%}", f"{self.mean_skill:+.3%}", slope

    def figures(self, prefix: str) -> dict[str, Any]:
        return {
            f"{prefix}_no_worse": round(self.fine, 4),
            f"{prefix}_mean_skill": round(self.mean_skill, 6),
            f"{prefix}_slope": None if self.slope is None else round(self.slope, 4),
        }


def summary(cells: list[Cell], said: Callable[[Cell], Values]) -> Summary:
    """Skill by cell over all cut-offs, and the calibration of everything said."""
    with_rows = [cell for cell in cells if len(cell.rows)]
    losses: dict[tuple[str, int], NDArray[np.float64]] = {}
    for cell in with_rows:
        both = np.array([cell.loss(said(cell)), cell.loss(cell.base)])
        losses[cell.asset, cell.horizon] = losses.get((cell.asset, cell.horizon), np.zeros(2)) + both
    skill = np.array([1 - loss / base for loss, base in losses.values()])
    slope, _ = calibration_line(
        np.concatenate([said(cell) for cell in with_rows]), np.concatenate([cell.outcome for cell in with_rows])
    )
    return Summary(len(skill), float((skill >= -TOLERANCE).mean()), float(skill.mean()), slope)


def claims_row(asset: str, claims: list[Cell]) -> tuple[Any, ...]:
    """The asset's cells that claimed skill at some cut-off, on the rows after it."""
    skill = [1 - cell.loss(cell.published) / cell.loss(cell.base) for cell in claims]
    fine = np.mean([value >= -TOLERANCE for value in skill])
    return f"claimed skill: {asset}", len(claims), f"{fine:.1%}", f"{np.mean(skill):+.3%}", ""
