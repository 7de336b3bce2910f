"""Customer value in closed form: how often a customer will buy again, and what she will spend each time.

BG/NBD: Fader, Hardie and Lee 2005, "Counting Your Customers" the Easy Way, Marketing Science 24(2). Gamma-Gamma: Fader
and Hardie 2013, The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, gammaln, hyp2f1, psi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

MIN_REPEATERS = 30  # customers who bought more than once; with fewer the four numbers of the model say nothing
EDGE = 10.0  # of a parameter's logarithm: one runs there where nobody leaves or all buy alike; no forecast changes
GIANT = 8.0  # robust standard deviations of the logarithm of a customer's mean purchase, each at least a factor of e
MAD = 1.4826  # from the median absolute deviation to the standard deviation of a normal
NEAR_ONE = 1e-6  # the formula divides by a - 1; its limit is that of its neighbours
STARTS = (0.0, 1.0, -1.0)


class Unfit(Exception):
    """The orders do not allow the model to be fitted; the message says why."""


@dataclass(frozen=True)
class PurchaseModel:
    """BG/NBD: buying at a rate drawn from Gamma(r, alpha), and leaving after a purchase with a chance from Beta(a, b).

    Args:
        alpha: In the unit of time of what it was fitted on.
    """

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, x: Values, t_x: Values, T: Values) -> Values:
        """Probability that a customer still buys, shape (n,); the model says 1 of everybody who bought once only.

        Args:
            x: Purchases after the first.
            t_x: Time from the first purchase to the last.
            T: Time from the first purchase to now.
        """
        gone = np.log(self.a) - np.log(self.b + np.maximum(x, 1.0) - 1.0)
        gone += (self.r + x) * (np.log(self.alpha + T) - np.log(self.alpha + t_x))
        stays: Values = np.where(x > 0, expit(-gone), 1.0)
        return stays

    def expected_purchases(self, t: float, x: Values, t_x: Values, T: Values) -> Values:
        """Purchases to expect in the time `t` from now, shape (n,): equation 10 of the paper.

        Its hypergeometric function is taken by Euler's transformation (Abramowitz and Stegun 15.3.3), in which no
        number grows with x, so that it holds for a customer with thousands of purchases, too.
        """
        a = self.a if abs(self.a - 1) > NEAR_ONE else 1 + NEAR_ONE
        c = a + self.b + x - 1
        c = np.where(np.abs(c) > NEAR_ONE, c, NEAR_ONE)
        z = t / (self.alpha + T + t)
        kept = (1 - z) ** (a - 1) * hyp2f1(a + self.b - 1 - self.r, a - 1, c, z)
        expected = c / (a - 1) * (1 - kept)
        # Where SciPy has no number for the function (r far above alpha), nobody leaves within t.
        lasting = t * (self.r + x) / (self.alpha + T)
        expected = np.where(np.isfinite(expected), expected, lasting)
        still: Values = np.maximum(expected, 0.0) * self.alive(x, t_x, T)
        return still


@dataclass(frozen=True)
class SpendModel:
    """Gamma-Gamma: a purchase is worth Gamma(p, nu), where a customer's nu is drawn from Gamma(q, v)."""

    p: float
    q: float
    v: float

    def expected_spend(self, x: Values, mean: Values) -> Values:
        """What a customer's next purchase will be worth on average, shape (n,).

        Args:
            x: Her purchases so far; of none, what all customers' are worth on average.
            mean: What they were worth on average; not asked where there are none.
        """
        spent = np.where(x > 0, x * mean, 0.0)
        expected: Values = self.p * (self.v + spent) / (self.p * x + self.q - 1)
        return expected


def fit_purchases(x: Values, t_x: Values, T: Values) -> PurchaseModel:
    """The BG/NBD of greatest likelihood (equation 6) for customers as `PurchaseModel.alive` takes them.

    Raises:
        Unfit: Too few customers came back, or no time has gone by.
    """
    repeaters = int((x > 0).sum())
    if repeaters < MIN_REPEATERS:
        raise Unfit(f"{repeaters} customers bought more than once; it takes {MIN_REPEATERS}")
    scale = float(np.max(T))
    if scale == 0:
        raise Unfit("all customers bought for the first time today")
    x, t_x, T, weights = _distinct(x, t_x / scale, T / scale)

    def loss(logs: Values) -> tuple[float, Values]:
        r, alpha, a, b = np.exp(logs)
        lasting = -(r + x) * np.log(alpha + T)
        with np.errstate(divide="ignore"):
            left = np.where(
                x > 0, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x), -np.inf
            )
        both = np.logaddexp(lasting, left)
        likelihood = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + both
        likelihood += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        stays, leaves = np.exp(lasting - both), np.exp(left - both)
        slopes = (
            psi(r + x) - psi(r) + np.log(alpha) - stays * np.log(alpha + T) - leaves * np.log(alpha + t_x),
            r / alpha - (r + x) * (stays / (alpha + T) + leaves / (alpha + t_x)),
            psi(a + b) - psi(a + b + x) + leaves / a,
            psi(a + b) + psi(b + x) - psi(b) - psi(a + b + x) - leaves / (b + np.maximum(x, 1) - 1),
        )
        return _minus(likelihood, slopes, (r, alpha, a, b), weights)

    r, alpha, a, b = _greatest(loss, 4, [(-EDGE, EDGE)] * 4, "BG/NBD")
    return PurchaseModel(r, alpha * scale, a, b)


def fit_spend(x: Values, mean: Values) -> SpendModel:
    """The Gamma-Gamma of greatest likelihood for customers with `x` purchases worth `mean` on average.

    A customer without a purchase, or whose purchases are worth nothing, tells nothing and is left out, and so is one
    whose purchases are of another kind than all others' (`GIANT`): she would bend the model for everybody. q is above
    1: below it the average over all customers is infinite.

    Raises:
        Unfit: Too few customers, or values so far apart that no likelihood can be computed.
    """
    told = (x > 0) & (mean > 0)
    if (count := int(told.sum())) < MIN_REPEATERS:
        raise Unfit(f"{count} customers have purchases of a value above zero; it takes {MIN_REPEATERS}")
    logs = np.log(np.where(told, mean, 1.0))
    middle = np.median(logs[told])
    spread = MAD * np.median(np.abs(logs[told] - middle))
    told &= np.abs(logs - middle) <= GIANT * max(spread, 1.0)
    scale = float(np.exp(middle))
    x, m, weights = _distinct(x[told], mean[told] / scale)

    def loss(logs: Values) -> tuple[float, Values]:
        p, q, v = np.exp(logs)
        total = np.log(x * m + v)
        likelihood = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
        likelihood += (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * total
        slopes = (
            x * (psi(p * x + q) - psi(p * x) + np.log(m) + np.log(x) - total),
            psi(p * x + q) - psi(q) + np.log(v) - total,
            q / v - (p * x + q) / (x * m + v),
        )
        return _minus(likelihood, slopes, (p, q, v), weights)

    p, q, v = _greatest(loss, 3, [(-EDGE, EDGE), (0.01, EDGE), (-EDGE, EDGE)], "Gamma-Gamma")
    return SpendModel(p, q, v * scale)


def to_json(model: PurchaseModel | SpendModel) -> list[float]:
    """Its parameters in order, as plain JSON."""
    return [float(number) for number in astuple(model)]


def _distinct(*columns: Values) -> tuple[Values, ...]:
    """Customers who are alike once, and how many there are of each."""
    rows, counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    return (*rows.T, counts.astype(np.float64))


def _minus(
    likelihood: Values, slopes: Sequence[Any], parameters: Sequence[float], weights: Values
) -> tuple[float, Values]:
    """The mean loss, and its slope along the logarithm of each parameter."""
    total = weights.sum()
    gradient = [float(weights @ slope) * value / total for slope, value in zip(slopes, parameters, strict=True)]
    return -float(weights @ likelihood) / total, -np.array(gradient)


def _greatest(
    loss: Callable[[Values], tuple[float, Values]], count: int, bounds: list[tuple[float, float]], name: str
) -> list[float]:
    """The parameters at the least loss of a few starts.

    Raises:
        Unfit: No start came to a number.
    """
    options = {"maxiter": 2_000, "ftol": 1e-13, "gtol": 1e-9}
    starts = [np.clip(np.full(count, start), *np.array(bounds).T) for start in STARTS]
    found = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options) for start in starts]
    best = min((one for one in found if np.isfinite(one.fun)), key=lambda one: float(one.fun), default=None)
    if best is None:
        raise Unfit(f"the likelihood of the {name} model is no number for any start")
    return [float(number) for number in np.exp(best.x)]
