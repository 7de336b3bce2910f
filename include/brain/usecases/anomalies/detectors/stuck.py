"""Stuck value: the same value again and again, beside how often it stays at this time of day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule, column
from brain.usecases.anomalies.usual_size import FINEST, by_day

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.usecases.anomalies.detectors.detector import Known, Values

DAYS, PRIOR = 60.0, 5.0
SURELY = 1e-3  # no value stays with a chance smaller than this


class Stuck(Rule):
    """Minus the logarithm of the chance that the value has stayed for so long, at each time's own rate."""

    name, kind = "stuck", "stuck value"
    about = "a value that has not moved for longer than chance"
    features = ("surprise",)

    def least(self, chance: float) -> float:
        return float(-np.log(chance))

    def look(self, known: Known) -> Values:
        series = known.series
        if not len(series):
            return np.empty((0, 1))
        least = FINEST * np.maximum(1.0, np.abs(series.value)) if (series.value <= 0).any() else FINEST
        stays = np.abs(series.change) <= least
        stays[0] = False
        rate = np.clip(by_day(series, stays.astype(np.float64), DAYS, PRIOR), SURELY, 1.0)
        return column(run_sum(np.where(stays, -np.log(rate), 0.0), stays))


def run_sum(values: Values, within: NDArray[np.bool_]) -> Values:
    """The sum of `values` since the last place that is not within, 0 there."""
    total = np.cumsum(values)
    start = np.maximum.accumulate(np.where(within, 0.0, total))
    return np.where(within, total - start, 0.0)
