"""Gap: bars that should have come and have not, beside when bars use to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule, column
from brain.usecases.anomalies.series import DAY

if TYPE_CHECKING:
    from brain.usecases.anomalies.detectors.detector import Known, Values

WEEKS = 8.0  # after which a week counts 1/e
PRIOR = 0.5  # weeks without a bar that are believed of every time of the week at first
WEEK, LEAST = 7, 900.0  # days, seconds: a week is cut into times of at least a quarter of an hour


class Gap(Rule):
    """Minus the logarithm of the chance that none came for so long, by how often one came at that time of the week."""

    name, kind = "gap", "gap"
    about = "bars missing when they use to come"
    features = ("surprise",)

    def least(self, chance: float) -> float:
        return float(-np.log(chance))

    def look(self, known: Known) -> Values:
        series = known.series
        if len(series) < 2:
            return np.zeros((len(series), 1))
        if series.slots == 1:
            return column(np.append(0.0, np.diff(series.at) / series.step - 1))
        cut = max(series.step, LEAST)
        times = round(WEEK * DAY / cut)
        turn = np.floor(series.local / cut).astype(np.int64)
        first = turn[0] - turn[0] % times
        seen = np.zeros(turn[-1] - first + 1)
        np.add.at(seen, turn - first, 1.0)
        usual = max(1.0, np.round(cut / series.step))
        cost = _cost_of_silence(np.minimum(seen / usual, 1.0), times)
        total = np.append(0.0, np.cumsum(cost))
        ends = turn - first
        missing = np.append(0.0, np.maximum(total[ends[1:]] - total[ends[:-1] + 1], 0.0))
        return column(np.where(series.after_break, missing, 0.0))


def _cost_of_silence(seen: Values, times: int) -> Values:
    """Of each stretch of time, minus the logarithm of the chance that no bar comes in it, by the weeks before."""
    weeks = -(-len(seen) // times)
    table = np.zeros(weeks * times)
    table[: len(seen)] = seen
    keep, known, total = np.exp(-1.0 / WEEKS), np.zeros(times), 0.0
    rates = np.empty((weeks, times))
    for week, found in enumerate(table.reshape(weeks, times)):
        rates[week] = known / (total + PRIOR)
        known, total = keep * known + found, keep * total + 1
    cost: Values = -np.log1p(-np.minimum(rates, 1 - 1e-6)).reshape(-1)[: len(seen)]
    return cost
