"""How reliable probabilities were: isotonic recalibration, and what it says of their Brier score.

Dimitriadis, Gneiting and Jordan (2021): the recalibrated probability is the isotonic regression of outcomes on what was
said, so no bins are chosen. Then Brier score = miscalibration - discrimination + uncertainty, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CLIP = 1e-12
NEWTON_STEPS, CLOSE_ENOUGH, STEEPEST = 50, 1e-10, 50.0


@dataclass(frozen=True)
class Said:
    """Probabilities that were said, each once, ascending, shape (n,).

    Args:
        probability: The different probabilities.
        count: How often each was said.
        happened: How often it came true then.
    """

    probability: Values
    count: Values
    happened: Values

    @classmethod
    def of(cls, probability: Values, outcome: Values) -> Said:
        """Those of single forecasts, in any order."""
        return cls.merged([cls(probability, np.ones(len(probability)), outcome)])

    @classmethod
    def merged(cls, parts: list[Said]) -> Said:
        """Those of all parts together."""
        probability = np.concatenate([np.empty(0), *(part.probability for part in parts)])
        different, place = np.unique(probability, return_inverse=True)
        weights = (np.concatenate([np.empty(0), *values]) for values in _weights(parts))
        count, happened = (np.bincount(place, values, len(different)).astype(np.float64) for values in weights)
        return cls(different, count, happened)


@dataclass(frozen=True)
class Reliability:
    """The recalibrated probabilities in pools of equal ones, ascending, and the parts of the Brier score.

    Args:
        low: Least probability said in each pool, shape (pools,).
        high: Largest one.
        said: Their mean.
        count: Forecasts in it.
        came_true: Share that came true: the recalibrated probability.
    """

    low: Values
    high: Values
    said: Values
    count: Values
    came_true: Values
    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def _weights(parts: list[Said]) -> tuple[list[Values], list[Values]]:
    return [part.count for part in parts], [part.happened for part in parts]


def reliability(given: Said) -> Reliability:
    """Isotonic recalibration of what was said, at least one forecast."""
    from scipy.optimize import isotonic_regression  # a third of a second: nothing is scored on most evaluations

    share = given.happened / given.count
    fit = isotonic_regression(share, weights=given.count)
    starts = fit.blocks[:-1]
    total = given.count.sum()
    count = np.add.reduceat(given.count, starts)
    came_true = np.add.reduceat(given.happened, starts) / count
    recalibrated = np.repeat(came_true, np.diff(fit.blocks))
    climate = given.happened.sum() / total

    def brier(said: Values | float) -> float:
        lost = given.happened * (1 - said) ** 2 + (given.count - given.happened) * np.square(said)
        return float(lost.sum() / total)

    of_said, of_recalibrated, uncertainty = brier(given.probability), brier(recalibrated), brier(climate)
    return Reliability(
        low=given.probability[starts],
        high=given.probability[fit.blocks[1:] - 1],
        said=np.add.reduceat(given.count * given.probability, starts) / count,
        count=count,
        came_true=came_true,
        brier=of_said,
        miscalibration=of_said - of_recalibrated,
        discrimination=uncertainty - of_recalibrated,
        uncertainty=uncertainty,
    )


def calibration_slope(given: Said) -> float | None:
    """Slope of a logistic regression of outcomes on the log-odds that were said; None where it cannot be told."""
    if len(given.probability) < 2 or not 0 < given.happened.sum() < given.count.sum():
        return None
    X = np.column_stack([np.ones(len(given.probability)), logit(np.clip(given.probability, CLIP, 1 - CLIP))])
    weights = np.array([0.0, 1.0])
    for _ in range(NEWTON_STEPS):
        fitted = expit(X @ weights)
        curvature = X.T @ (X * (given.count * fitted * (1 - fitted))[:, None])
        if not np.isfinite(curvature).all() or np.linalg.cond(curvature) > 1 / CLIP:
            return None
        step = np.linalg.solve(curvature, X.T @ (given.happened - given.count * fitted))
        weights = weights + step
        if abs(weights[1]) > STEEPEST:
            return None
        if np.abs(step).max() < CLOSE_ENOUGH:
            return float(weights[1])
    return None
