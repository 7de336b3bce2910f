"""The base rate: what a forecaster without a model says. Long-run or recent, as measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LONG_RUN = 0
WINDOWS = (LONG_RUN, 2000, 1000, 500)  # labelled rows, newest; LONG_RUN takes all
INDEPENDENT = 100  # independent outcomes a recent window must hold to be considered
DOUBT = 16.0  # outcomes of each kind added to every share: a rate seen in few independent outcomes is drawn to 1/2
CLEAR = 2.0  # t-value from which a recent window is preferred to the long run


def share_of_ups(labels: NDArray[np.float64], horizon: int, window: int = LONG_RUN) -> float:
    """Share of ups among the newest `window` known labels, each counted 1 / horizon, with `DOUBT` of both added."""
    newest = labels[-window:] if window else labels
    independent = len(newest) / horizon
    return float((newest.mean() * independent + DOUBT) / (independent + 2 * DOUBT))


def windows_for(horizon: int, rows: int) -> tuple[int, ...]:
    """The windows worth comparing: the long run, and recent ones with enough independent outcomes."""
    return tuple(w for w in WINDOWS if w == LONG_RUN or (w / horizon >= INDEPENDENT and w < rows))


def best_window(losses: Mapping[int, NDArray[np.float64]], horizon: int) -> int:
    """The window with the lowest out-of-sample log loss; a recent one only if it is clearly better.

    Args:
        losses: By window, the log loss of each out-of-sample row so far, shape (n,); must hold `LONG_RUN`.
        horizon: Rows over which labels overlap.
    """
    if not len(losses[LONG_RUN]):
        return LONG_RUN
    gains = {window: _t_value(losses[LONG_RUN] - loss, horizon) for window, loss in losses.items() if window}
    best = max(gains, key=lambda w: gains[w], default=LONG_RUN)
    return best if best and gains[best] > CLEAR else LONG_RUN


def _t_value(gain: NDArray[np.float64], horizon: int) -> float:
    blocks = max(2, len(gain) // max(2 * horizon, 20))
    means = np.array([part.mean() for part in np.array_split(gain, blocks)])
    spread = means.std(ddof=1) / np.sqrt(blocks)
    return float(means.mean() / spread) if spread > 0 else 0.0


def log_loss(outcome: NDArray[np.float64], probability: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Log loss of each row, in nats, shape (n,)."""
    loss: NDArray[np.float64] = -(xlogy(outcome, probability) + xlogy(1 - outcome, 1 - np.asarray(probability)))
    return loss
