"""Facts about an asset's rows that rules are stated on: per date, per column, and for the table as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.usecases.direction.names import CLOSE, DATE, TARGET_PATTERN

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from brain.usecases.direction.catalogue import AssetSpec

PRICES = ("Open", "High", "Low", "Close")
_NORMAL = 1.4826  # makes the median absolute deviation estimate a normal's standard deviation
_ROWS_FOR_A_SHARE = 20
_ROWS_FOR_A_CALENDAR = 20
_WEEKDAYS = "1111100"
_NOISE = 1e-9
_DAY = np.timedelta64(1, "D")


def row_facts(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per date: no Close, lowest price, High - Low, distance outside the range, jump, gap and flat run.

    Facts that the columns do not allow are NaN, which no rule counts.
    """
    prices = {name: frame[name].to_numpy(np.float64) for name in PRICES if name in frame}
    close = prices[CLOSE]
    nothing = np.full(len(frame), np.nan)
    high, low = prices.get("High", nothing), prices.get("Low", nothing)
    inside = [prices[name] for name in ("Open", "Close") if name in prices]
    with np.errstate(invalid="ignore"):
        beyond = np.fmax.reduce([np.fmax(price - high, low - price) for price in inside])
        facts = {
            DATE: frame[DATE].to_numpy(),
            "no_close": np.isnan(close).astype(np.float64),
            "lowest_price": np.fmin.reduce(list(prices.values())),
            "high_minus_low": high - low,
            "outside_range": beyond,
            "jump": jumps(close),
            "gap": gaps(frame[DATE].to_numpy().astype("datetime64[D]")),
            "flat_run": flat_runs(close),
        }
    return pd.DataFrame(facts)


def jumps(close: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each log return from their median, in robust standard deviations; NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = np.diff(np.log(np.where(close > 0, close, np.nan)), prepend=np.nan)
    moves = returns[np.isfinite(returns) & (returns != 0)]
    if len(moves) < _ROWS_FOR_A_SHARE:
        return np.full(len(close), np.nan)
    middle = np.median(moves)
    spread = _NORMAL * np.median(np.abs(moves - middle))
    if spread <= _NOISE:
        return np.full(len(close), np.nan)
    distance: NDArray[np.float64] = np.abs(returns - middle) / spread
    return distance


def calendar_mask(dates: NDArray[np.datetime64]) -> str:
    """The weekdays on which the asset trades, as numpy's business-day mask, Monday first."""
    if len(dates) < _ROWS_FOR_A_CALENDAR:
        return _WEEKDAYS
    weekdays = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    counts = np.bincount(weekdays, minlength=7)
    return "".join("1" if count > counts.max() / 2 else "0" for count in counts)


def gaps(dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Days of the asset's own calendar missing before each row; NaN for the first."""
    missing = np.full(len(dates), np.nan)
    if len(dates) > 1:
        missing[1:] = np.busday_count(dates[:-1] + _DAY, dates[1:], weekmask=calendar_mask(dates))
    return missing


def days_overdue(dates: NDArray[np.datetime64], last_day: date) -> int:
    """Days of the asset's own calendar between the newest row and `last_day`, both left out."""
    newest = dates[-1] + _DAY
    return max(0, int(np.busday_count(newest, np.datetime64(last_day), weekmask=calendar_mask(dates))))


def flat_runs(close: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each row, how many rows in a row Close has not moved."""
    moved = np.diff(close, prepend=np.nan) != 0
    last_move = np.maximum.accumulate(np.where(moved, np.arange(len(close)), 0))
    return (np.arange(len(close)) - last_move).astype(np.float64)


def column_facts(frame: pd.DataFrame, spec: AssetSpec, *, whole: bool) -> pd.DataFrame:
    """One row per numeric column: missing share, infinite cells and, for RETURNSn, how it relates to Close.

    Args:
        whole: `frame` is the whole snapshot; only then can a target be called constant.
    """
    close = frame[CLOSE].to_numpy(np.float64)
    facts = pd.DataFrame(
        [_column(str(name), frame[name].to_numpy(np.float64), close, spec, whole) for name in frame if name != DATE]
    )
    # One constant target among others costs its horizon; where all are, nothing can be trained.
    some_move = bool((facts["minority"] > 0).any())
    facts["minority_beside"] = facts["minority"] if some_move else np.nan
    facts["minority"] = np.nan if some_move else facts["minority"]
    return facts


def _column(
    name: str, values: NDArray[np.float64], close: NDArray[np.float64], spec: AssetSpec, whole: bool
) -> dict[str, object]:
    match = TARGET_PATTERN.fullmatch(name)
    ahead = int(match.group(1)) if match else 0
    expected = values[: max(0, len(values) - ahead)]
    fact: dict[str, object] = {
        "column": name,
        "missing_share": float(np.isnan(expected).mean()) if len(expected) else np.nan,
        "infinite": float(np.isinf(values).sum()),
        "disagreement": np.nan,
        "return_error": np.nan,
        "minority": np.nan,
    }
    if ahead in spec.horizons:
        fact |= _target(expected, close[: len(expected)], close[ahead:], whole)
    return fact


def _target(
    returns: NDArray[np.float64], now: NDArray[np.float64], later: NDArray[np.float64], whole: bool
) -> dict[str, object]:
    """How a target relates to Close: share of opposite signs, largest difference, cells of the rarer direction."""
    with np.errstate(invalid="ignore", divide="ignore"):
        simple = later / now - 1
    known = np.isfinite(returns) & np.isfinite(simple)
    returns, simple = returns[known], simple[known]
    if len(returns) < _ROWS_FOR_A_SHARE:
        return {"minority": 0.0} if whole and not len(returns) and len(now) >= _ROWS_FOR_A_SHARE else {}
    clear = (np.abs(returns) > _NOISE) & (np.abs(simple) > _NOISE)
    ups = int((returns >= 0).sum())
    return {
        "disagreement": float(((returns > 0) != (simple > 0))[clear].mean()) if clear.any() else 0.0,
        "return_error": float(np.abs(returns - simple).max()),
        "minority": float(min(ups, len(returns) - ups)) if whole else np.nan,
    }


def table_facts(frame: pd.DataFrame, total_rows: int, last_day: date) -> pd.DataFrame:
    """One row: how many rows, and how old the newest is."""
    dates = frame[DATE].to_numpy().astype("datetime64[D]")
    return pd.DataFrame({"rows": [total_rows], "days_overdue": [days_overdue(dates, last_day) if len(dates) else 0]})
