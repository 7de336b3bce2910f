"""From a model's raw probability to the one that is published."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

EDGE = 1e-6
PRIOR_SCALE = 0.3  # a priori, the share of its claimed evidence that a model of daily returns is worth
STEPS = 25


@dataclass(frozen=True)
class Calibration:
    """A blend, in log-odds, of the base rate and the model's evidence.

    ``blend = sigmoid(logit(base_rate) + intercept + slope * (logit(raw) - center))``; a `slope` and an `intercept`
    of zero give the base rate itself.

    Args:
        has_skill: Whether the grid-wide gate found skill. False publishes the base rate whatever the blend says; None
            means that no gate has judged the model (one brought from elsewhere), and the blend is published.
    """

    base_rate: float
    slope: float
    intercept: float = 0.0
    center: float = 0.0
    has_skill: bool | None = False

    @classmethod
    def identity(cls) -> Calibration:
        """Publishes the raw probability as it is: for models brought from elsewhere."""
        return cls(base_rate=0.5, slope=1.0, has_skill=None)

    def apply(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Published probabilities for raw ones, shape (n,)."""
        if self.has_skill is False:
            return np.full(np.shape(raw), self.base_rate)
        return self.blend(raw)

    def blend(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """What would be published if the model had skill, shape (n,)."""
        moved: NDArray[np.float64] = expit(
            logit(self.base_rate) + self.intercept + self.slope * (log_odds(raw) - self.center)
        )
        return moved

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibration:
        return cls(**value)


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds, with probabilities kept `EDGE` away from 0 and 1."""
    odds: NDArray[np.float64] = logit(np.clip(np.asarray(probability, dtype=np.float64), EDGE, 1 - EDGE))
    return odds


def blend_slope(
    evidence: NDArray[np.float64], outcome: NDArray[np.float64], base_odds: NDArray[np.float64], weight: float
) -> float:
    """How much of the model's evidence to believe: 0 none, 1 all of it.

    Minimises ``-weight * log likelihood + slope² / (2 PRIOR_SCALE²)`` over slope >= 0 by Newton steps: a ridge
    penalty, so that the slope goes to 0 as the evidence, counted in independent outcomes, gets thin.

    Args:
        evidence: Out-of-sample log-odds of the model beyond the base rate, shape (n,).
        outcome: 0 or 1, shape (n,).
        base_odds: Log-odds of the base rate known at the time, shape (n,).
        weight: Independent outcomes in a row, 1 / horizon where labels overlap.
    """
    slope, precision = 0.0, 1 / PRIOR_SCALE**2
    for _ in range(STEPS):
        chance = expit(base_odds + slope * evidence)
        gradient = weight * float(evidence @ (chance - outcome)) + precision * slope
        curvature = weight * float((evidence**2) @ (chance * (1 - chance))) + precision
        step = gradient / curvature
        slope -= step
        if abs(step) < 1e-8:
            break
    return max(0.0, slope)
