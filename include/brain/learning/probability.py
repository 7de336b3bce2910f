"""Log-odds and log loss of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit, xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

EDGE = 1e-6


def log_odds(probability: Values) -> Values:
    """Log-odds, with probabilities kept `EDGE` away from 0 and 1; same shape."""
    odds: Values = logit(np.clip(np.asarray(probability, dtype=np.float64), EDGE, 1 - EDGE))
    return odds


def log_loss(outcome: Values, probability: Values | float) -> Values:
    """Log loss of each row, in nats, where `outcome` is 0 or 1; shape (n,)."""
    loss: Values = -(xlogy(outcome, probability) + xlogy(1 - outcome, 1 - np.asarray(probability)))
    return loss
