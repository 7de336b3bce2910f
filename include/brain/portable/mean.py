"""A few fitted classifiers as one: the weighted mean of what they say, in log-odds."""

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
    """Fitted pipelines of the classes 0 and 1 over the same features.

    Args:
        shares: How much each counts, in any unit; all the same if empty.
    """

    members: tuple[Any, ...]
    shares: tuple[float, ...] = ()

    @property
    def classes_(self) -> NDArray[np.int64]:
        return np.array([0, 1])

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of every member, shape (members,), 1 in sum."""
        shares = np.array(self.shares or [1.0] * len(self.members))
        weights: NDArray[np.float64] = shares / shares.sum()
        return weights

    def predict_proba(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """[down, up] of each of `rows` (n, features), shape (n, 2)."""
        odds = [log_odds(member.predict_proba(rows)[:, 1]) for member in self.members]
        up = expit(self.weights @ np.array(odds))
        return np.column_stack([1 - up, up])
