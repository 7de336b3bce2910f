"""Series whose true conditional probability is known: how much of the attainable skill is found, and is it flagged?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.bounds import at_least, between
from benchmarks.grid.series import CYCLE, drifting, planted, planted_by
from benchmarks.grid.train import Job, train_grid
from benchmarks.report import Report
from brain.learning.probability import log_loss
from brain.usecases.direction.catalogue import AssetSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from benchmarks.grid.train import Cell

KNOWN, LATER = 3000, 20_000
TURN = 2 * KNOWN // 3  # where a late signal begins and a dying one ends
STRENGTHS = (0.3, 0.5, 1.0)
KINDS = ("xor", "product", "threshold", "seasonal", "late", "dying")
KIND_STRENGTHS = (0.5, 1.0)
DRIFT, HORIZONS = 0.2, (1, 5, 20)
REPEATS, QUICK_REPEATS = 10, 2
QUICK = ("1.0", "threshold_1.0", "dying_1.0")
NOTHING = 1e-3
HOLDS = {
    "recovered_1.0": at_least(0.8),
    "true_form_1.0": at_least(0.8),
    "flagged_1.0": at_least(0.5),
    "recovered_threshold_1.0": at_least(0.3),
    "skill_dying_1.0": between(-0.05, 0.05),
    "recovered_*": at_least(-1),
    "true_form_*": at_least(-1),
    "flagged_*": between(0, 1),
    "skill_*": between(-0.05, 0.05),
}

Truth = dict[int, "NDArray[np.float64]"]  # by horizon, the true probability of every row


@dataclass(frozen=True)
class Case:
    """Series of one kind at one strength, known until a cut-off.

    Args:
        figure: Ending of the names of its figures.
        truths: One for each job.
        linear: Whether a logistic regression on the features has the form of the signal.
    """

    name: str
    figure: str
    jobs: tuple[Job, ...]
    truths: tuple[Truth, ...]
    linear: bool


def run(quick: bool) -> Report:
    """Attainable and recovered skill by kind and strength of the signal."""
    repeats = QUICK_REPEATS if quick else REPEATS
    rows: list[tuple[object, ...]] = []
    figures: dict[str, float] = {}
    for case in cases(range(1000, 1000 + repeats), QUICK if quick else ()):
        cells = train_grid(case.jobs)
        for horizon in case.jobs[0].spec.horizons:
            chosen = [cell for cell in cells if cell.horizon == horizon]
            row, found = _judged(case, horizon, chosen)
            rows.append(row)
            figures |= found
    return Report(
        title=f"Planted signals: {KNOWN} rows known, {repeats} series each, judged on the next {LATER} rows",
        columns=(
            "signal",
            "attainable skill",
            "recovered",
            "recovered uncalibrated",
            "by a fit of the true form",
            "flagged as skilful",
        ),
        rows=rows,
        figures=figures,
        notes=[
            "A number alone: P(up) = sigmoid(number x signal), where the signal is one of 8 features and the others "
            "are noise.",
            "xor: the signs of two features, multiplied. product: of two features. threshold: whether a feature is "
            f"far from 0. seasonal: a wave over {CYCLE} rows; a row's number in it is a feature. late: linear from "
            f"row {TURN} on. dying: linear until row {TURN}, so that nothing is attainable: the skill of what was "
            "published is shown.",
            f"drifting: the daily drift is {DRIFT} standard deviations times a feature that changes slowly, beside 7 "
            "as slow ones that mean nothing; all three horizons are trained together.",
            "Attainable is the skill of the true probability itself against the base rate, on the same rows.",
            "A fit of the true form: maximum likelihood of that very equation on all 8 features, told that "
            "each series has skill. What it misses of the attainable, the known rows do not hold.",
        ],
    )


def cases(seeds: Iterable[int], only: Collection[str] = ()) -> Iterator[Case]:
    """Every kind of signal.

    Args:
        only: Figures of the cases wanted; all by default.
    """
    seeds = list(seeds)
    for strength in STRENGTHS:
        if not only or str(strength) in only:
            made = [planted(KNOWN + LATER, seed, strength) for seed in seeds]
            yield _case(str(strength), str(strength), [(frame, {1: chance}) for frame, chance in made], linear=True)
    for kind, strength in product(KINDS, KIND_STRENGTHS):
        figure = f"{kind}_{strength}"
        if not only or figure in only:
            several = [planted_by(kind, KNOWN + LATER, seed, strength, turn=TURN) for seed in seeds]
            yield _case(f"{kind} {strength}", figure, [(frame, {1: chance}) for frame, chance in several])
    if not only:
        yield _case("drifting", "drifting", [drifting(KNOWN + LATER, seed, DRIFT, HORIZONS) for seed in seeds])


def _case(name: str, figure: str, series: Sequence[tuple[pd.DataFrame, Truth]], *, linear: bool = False) -> Case:
    jobs, truths = [], []
    for number, (frame, truth) in enumerate(series):
        spec = AssetSpec(name=f"PLANTED{number}", table=f"planted{number}", horizons=tuple(truth))
        jobs.append(Job(spec, frame, KNOWN, KNOWN + LATER))
        truths.append(truth)
    return Case(name, figure, tuple(jobs), tuple(truths), linear)


def _judged(case: Case, horizon: int, cells: Sequence[Cell]) -> tuple[tuple[object, ...], dict[str, float]]:
    """A row of the table and its figures; `cells` are those of one horizon, one for each job."""
    attainable = np.array([_skill(c, t[horizon][c.rows]) for c, t in zip(cells, case.truths, strict=True)]).mean()
    ours = np.mean([_skill(cell, cell.published) for cell in cells])
    raw = np.mean([_skill(cell, cell.uncalibrated) for cell in cells])
    flagged = float(np.mean([cell.has_skill for cell in cells]))
    many = len(case.jobs[0].spec.horizons) > 1
    name, figure = (f"{case.name}, {horizon} days", f"{case.figure}_{horizon}") if many else (case.name, case.figure)
    if abs(attainable) < NOTHING:  # the base rate itself is drawn from few rows
        figures = {f"skill_{figure}": round(float(ours), 6), f"flagged_{figure}": flagged}
        return (name, "none", f"{ours:+.2%} of skill", f"{raw:+.2%} of skill", "", f"{flagged:.0%}"), figures
    figures = {f"recovered_{figure}": round(float(ours / attainable), 4), f"flagged_{figure}": flagged}
    best = ""
    if case.linear:
        fits = [_skill(cell, _true_form(job, cell)) for cell, job in zip(cells, case.jobs, strict=True)]
        figures[f"true_form_{figure}"] = round(float(np.mean(fits) / attainable), 4)
        best = f"{figures[f'true_form_{figure}']:.1%}"
    shares = [f"{skill / attainable:.1%}" for skill in (ours, raw)]
    return (name, f"{attainable:.2%}", *shares, best, f"{flagged:.0%}"), figures


def _true_form(job: Job, cell: Cell) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    features = job.frame.filter(regex="signal|noise").to_numpy()
    known = job.frame["RETURNS1"].to_numpy()[: job.cut - 1] >= 0
    fitted = LogisticRegression(C=np.inf).fit(features[: job.cut - 1], known)
    said: NDArray[np.float64] = fitted.predict_proba(features[cell.rows])[:, 1]
    return said


def _skill(cell: Cell, probability: NDArray[np.float64]) -> float:
    return 1 - float(log_loss(cell.outcome, probability).sum()) / cell.loss(cell.base)
