"""What all rules share: their score is the largest of their features, and there is nothing to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.portable.graph import GraphBuilder

    Values = NDArray[np.float64]


class Largest:
    """The largest feature, as it is."""

    def score(self, features: Values) -> Values:
        found: Values = features.max(axis=1)
        return found

    def write(self, builder: GraphBuilder, width: int) -> str:
        features = builder.current
        result = builder.combine("Gather", features, np.array([0]), axis=1)
        for place in range(1, width):
            one = builder.combine("Gather", features, np.array([place]), axis=1)
            result = builder.combine("Max", result, one)
        return result


class Rule:
    """What all rules share: they learn nothing."""

    bars_before = 1

    def least(self, chance: float) -> float:  # noqa: ARG002 - a detector whose scores have a distribution takes it
        return 0.0

    def fit(self, rows: Values, seed: int) -> Largest:  # noqa: ARG002 - learned detectors take them
        return Largest()


def normal_least(chance: float) -> float:
    """The absolute value that a normal variable exceeds with this probability."""
    return float(-ndtri(chance / 2))


def column(values: Values) -> Values:
    """One feature as a matrix."""
    return np.ascontiguousarray(values[:, None])
