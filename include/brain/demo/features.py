"""Features of a row from that row and earlier ones, and the forward returns a model is trained to foresee."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.demo.extra import extra_missing
from brain.usecases.direction.catalogue import HORIZONS
from brain.usecases.direction.names import CLOSE, DATE, target_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

YEAR = 252  # trading days
MONTH = 21
TURN_OF_MONTH_DAYS = 4


def technical_features(prices: pd.DataFrame) -> pd.DataFrame:
    """Features known at the close of each row.

    No value uses a later row, so that a longer series repeats the values of a shorter one exactly. A feature is NaN
    until its whole window lies behind it. Ratios and returns are plain fractions (0.01 is one percent), volatilities
    are daily standard deviations of log returns, oscillators keep their own scale (RSI, ADX and MFI: 0 to 100).

    Args:
        prices: What `brain.demo.prices.prices` returns, shape (rows, 2 or 6).

    Returns:
        Shape (rows, 22 to 28), float64, same index: more columns where there are highs, lows and volumes.

    Raises:
        ExtraNotInstalled: TA-Lib is missing.
    """
    close = prices[CLOSE].astype("float64")
    features = {
        **_returns(close),
        **_volatility(close),
        **_distances(close),
        **_oscillators(close),
        **_calendar(prices[DATE]),
    }
    if {"High", "Low"} <= set(prices.columns):
        features |= _ranges(prices["High"], prices["Low"], close)
    if {"High", "Low", "Volume"} <= set(prices.columns):
        features |= _volume(prices["High"], prices["Low"], close, prices["Volume"].astype("float64"))
    return pd.DataFrame(features, index=prices.index, dtype="float64")


def forward_returns(close: pd.Series[float], horizons: Iterable[int] = HORIZONS) -> pd.DataFrame:
    """``RETURNSn = Close[t+n] / Close[t] - 1`` by row count; NaN where the future row is not known yet.

    Returns:
        Shape (rows, number of horizons), float64, same index.
    """
    return pd.DataFrame({target_name(n): close.shift(-n) / close - 1 for n in horizons}, index=close.index)


def _returns(close: pd.Series[float]) -> dict[str, pd.Series[float]]:
    returns = {f"return_{n}": close / close.shift(n) - 1 for n in (1, 5, MONTH, 63, YEAR)}
    # Momentum of the past year without its last month, which tends to revert (Jegadeesh and Titman, 1993).
    return {**returns, "momentum_252_21": close.shift(MONTH) / close.shift(YEAR) - 1}


def _volatility(close: pd.Series[float]) -> dict[str, pd.Series[float]]:
    steps = _log(close).diff()
    volatility = {n: steps.rolling(n).std() for n in (10, MONTH, 63, YEAR)}
    return {
        "volatility_21": volatility[MONTH],
        "volatility_63": volatility[63],
        "volatility_ratio_10_63": _ratio(volatility[10], volatility[63]),
        "volatility_ratio_21_252": _ratio(volatility[MONTH], volatility[YEAR]),
    }


def _distances(close: pd.Series[float]) -> dict[str, pd.Series[float]]:
    level = _log(close)
    low, high = close.rolling(YEAR).min(), close.rolling(YEAR).max()
    averages = {f"sma_distance_{n}": close / close.rolling(n).mean() - 1 for n in (10, 50, 200)}
    scores = {f"zscore_{n}": _zscore(level, n) for n in (20, 60, 250)}
    return {
        **averages,
        **scores,
        "drawdown_252": close / high - 1,
        "position_252": _ratio(close - low, high - low),
    }


def _oscillators(close: pd.Series[float]) -> dict[str, pd.Series[float]]:
    talib = _talib()
    # Two rows: Connors' short-term reversal; fourteen: Wilder's own choice.
    return {"rsi_2": talib.RSI(close, 2), "rsi_14": talib.RSI(close, 14)}


def _calendar(dates: pd.Series[pd.Timestamp]) -> dict[str, pd.Series[float]]:
    """What the calendar says in advance: weekday (Monday is 0), and the days around the end of a month."""
    day, last = dates.dt.day, dates.dt.days_in_month
    turn = (day <= TURN_OF_MONTH_DAYS) | (last - day < TURN_OF_MONTH_DAYS)
    return {"day_of_week": dates.dt.day_of_week.astype("float64"), "turn_of_month": turn.astype("float64")}


def _ranges(high: pd.Series[float], low: pd.Series[float], close: pd.Series[float]) -> dict[str, pd.Series[float]]:
    talib = _talib()
    return {
        "range_1": (high - low) / close,
        "range_14": talib.NATR(high, low, close, 14) / 100,
        "adx_14": talib.ADX(high, low, close, 14),
    }


def _volume(
    high: pd.Series[float], low: pd.Series[float], close: pd.Series[float], volume: pd.Series[float]
) -> dict[str, pd.Series[float]]:
    return {
        "volume_change_1": _ratio(volume, volume.shift(1)) - 1,
        "volume_ratio_21": _ratio(volume, volume.rolling(MONTH).mean()),
        "mfi_14": _talib().MFI(high, low, close, volume, 14),
    }


def _log(close: pd.Series[float]) -> pd.Series[float]:
    return pd.Series(np.log(close.to_numpy()), index=close.index)


def _zscore(level: pd.Series[float], window: int) -> pd.Series[float]:
    """Standard deviations above the window's mean; 0 where the window is flat (RRC in 1990)."""
    spread = level.rolling(window).std()
    return (level - level.rolling(window).mean()) / spread.mask(spread == 0, 1.0)


def _ratio(numerator: pd.Series[float], denominator: pd.Series[float]) -> pd.Series[float]:
    """NaN, not infinity, where nothing moved."""
    return numerator / denominator.where(denominator > 0)


def _talib() -> ModuleType:
    try:
        import talib
    except ImportError:
        raise extra_missing("ta-lib") from None
    return talib
