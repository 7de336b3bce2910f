"""A few fitted classifiers as one: the mean of what they say, in log-odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from brain.portable.heads import EDGE, log_odds

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMIT = float(logit(1 - EDGE))  # beyond these log-odds no member is believed


@dataclass(frozen=True)
class LogOddsMean:
    """Fitted pipelines of the classes 0 and 1 over the same features; none counts for more than another."""

    members: tuple[Any, ...]

    @property
    def classes_(self) -> NDArray[np.int64]:
        return np.array([0, 1])

    def predict_proba(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """[down, up] of each of `rows` (n, features), shape (n, 2)."""
        odds = [log_odds(member.predict_proba(rows)[:, 1]) for member in self.members]
        up = expit(np.mean(odds, axis=0))
        return np.column_stack([1 - up, up])
