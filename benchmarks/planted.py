"""Series whose true conditional probability is known: how much of the attainable skill is found, and is it flagged?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.grid.series import planted
from benchmarks.grid.train import Job, train_grid
from benchmarks.report import Report
from brain.learning.probability import log_loss
from brain.usecases.direction.catalogue import AssetSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.grid.train import Cell

KNOWN, LATER = 3000, 20_000
STRENGTHS = (0.3, 0.5, 1.0)
REPEATS, QUICK_REPEATS = 10, 2


def run(quick: bool) -> Report:
    """Attainable and recovered skill by strength of the signal."""
    repeats = QUICK_REPEATS if quick else REPEATS
    seeds = range(1000, 1000 + repeats)
    rows: list[tuple[object, ...]] = []
    figures: dict[str, float] = {}
    for strength in STRENGTHS:
        jobs, truths = zip(*[_job(seed, strength) for seed in seeds], strict=True)
        cells = train_grid(jobs)
        attainable = np.array([_skill(c, t[c.rows]) for c, t in zip(cells, truths, strict=True)])
        ours = np.array([_skill(cell, cell.published) for cell in cells])
        raw = np.array([_skill(cell, cell.uncalibrated) for cell in cells])
        best = np.array([_skill(cell, _true_form(job, cell)) for cell, job in zip(cells, jobs, strict=True)])
        flagged = np.mean([cell.has_skill for cell in cells])
        shares = [float(skill.mean() / attainable.mean()) for skill in (ours, raw, best)]
        rows.append((strength, f"{attainable.mean():.2%}", *(f"{share:.1%}" for share in shares), f"{flagged:.0%}"))
        figures |= {
            f"recovered_{strength}": round(shares[0], 4),
            f"true_form_{strength}": round(shares[2], 4),
            f"flagged_{strength}": float(flagged),
        }
    return Report(
        title=f"Planted signal: {KNOWN} rows known, {repeats} series a strength, judged on the next {LATER} rows",
        columns=(
            "strength",
            "attainable skill",
            "recovered",
            "recovered uncalibrated",
            "by a fit of the true form",
            "flagged as skilful",
        ),
        rows=rows,
        figures=figures,
        notes=[
            "P(up) = sigmoid(strength x signal); the signal is one of 8 features, the others are noise.",
            "Attainable is the skill of the true probability itself against the base rate, on the same rows.",
            "A fit of the true form: maximum likelihood of that very equation on all 8 features, told that "
            "each series has skill. What it misses of the attainable, the known rows do not hold.",
        ],
    )


def _job(seed: int, strength: float) -> tuple[Job, NDArray[np.float64]]:
    frame, chance = planted(KNOWN + LATER, seed, strength)
    spec = AssetSpec(name=f"PLANTED{seed}", table=f"planted{seed}", horizons=(1,))
    return Job(spec, frame, KNOWN, KNOWN + LATER), chance


def _true_form(job: Job, cell: Cell) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    features = job.frame.filter(regex="signal|noise").to_numpy()
    known = job.frame["RETURNS1"].to_numpy()[: job.cut - 1] >= 0
    fitted = LogisticRegression(C=np.inf).fit(features[: job.cut - 1], known)
    said: NDArray[np.float64] = fitted.predict_proba(features[cell.rows])[:, 1]
    return said


def _skill(cell: Cell, probability: NDArray[np.float64]) -> float:
    return 1 - float(log_loss(cell.outcome, probability).sum()) / cell.loss(cell.base)
