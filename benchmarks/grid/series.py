"""Random walks, and series of which a known part of the next move is foretold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

from brain.usecases.direction.names import CLOSE, DATE, target_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

DAILY = 0.01  # standard deviation of a day's log return
MEDIAN_DISTANCE = 0.6745  # of a normal variable from its mean


def random_walk(rows: int, seed: int, horizons: Iterable[int]) -> pd.DataFrame:
    """A random walk without drift in the standard asset schema; its features are momenta and volatilities of its past.

    Returns:
        Date, Close, 8 features, RETURNSn; shape (rows, 10 + horizons).
    """
    returns = np.random.default_rng(seed).normal(scale=DAILY, size=rows)
    return _table(returns, _of_the_past(returns), horizons)


def _of_the_past(returns: NDArray[np.float64]) -> dict[str, pd.Series[float]]:
    past = pd.Series(returns)
    features = {f"momentum_{n}": past.rolling(n).sum() for n in (1, 5, 20, 60)}
    return features | {f"volatility_{n}": past.rolling(n).std() for n in (5, 10, 20, 60)}


def null_returns(kind: str, rows: int, seed: int) -> NDArray[np.float64]:
    """Log returns whose sign nobody can foresee: each is a fair coin times a size, whatever came before.

    Args:
        kind: One of `NULLS`. Sizes come in calm and wild times in `garch` and `volatility`, some are huge in `t3`;
            `together` shares four fifths of its variance with every other asset whose seed is of the same ten.
    """
    draw = np.random.default_rng([seed, NULLS.index(kind)])
    shock: NDArray[np.float64] = draw.normal(size=rows)
    if kind == "t3":
        heavy: NDArray[np.float64] = draw.standard_t(3, size=rows)
        return np.asarray(DAILY / np.sqrt(3) * heavy)
    if kind == "garch":
        return _garch(shock)
    if kind == "volatility":
        noise: NDArray[np.float64] = draw.normal(size=rows)
        return DAILY * shock * np.exp(_autoregressive(0.98, 0.15 * noise) - 0.5)
    if kind == "together":
        common: NDArray[np.float64] = np.random.default_rng([seed // 10, 1000]).normal(size=rows)
        return np.asarray(DAILY * (np.sqrt(0.8) * common + np.sqrt(0.2) * shock))
    return DAILY * shock


NULLS = ("normal", "t3", "garch", "volatility", "spurious", "together")
SPURIOUS = (0.9, 0.99, 0.995, 0.999)  # how much of itself a feature keeps from one row to the next


def null_table(kind: str, rows: int, seed: int, horizons: Iterable[int]) -> pd.DataFrame:
    """An asset's table of `null_returns` with momenta and volatilities of its past.

    `spurious` has four more features that have nothing to do with the price, but move as slowly as the returns over
    long horizons do: a regression of the one on the other seems to find something (Granger and Newbold, 1974).
    """
    returns = null_returns(kind, rows, seed)
    features = _of_the_past(returns)
    if kind == "spurious":
        draw = np.random.default_rng([seed, 2000])
        slow = {f"slow_{keep}": _autoregressive(keep, draw.normal(size=rows)) for keep in SPURIOUS}
        features |= {name: pd.Series(values) for name, values in slow.items()}
    return _table(returns, features, horizons)


def _garch(shock: NDArray[np.float64]) -> NDArray[np.float64]:
    """GARCH(1, 1) with the parameters usual of daily stock returns."""
    returns, variance = np.empty(len(shock)), 1.0
    for row, value in enumerate(shock):
        returns[row] = np.sqrt(variance) * value
        variance = 0.02 + 0.08 * returns[row] ** 2 + 0.9 * variance
    return DAILY * returns


def _autoregressive(keep: float, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.signal import lfilter

    found: NDArray[np.float64] = lfilter([1.0], [1.0, -keep], noise)
    return found


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


def planted_by(
    kind: str,
    rows: int,
    seed: int,
    strength: float,
    horizons: Iterable[int] = (1,),
    turn: int = 0,
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """A series whose next move is up with probability sigmoid(`strength` * g), where g depends on 8 features.

    Args:
        kind: One of `SIGNALS`, which says how g is made.
        turn: The row from which a late signal is there, or a dying one is gone.

    Returns:
        The asset's table, and the true probability of each row at one day, shape (rows,).
    """
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(rows, 8))
    features[:, 7] = np.arange(rows) % CYCLE
    chance: NDArray[np.float64] = expit(strength * SIGNALS[kind](features, np.arange(rows) >= turn))
    moves = np.where(draw.random(rows) < chance, 1.0, -1.0) * np.abs(draw.normal(scale=DAILY, size=rows))
    columns = {f"feature_{n}": pd.Series(column) for n, column in enumerate(features.T)}
    return _table(np.concatenate([[0.0], moves[:-1]]), columns, horizons), chance


CYCLE = 63  # rows of a season
SIGNALS: Mapping[str, Callable[[NDArray[np.float64], NDArray[np.bool_]], NDArray[np.float64]]] = {
    "linear": lambda x, _: x[:, 0],
    "xor": lambda x, _: np.sign(x[:, 0] * x[:, 1]),
    "product": lambda x, _: x[:, 0] * x[:, 1],
    "threshold": lambda x, _: np.where(np.abs(x[:, 0]) > MEDIAN_DISTANCE, 1.0, -1.0),
    "seasonal": lambda x, _: np.sqrt(2) * np.cos(2 * np.pi * x[:, 7] / CYCLE),
    "late": lambda x, after: np.where(after, x[:, 0], 0.0),
    "dying": lambda x, after: np.where(after, 0.0, x[:, 0]),
}


def drifting(
    rows: int, seed: int, strength: float, horizons: Iterable[int], memory: float = 0.95
) -> tuple[pd.DataFrame, dict[int, NDArray[np.float64]]]:
    """A series whose drift is `strength` times a slowly changing feature, seen among 7 others that change as slowly.

    Returns:
        The asset's table, and by horizon the true probability of each row, shape (rows,): given the feature, the sum of
        the next log returns is normal with a mean and a variance that are known.
    """
    draw = np.random.default_rng(seed)
    shocks = draw.normal(scale=np.sqrt(1 - memory**2), size=(rows, 8))
    features = np.empty_like(shocks)
    features[0] = draw.normal(size=8)
    for row in range(1, rows):
        features[row] = memory * features[row - 1] + shocks[row]
    returns = strength * features[:-1, 0] + draw.normal(size=rows - 1)
    horizons = tuple(horizons)
    table = _table(
        DAILY * np.concatenate([[0.0], returns]),
        {f"feature_{n}": pd.Series(column) for n, column in enumerate(features.T)},
        horizons,
    )
    return table, {horizon: _chance_of_rise(features[:, 0], strength, horizon, memory) for horizon in horizons}


def _chance_of_rise(signal: NDArray[np.float64], strength: float, horizon: int, memory: float) -> NDArray[np.float64]:
    """P(sum of the next returns >= 0 | signal), shape (rows,)."""
    # A shock to the signal that comes after k rows moves the returns of the horizon - k - 1 rows after it.
    left = np.arange(1, horizon)[::-1]
    moved = (1 - memory**left) / (1 - memory)
    spread = np.sqrt(horizon + strength**2 * (1 - memory**2) * float((moved**2).sum()))
    mean = strength * signal * (1 - memory**horizon) / (1 - memory)
    chance: NDArray[np.float64] = ndtr(mean / spread)
    return chance


def _table(
    returns: NDArray[np.float64], features: Mapping[str, pd.Series[float]], horizons: Iterable[int]
) -> pd.DataFrame:
    close = pd.Series(100 * np.exp(np.cumsum(returns)))
    targets = {target_name(n): close.shift(-n) / close - 1 for n in horizons}
    dates = pd.bdate_range("2000-01-03", periods=len(close))
    return pd.DataFrame({DATE: dates, CLOSE: close, **features, **targets})
