"""Ridge logistic regression on thousands of small matrices: scikit-learn's optimum in a tenth of its time."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit
from sklearn.pipeline import Pipeline

from brain.training import search_space

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Chosen = slice | NDArray[np.intp]

FIXED_STEPS = 12
NEWTON_STEPS = 50
TOLERANCE = 1e-7
ROUNDING = float(np.finfo(float).eps)


def is_plain(parameters: Mapping[str, Any]) -> bool:
    """Whether `parameters` describe what `Linear` fits: ridge logistic regression on scaled or raw columns."""
    return (
        parameters["classifier"] == "logistic"
        and parameters["penalty"] == "l2"
        and parameters["select"] == "none"
        and parameters["scale"] in ("standard", "none")
    )


@dataclass(frozen=True)
class Linear:
    """A fitted model: ``sigmoid((x - shift) / scale @ coef + intercept)``; vectors of shape (d,).

    Args:
        mean: Stands in where x is missing.
    """

    mean: Values
    scale: Values
    shift: Values
    coef: Values
    intercept: float
    rows: int

    @property
    def center(self) -> float:
        """Mean log-odds over the rows it was fitted to."""
        return float(self.intercept + ((self.mean - self.shift) / self.scale) @ self.coef)

    def log_odds(self, X: Values) -> Values:
        """Log-odds by row of `X`, shape (n, d), NaN where missing; returns shape (n,)."""
        weights = self.coef / self.scale
        filled = np.where(np.isnan(X), self.mean, X)
        odds: Values = filled @ weights + (self.intercept - self.shift @ weights)
        return odds


@dataclass(frozen=True)
class Design:
    """The columns of an asset, centred and scaled once for the fits to all of its folds and horizons.

    Every fit accounts for the centre and scale of its own rows, so that what was taken from all rows here changes no
    result; it only keeps the numbers near 1.

    Args:
        values: Shape (n, d + 1): 0 where missing, the last column all ones.
        missing: Shape (n, d).
        holes: Whether something is missing in a row, shape (n,).
        center: What was subtracted from each column, shape (d,).
        unit: What it was then divided by.
    """

    values: Values
    missing: NDArray[np.bool_]
    holes: NDArray[np.bool_]
    center: Values
    unit: Values

    @classmethod
    def of(cls, X: Values) -> Design:
        """The design of `X`, shape (n, d), NaN where missing."""
        missing = np.isnan(X)
        known = np.maximum(1, len(X) - missing.sum(axis=0))
        center = np.where(missing, 0.0, X).sum(axis=0) / known
        values = np.ones((len(X), X.shape[1] + 1))
        centred = np.where(missing, 0.0, X - center)
        deviation = np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(X))
        unit = np.where(_varies(deviation, center, len(X)), deviation, 1.0)
        values[:, :-1] = centred / unit
        return cls(values, missing, np.asarray(missing.any(axis=1)), center, unit)

    def rows(self, chosen: Chosen) -> tuple[Values, Values]:
        """The design of some rows, missing values filled with their means, and these means, shape (d,)."""
        values = self.values[chosen]
        at = np.flatnonzero(self.holes[chosen])
        if not len(at):
            return np.ascontiguousarray(values), values[:, :-1].mean(axis=0)
        missing = self.missing[chosen][at]
        mean = values[:, :-1].sum(axis=0) / np.maximum(1, len(values) - missing.sum(axis=0))
        values = values.copy()
        values[at, :-1] = np.where(missing, mean, values[at, :-1])
        return values, mean


def fit_linear(parameters: Mapping[str, Any], design: Design, chosen: Chosen, y: Values, weight: float) -> Linear:
    """Fit what `search_space.build(parameters)` would to the `chosen` rows.

    Args:
        parameters: For which `is_plain` holds; scale and C are used.
        y: Of the chosen rows, 0 or 1, both present.
        weight: Of every row.
    """
    values, mean = design.rows(chosen)
    gram = values.T @ values
    rows = len(values)
    centred = values[:, :-1] - mean
    deviation = np.sqrt(np.einsum("ij,ij->j", centred, centred) / rows)
    varies = _varies(deviation, mean, rows)
    known_mean = design.center + mean * design.unit
    if parameters["scale"] == "standard":
        scale, shift = np.where(varies, deviation * design.unit, 1.0), known_mean
    else:
        scale, shift = np.ones_like(mean), np.zeros_like(mean)
    # In the design's units: a coefficient of a column divided by `scale` is this one times scale / unit. That of a
    # column that is constant in these rows is 0 at any penalty.
    penalty = np.where(varies, (scale / design.unit) ** 2, 1.0)
    coef, intercept = ridge_logistic(values, gram, y, parameters["C"] * weight, penalty)
    slopes = coef / design.unit
    return Linear(known_mean, scale, shift, slopes * scale, intercept + float(slopes @ (shift - design.center)), rows)


def _varies(deviation: Values, mean: Values, rows: int) -> NDArray[np.bool_]:
    """Whether a column's standard deviation is more than the rounding of a sum over its rows."""
    varies: NDArray[np.bool_] = deviation > rows * ROUNDING * np.abs(mean)
    return varies


def into_pipeline(model: Linear, parameters: Mapping[str, Any]) -> Pipeline:
    """The pipeline that `search_space.build(parameters)` describes, with this model's means and coefficients."""
    template = _template(parameters["scale"], len(model.coef))
    pipeline = Pipeline([(name, copy(step)) for name, step in template.steps])
    pipeline["impute"].statistics_ = model.mean
    if parameters["scale"] == "standard":
        scaler = pipeline["scale"]
        scaler.mean_, scaler.scale_, scaler.var_ = model.shift, model.scale, model.scale**2
        scaler.n_samples_seen_ = model.rows
    classifier = pipeline["classifier"]
    classifier.C = parameters["C"]
    classifier.coef_, classifier.intercept_ = model.coef[None, :], np.array([model.intercept])
    return pipeline


@cache
def _template(scale: str, features: int) -> Pipeline:
    """A pipeline fitted to two rows, to be copied: fitting one costs ten times as much as filling one in."""
    parameters = {"classifier": "logistic", "penalty": "l2", "select": "none", "scale": scale, "C": 1.0, "seed": 0}
    rows = np.vstack([np.zeros(features), np.ones(features)])
    return search_space.build(parameters, *rows.shape).fit(rows, np.array([0, 1]))


def ridge_logistic(design: Values, gram: Values, y: Values, strength: float, penalty: Values) -> tuple[Values, float]:
    """Coefficients and intercept that minimise ``strength * sum(log loss) + sum(penalty * coef²) / 2``.

    Starts with the curvature at the share of ups, which needs one factorisation; signals as weak as daily returns'
    never move far from it and converge. What does not goes on with Newton steps.

    Args:
        design: Shape (n, d + 1), the last column all ones.
        gram: ``design.T @ design``.
        y: 0 or 1, shape (n,).
        strength: Of the loss against the penalty.
        penalty: Of each coefficient, shape (d,).

    Raises:
        FloatingPointError: Values so large that sums of their squares overflow.
    """
    share = float(y.mean())
    theta = np.zeros(design.shape[1])
    theta[-1] = logit(share)
    ridge = np.append(penalty, 0.0)
    size = np.sqrt(np.append(penalty, 1.0))  # steps are judged in the penalty's units
    inverse = np.linalg.inv(strength * share * (1 - share) * gram + np.diag(ridge))
    before = np.inf
    for _ in range(FIXED_STEPS):
        step = inverse @ (strength * ((expit(design @ theta) - y) @ design) + ridge * theta)
        theta -= step
        largest = float(np.abs(step * size).max())
        if largest > before / 2:
            break
        # Steps shrink by a steady factor: what is left to go is a geometric series.
        if np.isfinite(before) and largest * largest / (before - largest) < TOLERANCE:
            return theta[:-1], float(theta[-1])
        before = largest
    for _ in range(NEWTON_STEPS):
        chance = expit(design @ theta)
        spread = chance * (1 - chance)
        curvature = strength * (design.T @ (design * spread[:, None])) + np.diag(ridge)
        if not np.isfinite(curvature).all():
            raise FloatingPointError("the features hold values too large to fit")
        gradient = strength * ((chance - y) @ design) + ridge * theta
        newton = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        largest = float(np.abs(newton * size).max())
        theta -= newton * min(1.0, 2.0 / largest)
        if largest < TOLERANCE:
            break
    return theta[:-1], float(theta[-1])
