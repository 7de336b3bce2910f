"""Shape: the last values taken together, beside the shapes that they use to have (principal components, Aggarwal 2017).

The best univariate detector of the public benchmark TSB-AD, where it is called Sub-PCA; here with all components.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.windows import last

if TYPE_CHECKING:
    from brain.portable.graph import GraphBuilder
    from brain.usecases.anomalies.detectors.detector import Known, Values

WINDOW = 32
MOST = 20.0  # z beyond which all are alike
SMALLEST = 1e-6  # of the largest variance, below which a component is none


class Shape:
    """How far the path of the last changes is from the usual ones, in standard deviations of each component."""

    name, kind = "shape", "strange shape"
    about = "a stretch whose shape is unlike the usual ones"
    features = tuple(f"path_{lag}_before" for lag in range(WINDOW - 1, -1, -1))
    bars_before = WINDOW

    def least(self, chance: float) -> float:  # noqa: ARG002 - its scores have no known distribution
        return 0.0

    def look(self, known: Known) -> Values:
        path = np.cumsum(last(np.clip(known.moves.z, -MOST, MOST), WINDOW), axis=1)
        found: Values = path - path.mean(axis=1, keepdims=True)
        return found

    def fit(self, rows: Values, seed: int) -> FittedShape:  # noqa: ARG002 - nothing is drawn
        mean = rows.mean(axis=0)
        sizes, axes = np.linalg.eigh(np.cov((rows - mean).T))
        kept = sizes > SMALLEST * sizes[-1]
        return FittedShape(mean, axes[:, kept] / np.sqrt(sizes[kept]))


@dataclass(frozen=True)
class FittedShape:
    """The mean path (window,), and components, each by its standard deviation, (window, components)."""

    mean: Values
    axes: Values

    def score(self, features: Values) -> Values:
        away = (features - self.mean) @ self.axes
        found: Values = np.sqrt(np.sum(away * away, axis=1) / self.axes.shape[1])
        return found

    def write(self, builder: GraphBuilder, width: int) -> str:  # noqa: ARG002 - the mean knows how wide
        builder.apply("Sub", self.mean)
        away = builder.apply("MatMul", self.axes)
        builder.combine("Mul", away, away)
        builder.apply("MatMul", np.full((self.axes.shape[1], 1), 1.0 / self.axes.shape[1]))
        return builder.apply("Sqrt")
