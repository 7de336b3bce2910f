"""Volume: far more or far less traded than usual at this time of day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule, column, normal_least
from brain.usecases.anomalies.detectors.windows import moving_sum
from brain.usecases.anomalies.usual_size import before, by_day, decaying

if TYPE_CHECKING:
    from brain.usecases.anomalies.detectors.detector import Known, Values

DAYS, PRIOR, WINDOW, LEVEL_BARS = 20.0, 2.0, 3, 64.0


class Volume(Rule):
    """Absolute mean log volume of three bars, beside what is usual at their time and lately, by its usual spread."""

    name, kind = "volume", "volume"
    about = "far more or far less volume than usual at this time of day"
    features = ("z",)
    bars_before = WINDOW

    def least(self, chance: float) -> float:
        return normal_least(chance)

    def look(self, known: Known) -> Values:
        series = known.series
        told = np.isfinite(series.volume)
        if not len(series) or told.mean() < 0.5:
            return np.zeros((len(series), 1))
        logs = np.log1p(np.maximum(np.where(told, series.volume, 0.0), 0.0))
        logs = np.where(told, logs, np.median(logs[told]))
        off = logs - by_day(series, logs, DAYS, PRIOR)
        off -= before(decaying(np.clip(off, -1.0, 1.0), LEVEL_BARS, 0.0), 0.0)
        usual = before(decaying(np.minimum(np.abs(off), 2.0), 8 * LEVEL_BARS, 0.5), 0.5)
        return column(np.abs(moving_sum(off / np.maximum(usual, 1e-6), WINDOW)) / WINDOW)
