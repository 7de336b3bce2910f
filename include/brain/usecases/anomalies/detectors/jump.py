"""Jump: a value that leaves the path and comes back at once, which markets seldom do and bad ticks always."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule, column, normal_least

if TYPE_CHECKING:
    from brain.usecases.anomalies.detectors.detector import Known, Values


class Jump(Rule):
    """Of two changes in opposite directions the smaller, by its usual size; of the bar after the jump."""

    name, kind = "jump", "bad tick"
    about = "a value far off the one before and the one after"
    features = ("out_and_back",)
    bars_before = 2

    def least(self, chance: float) -> float:
        return normal_least(chance)

    def look(self, known: Known) -> Values:
        change, size = known.series.change, known.moves.size
        back = np.minimum(np.abs(change[1:]), np.abs(change[:-1])) / size[:-1]
        back[change[1:] * change[:-1] >= 0] = 0.0
        return column(np.append(0.0, back)[: len(change)])
