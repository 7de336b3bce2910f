"""Log loss of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def log_loss(outcome: Values, probability: Values | float) -> Values:
    """Log loss of each row, in nats, where `outcome` is 0 or 1; shape (n,)."""
    loss: Values = -(xlogy(outcome, probability) + xlogy(1 - outcome, 1 - np.asarray(probability)))
    return loss
