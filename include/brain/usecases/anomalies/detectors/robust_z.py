"""Robust z by time of day: one change, beside what is usual at this time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule, column, normal_least

if TYPE_CHECKING:
    from brain.usecases.anomalies.detectors.detector import Known, Values


class RobustZ(Rule):
    """Absolute change by its usual size."""

    name, kind = "robust_z", "large move"
    about = "a change far larger than usual at this time of day"
    features = ("z",)

    def least(self, chance: float) -> float:
        return normal_least(chance)

    def look(self, known: Known) -> Values:
        return column(np.abs(known.moves.z))
