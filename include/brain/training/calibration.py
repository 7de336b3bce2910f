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


@dataclass(frozen=True)
class Calibration:
    """A blend, in log-odds, of the base rate and the model's evidence.

    ``published = sigmoid(logit(base_rate) + intercept + slope * (logit(raw) - center))``; a `slope` and an `intercept`
    of zero publish the base rate itself.
    """

    base_rate: float
    slope: float
    intercept: float = 0.0
    center: float = 0.0
    has_skill: bool = False

    @classmethod
    def identity(cls) -> Calibration:
        """Publishes the raw probability as it is: for models brought from elsewhere."""
        return cls(base_rate=0.5, slope=1.0)

    def apply(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Published probabilities for raw ones, shape (n,)."""
        evidence = logit(np.clip(np.asarray(raw, dtype=np.float64), EDGE, 1 - EDGE)) - self.center
        published: NDArray[np.float64] = expit(logit(self.base_rate) + self.intercept + self.slope * evidence)
        return published

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibration:
        return cls(**value)
