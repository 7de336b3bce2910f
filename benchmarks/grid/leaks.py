"""Columns that know the future, each made from a series as somebody might by mistake; and honest ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.usecases.direction.catalogue import HORIZONS
from brain.usecases.direction.dataset import feature_columns
from brain.usecases.direction.names import CLOSE

if TYPE_CHECKING:
    from collections.abc import Mapping

    Columns = dict[str, "pd.Series[float]"]

WIDTHS = (3, 5, 11, 21, 51)
EARLY = (1, 2, 5, 21)
# The calendar is known in advance; momentum of a year without its last month, 21 rows early, is still the past.
KNOWN_ANYWAY = ("day_of_week", "turn_of_month", "momentum_252_21")
SMOOTHED_TWICE = ("adx_14",)


def exact(frame: pd.DataFrame) -> Columns:
    """A future return, its logarithm, its sign, its label, the price itself and its distance."""
    close = frame[CLOSE]
    found: Columns = {}
    for rows in HORIZONS:
        change = close.shift(-rows) / close - 1
        found |= {
            f"return_{rows}": change,
            f"log_return_{rows}": np.log1p(change),
            f"sign_{rows}": np.sign(change),
            f"label_{rows}": (change >= 0).astype(float).where(change.notna()),
            f"close_{rows}": close.shift(-rows),
            f"spread_{rows}": close.shift(-rows) - close,
        }
    if "Open" in frame:
        found["open_1"] = frame["Open"].shift(-1)
    return found


def early(frame: pd.DataFrame) -> Columns:
    """The table's own features, known some rows too early."""
    names = [name for name in feature_columns(frame) if name not in (*KNOWN_ANYWAY, *SMOOTHED_TWICE)]
    return {f"{name}_early_{rows}": frame[name].shift(-rows) for rows in EARLY for name in names}


def centred(frame: pd.DataFrame) -> Columns:
    """Moving averages over rows before and after, and the gap of Close to them."""
    close = frame[CLOSE]
    averages = {width: close.rolling(width, center=True).mean() for width in WIDTHS}
    return {f"average_{width}": one for width, one in averages.items()} | {
        f"gap_{width}": close / one - 1 for width, one in averages.items()
    }


def scaled(frame: pd.DataFrame) -> Columns:
    """Close scaled with all rows."""
    close = frame[CLOSE]
    return {
        "z_score": (close - close.mean()) / close.std(),
        "log_z_score": (np.log(close) - np.log(close).mean()) / np.log(close).std(ddof=0),
        "from_0_to_1": (close - close.min()) / (close.max() - close.min()),
    }


def hard(frame: pd.DataFrame) -> Columns:
    """What is known not to be found always."""
    close = frame[CLOSE]
    steps, found = np.log(close).diff(), {}
    for width in (11, 21, 51, 101):
        window = close.rolling(width, center=True)
        found[f"centred_z_score_{width}"] = (close - window.mean()) / window.std()
        found[f"centred_position_{width}"] = (close - window.min()) / (window.max() - window.min())
        found[f"centred_volatility_{width}"] = steps.rolling(width, center=True).std()
    noise = np.random.default_rng(len(frame)).normal(size=len(frame))
    for share in (0.5, 1.0, 2.0):
        found[f"return_1_and_noise_{share}"] = steps.shift(-1) + noise * steps.std() * share
    found |= {f"{name}_early_{rows}": frame[name].shift(-rows) for rows in EARLY for name in SMOOTHED_TWICE
              if name in frame}  # fmt: skip
    return found


def honest(frame: pd.DataFrame, seed: int) -> Columns:
    """Series that know nothing of the future: slow and fast ones, seasons, trends, today's return in many guises."""
    draw, rows = np.random.default_rng(seed), len(frame)
    steps = np.log(frame[CLOSE]).diff().fillna(0.0)
    day, noise, spread = np.arange(rows), draw.normal(size=rows), float(steps.std())
    found: dict[str, object] = {
        f"ar_{memory}": pd.Series(draw.normal(size=rows)).ewm(alpha=1 - memory, adjust=False).mean()
        for memory in (0.5, 0.9, 0.97, 0.99, 0.997)
    }
    found |= {f"season_{period}": np.sin(2 * np.pi * day / period) for period in (5, 21, 63, 252)}
    found |= {
        "walk": np.cumsum(draw.normal(size=rows)),
        "monthly": np.repeat(np.cumsum(draw.normal(size=rows // 21 + 1)), 21)[:rows],
        "trend": day / 252.0,
        "regime": (np.cumsum(draw.normal(size=rows)) > 0).astype(float),
        "noise": noise,
        "today": steps,
        "today_and_noise": steps + spread * noise,
        "yesterday": steps.shift(1),
        "today_size": steps.abs(),
        "up_today": (steps > 0).astype(float),
        "price": frame[CLOSE],
        "moving_average": frame[CLOSE].rolling(21).mean(),
        "expanding_z_score": (frame[CLOSE] - frame[CLOSE].expanding(21).mean()) / frame[CLOSE].expanding(21).std(),
        "smoothed_return": steps.ewm(span=10).mean(),
    }
    return {name: pd.Series(one, index=frame.index) for name, one in found.items()}  # type: ignore[call-overload]


def filled(columns: Mapping[str, pd.Series[float]]) -> Columns:
    """The same with their newest rows filled by the last value: that they are empty there must not give them away."""
    return {name: one.ffill() for name, one in columns.items()}
