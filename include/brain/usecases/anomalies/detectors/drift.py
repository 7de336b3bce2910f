"""Drift: many changes in one direction, as a sensor that slips out of true or a feed that follows the wrong thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule, normal_least
from brain.usecases.anomalies.detectors.windows import moving_sum

if TYPE_CHECKING:
    from brain.usecases.anomalies.detectors.detector import Known, Values

WINDOWS = (12, 24, 48)
MOST = 3.0  # z beyond which a change counts no more: one jump is no drift


class Drift(Rule):
    """Absolute sum of clipped z over some windows, in standard deviations of a random walk's."""

    name, kind = "drift", "drift"
    about = "a stretch of changes in one direction, longer than a random walk's"
    features = tuple(f"over_{window}" for window in WINDOWS)
    bars_before = WINDOWS[-1]

    def least(self, chance: float) -> float:
        return normal_least(chance)

    def look(self, known: Known) -> Values:
        z = np.clip(known.moves.z, -MOST, MOST)
        return np.stack([np.abs(moving_sum(z, window)) / np.sqrt(window) for window in WINDOWS], axis=1)
