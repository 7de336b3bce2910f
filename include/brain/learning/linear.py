"""Ridge logistic regression on thousands of small matrices: scikit-learn's optimum in a twentieth of its time."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit
from sklearn.pipeline import Pipeline

from brain.learning import search_space
from brain.learning.design_matrix import GrowingSets, with_zero

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from brain.learning.design_matrix import DesignMatrix

    Values = NDArray[np.float64]

FIXED_STEPS = 12
NEWTON_STEPS = 200
TOLERANCE = 1e-7


def is_plain(parameters: Mapping[str, Any]) -> bool:
    """Whether `parameters` describe what `LinearFit` fits: ridge logistic regression on scaled or raw columns."""
    return (
        parameters["classifier"] == "logistic"
        and parameters["penalty"] == "l2"
        and parameters["select"] == "none"
        and parameters["scale"] in ("standard", "none")
    )


@dataclass(frozen=True)
class LinearFit:
    """A fitted model: ``sigmoid((x - shift) / scale @ coef + intercept)``; vectors of shape (d,).

    Args:
        parameters: What it was fitted with.
        mean: What stands in where x is missing.
        rows: Number of rows it was fitted to.
    """

    parameters: Mapping[str, Any]
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

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that `search_space.build(parameters)` describes, with this model's means and coefficients."""
        template = _template(self.parameters["scale"], len(self.coef))
        pipeline = Pipeline([(name, copy(step)) for name, step in template.steps])
        pipeline["impute"].statistics_ = self.mean
        if self.parameters["scale"] == "standard":
            scaler = pipeline["scale"]
            scaler.mean_, scaler.scale_, scaler.var_ = self.shift, self.scale, self.scale**2
            scaler.n_samples_seen_ = self.rows
        classifier = pipeline["classifier"]
        classifier.C = self.parameters["C"]
        classifier.coef_, classifier.intercept_ = self.coef[None, :], np.array([self.intercept])
        return pipeline


def fit_linear(
    parameters: Mapping[str, Any], design: DesignMatrix, y: Values, ends: Sequence[int], weight: float
) -> list[LinearFit]:
    """Fit the model of `parameters` once for each of `ends`: to the first rows, as many as it says.

    Args:
        parameters: Those for which `is_plain` holds; scale and C are used.
        y: 0 or 1, shape (n,); both occur among the first rows of every end.
        ends: Numbers of rows, ascending.
        weight: Sample weight of every training row.
    """
    sets = GrowingSets.of(design, ends)
    means = design.center + sets.mean * design.unit
    if parameters["scale"] == "standard":
        scale, shift = np.where(sets.varies, sets.deviation * design.unit, 1.0), means
    else:
        scale, shift = np.ones_like(sets.mean), np.zeros_like(sets.mean)
    # The fit is in the design's units: the coefficient of a column divided by `scale` is the fitted one times
    # scale / unit. A column that is constant in these rows gets 0 at any penalty.
    penalty = np.where(sets.varies, (scale / design.unit) ** 2, 1.0)
    theta = ridge_logistic(sets, y, parameters["C"] * weight, penalty)
    slopes = theta[:, :-1] / design.unit
    intercepts = theta[:, -1] + ((shift - design.center) * slopes).sum(axis=1)
    fitted = zip(means, scale, shift, slopes * scale, map(float, intercepts), ends, strict=True)
    return [LinearFit(parameters, *model) for model in fitted]


@cache
def _template(scale: str, features: int) -> Pipeline:
    """A pipeline fitted to two rows, to be copied and filled in: that costs a tenth of fitting one."""
    parameters = {"classifier": "logistic", "penalty": "l2", "select": "none", "scale": scale, "C": 1.0, "seed": 0}
    rows = np.vstack([np.zeros(features), np.ones(features)])
    return search_space.build(parameters, *rows.shape).fit(rows, np.array([0, 1]))


def ridge_logistic(sets: GrowingSets, y: Values, strength: float, penalty: Values) -> Values:
    """Coefficients and intercepts that minimise ``strength * sum(log loss) + sum(penalty * coef²) / 2`` of each set.

    Starts with steps that keep the curvature at the share of ones, which needs one factorisation: fits to weak signals
    end not far from there and converge. A set that does not converge, or has a column far from the center, goes on with
    Newton steps.

    Args:
        sets: k sets of training rows.
        y: 0 or 1, shape (n,).
        strength: Weight of the loss against the penalty.
        penalty: Penalty of each coefficient, shape (k, d).

    Returns:
        Shape (k, d + 1), the intercept last.

    Raises:
        FloatingPointError: A fit does not converge.
    """
    share = np.cumsum(y)[sets.ends - 1] / sets.ends
    ridge = with_zero(penalty)
    theta = np.zeros_like(ridge)
    theta[:, -1] = logit(share)
    size = np.sqrt(np.where(ridge, ridge, 1.0))  # steps are judged in the penalty's units
    astray: NDArray[np.bool_] = np.any(sets.far & sets.varies, axis=1)
    converged = np.zeros(len(share), dtype=bool)
    curvature = (strength * share * (1 - share))[:, None, None] * sets.gram + ridge[:, :, None] * np.eye(ridge.shape[1])
    inverse = np.linalg.inv(np.where(astray[:, None, None], np.eye(ridge.shape[1]), curvature))
    chance: Values = np.broadcast_to(share, (sets.ends[-1], len(share)))
    before = np.full(len(share), np.inf)
    for _ in range(FIXED_STEPS):
        slope = strength * sets.gradient(chance, y) + ridge * theta
        step = (inverse @ slope[:, :, None])[:, :, 0]
        theta[~astray] -= step[~astray]
        largest = np.abs(step * size).max(axis=1)
        astray |= ~converged & (largest > before / 2)
        # Steps shrink by a steady factor: what is left to go is a geometric series.
        converged |= ~astray & np.isfinite(before) & (largest * largest < TOLERANCE * (before - largest))
        if (converged | astray).all():
            break
        before = largest
        chance = expit(sets.log_odds(theta))
    for k in map(int, np.flatnonzero(~converged)):
        theta[k] = _newton(sets.rows(k)[:, :-1], y[: sets.ends[k]], strength, penalty[k], theta[k], sets.varies[k])
    return theta


def _newton(
    columns: Values, y: Values, strength: float, penalty: Values, start: Values, varies: NDArray[np.bool_]
) -> Values:
    """The same optimum for one set, found with columns centred on their own means; shape (d + 1,)."""
    mean, unit = columns.mean(axis=0), np.where(varies, columns.std(axis=0), 1.0)
    rows = np.column_stack([np.where(varies, (columns - mean) / unit, 0.0), np.ones(len(columns))])
    ridge = np.append(penalty / unit**2, 0.0)

    def cost(theta: Values) -> float:
        odds = rows @ theta
        return strength * float((np.logaddexp(0.0, odds) - y * odds).sum()) + float(ridge @ theta**2) / 2

    theta = np.append(start[:-1] * unit, start[-1] + start[:-1] @ mean)
    now = cost(theta)
    for _ in range(NEWTON_STEPS):
        chance = expit(rows @ theta)
        spread = chance * (1 - chance)
        curvature = strength * (rows.T @ (rows * spread[:, None])) + np.diag(ridge)
        step = np.linalg.lstsq(curvature, strength * ((chance - y) @ rows) + ridge * theta, rcond=None)[0]
        while (after := cost(theta - step)) > now and np.abs(step).max() > TOLERANCE:
            step = step / 2
        theta, now = theta - step, after
        if np.abs(step).max() <= TOLERANCE:
            coef = theta[:-1] / unit
            return np.append(coef, theta[-1] - coef @ mean)
    raise FloatingPointError(f"no fit found in {NEWTON_STEPS} steps; the features may hold values too large")
