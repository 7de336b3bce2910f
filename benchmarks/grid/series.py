"""Random walks, and series of which a known part of the next move is foretold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit

from brain.usecases.direction.names import CLOSE, DATE, target_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

DAILY = 0.01  # standard deviation of a day's log return


def random_walk(rows: int, seed: int, horizons: Iterable[int]) -> pd.DataFrame:
    """A random walk without drift in the standard asset schema; its features are momenta and volatilities of its past.

    Returns:
        Date, Close, 8 features, RETURNSn; shape (rows, 10 + horizons).
    """
    returns = np.random.default_rng(seed).normal(scale=DAILY, size=rows)
    past = pd.Series(returns)
    features = {f"momentum_{n}": past.rolling(n).sum() for n in (1, 5, 20, 60)}
    features |= {f"volatility_{n}": past.rolling(n).std() for n in (5, 10, 20, 60)}
    return _table(returns, features, horizons)


def planted(rows: int, seed: int, strength: float, noise_features: int = 7) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """A series whose next move is up with probability sigmoid(`strength` * signal), the signal being a feature.

    Returns:
        The asset's table with RETURNS1, and the true probability of each row, shape (rows,).
    """
    draw = np.random.default_rng(seed)
    signal = draw.normal(size=rows)
    chance: NDArray[np.float64] = expit(strength * signal)
    up = draw.random(rows) < chance
    moves = np.where(up, 1.0, -1.0) * np.abs(draw.normal(scale=DAILY, size=rows))
    features = {"signal": pd.Series(signal)}
    features |= {f"noise_{n}": pd.Series(draw.normal(size=rows)) for n in range(noise_features)}
    return _table(np.concatenate([[0.0], moves[:-1]]), features, (1,)), chance


def _table(
    returns: NDArray[np.float64], features: Mapping[str, pd.Series[float]], horizons: Iterable[int]
) -> pd.DataFrame:
    close = pd.Series(100 * np.exp(np.cumsum(returns)))
    targets = {target_name(n): close.shift(-n) / close - 1 for n in horizons}
    dates = pd.bdate_range("2000-01-03", periods=len(close))
    return pd.DataFrame({DATE: dates, CLOSE: close, **features, **targets})
