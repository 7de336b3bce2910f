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

FIXED_STEPS = 12
NEWTON_STEPS = 50
TOLERANCE = 1e-7


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


def fit_linear(parameters: Mapping[str, Any], X: Values, y: Values, weight: float) -> Linear:
    """Fit what `search_space.build(parameters)` would.

    Args:
        parameters: For which `is_plain` holds; scale and C are used.
        X: Shape (n, d), NaN where missing.
        y: 0 or 1, shape (n,), both present.
        weight: Of every row.
    """
    missing = np.isnan(X)
    mean, filled = (_filled(X, missing)) if missing.any() else (X.mean(axis=0), X)
    design = np.empty((len(X), X.shape[1] + 1))
    design[:, -1] = 1.0
    columns = design[:, :-1]
    if parameters["scale"] == "standard":
        shift = mean
        np.subtract(filled, shift, out=columns)
        scale = np.sqrt(np.einsum("ij,ij->j", columns, columns) / len(X))
        scale = np.where(scale > 10 * np.finfo(float).eps * np.maximum(1.0, np.abs(mean)), scale, 1.0)
        columns /= scale
    else:
        shift, scale = np.zeros_like(mean), np.ones_like(mean)
        columns[:] = filled
    coef, intercept = ridge_logistic(design, y, parameters["C"] * weight)
    return Linear(mean, scale, shift, coef, intercept, len(X))


def _filled(X: Values, missing: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Means of what is known, 0 where nothing is, and `X` with them where it is missing."""
    mean = np.where(missing, 0.0, X).sum(axis=0) / np.maximum(1, len(X) - missing.sum(axis=0))
    return mean, np.where(missing, mean, X)


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


def ridge_logistic(design: Values, y: Values, strength: float) -> tuple[Values, float]:
    """Coefficients and intercept that minimise ``strength * sum(log loss) + |coef|² / 2``.

    Starts with the curvature at the share of ups, which needs one factorisation; signals as weak as daily returns'
    never move far from it and converge. What does not goes on with Newton steps.

    Args:
        design: Shape (n, d + 1), the last column all ones.
        y: 0 or 1, shape (n,).
        strength: Of the loss against the penalty.

    Raises:
        FloatingPointError: Values so large that sums of their squares overflow.
    """
    share = float(y.mean())
    theta = np.zeros(design.shape[1])
    theta[-1] = logit(share)
    inverse = np.linalg.inv(_penalised(strength * share * (1 - share) * (design.T @ design)))
    before = np.inf
    for _ in range(FIXED_STEPS):
        step = inverse @ _gradient(design, y, strength, theta)
        theta -= step
        largest = float(np.abs(step).max())
        if largest > before / 2:
            break
        # Steps shrink by a steady factor: what is left to go is a geometric series.
        if np.isfinite(before) and largest * largest / (before - largest) < TOLERANCE:
            return theta[:-1], float(theta[-1])
        before = largest
    for _ in range(NEWTON_STEPS):
        chance = expit(design @ theta)
        spread = chance * (1 - chance)
        curvature = _penalised(strength * (design.T @ (design * spread[:, None])))
        if not np.isfinite(curvature).all():
            raise FloatingPointError("the features hold values too large to fit")
        newton = np.linalg.lstsq(curvature, _gradient(design, y, strength, theta), rcond=None)[0]
        largest = float(np.abs(newton).max())
        theta -= newton * min(1.0, 2.0 / largest)
        if largest < TOLERANCE:
            break
    return theta[:-1], float(theta[-1])


def _penalised(curvature: Values) -> Values:
    """With the ridge's 1 on the diagonal, but for the intercept; in place."""
    ends = len(curvature) - 1
    curvature.flat[: ends * (ends + 1) : ends + 2] += 1.0
    return curvature


def _gradient(design: Values, y: Values, strength: float, theta: Values) -> Values:
    gradient: Values = strength * ((expit(design @ theta) - y) @ design)
    gradient[:-1] += theta[:-1]
    return gradient
