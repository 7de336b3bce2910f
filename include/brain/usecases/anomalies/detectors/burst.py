"""Volatility burst: many changes larger than usual, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule
from brain.usecases.anomalies.detectors.windows import moving_sum

if TYPE_CHECKING:
    from brain.usecases.anomalies.detectors.detector import Known, Values

WINDOWS = (6, 12, 24)
MOST = 5.0  # z beyond which a change counts no more: one jump is no burst


class Burst(Rule):
    """Root mean square of clipped z over some windows, in standard deviations of that of a normal variable."""

    name, kind = "burst", "volatility burst"
    about = "a stretch of changes larger than usual at their times of day"
    features = tuple(f"over_{window}" for window in WINDOWS)
    bars_before = WINDOWS[-1]

    def look(self, known: Known) -> Values:
        squares = np.minimum(np.abs(known.moves.z), MOST) ** 2
        found = [(np.sqrt(moving_sum(squares, window) / window) - 1) * np.sqrt(2 * window) for window in WINDOWS]
        return np.stack(found, axis=1)
