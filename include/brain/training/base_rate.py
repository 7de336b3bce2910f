"""The base rate: what a forecaster without a model says. Long-run or recent, as measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

from brain.core.keys import target_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

LONG_RUN = 0
WINDOWS = (LONG_RUN, 2000, 1000, 500)  # labelled rows, newest; LONG_RUN takes all
INDEPENDENT = 100  # independent outcomes a recent window must hold to be considered
DOUBT = 48.0  # outcomes that what is usual in the grid counts for: a share seen in few is drawn toward it
EVEN = 0.5  # what is usual where nothing is known
CLEAR = 2.0  # t-value from which a recent window is preferred to the long run


def share_of_ups(labels: NDArray[np.float64], horizon: int, window: int = LONG_RUN, usual: float = EVEN) -> float:
    """Share of ups among the newest `window` known labels, drawn toward what is usual.

    A row counts 1 / horizon, for so many labels overlap; `usual` counts `DOUBT` outcomes (a beta prior).
    """
    newest = labels[-window:] if window else labels
    independent = len(newest) / horizon
    return float((newest.mean() * independent + DOUBT * usual) / (independent + DOUBT))


def usual_shares(returns: Iterable[pd.DataFrame], horizons: Iterable[int]) -> dict[int, float]:
    """Share of ups over all assets of the grid, by horizon: what is usual.

    Single histories hold a few dozen independent outcomes of a long horizon, and their shares scatter more than the
    truths behind them. Drawing them toward the grid's share takes out what is chance (empirical Bayes).

    Args:
        returns: Per asset, a frame with RETURNSn columns known by the same day; NaN where unknown.
        horizons: Of the grid; one that no asset has known rows of is left out.
    """
    ups: dict[int, float] = {}
    rows: dict[int, int] = {}
    wanted = tuple(horizons)
    for frame in returns:
        for horizon in wanted:
            if target_name(horizon) in frame.columns:
                known = frame[target_name(horizon)].to_numpy(dtype=np.float64, na_value=np.nan)
                known = known[np.isfinite(known)]
                ups[horizon] = ups.get(horizon, 0.0) + float((known >= 0).sum())
                rows[horizon] = rows.get(horizon, 0) + len(known)
    return {horizon: ups[horizon] / rows[horizon] for horizon in wanted if rows.get(horizon)}


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
