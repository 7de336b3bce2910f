"""What comes after each row of prices and what came before it, as columns that a feature is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Mask = NDArray[np.bool_]

PAST = 60  # earlier returns whose part in a feature is taken out: a quarter of a year
ROWS_A_COLUMN = 20  # rows for each earlier return, at least
OWN_PAST = 10  # earlier rows by which the next range and volume are foreseen
MONTH = 21
DAYS = 30  # rows ahead that are looked at one by one
# Chosen on made-up series, and so that the demo's centred averages are found and its own features are not refused.
# Honest forecasts of a day correlate with it by less than 0.2; one with 13 % of skill, which no market gives, by 0.35.
# Half of what a day does is known to none.
BOUND = 0.5
# A market that closes hours later may know much of tomorrow, but none knows a single day after it.
LATER_BOUND = 0.4


@dataclass(frozen=True)
class Prices:
    """The price columns of an asset, each of shape (n,), NaN where unknown; only `close` must be there."""

    close: Values
    open: Values | None = None
    high: Values | None = None
    low: Values | None = None
    volume: Values | None = None


@dataclass(frozen=True)
class Futures:
    """What may be known too early.

    Args:
        names: How each is called in the evidence.
        values: Shape (n, futures), NaN where unknown.
        of_close: Which are about where Close goes, and not about its range or volume.
        rows: Rows over which each is summed; as many fewer of its values are independent.
        later: Which are about a single day after tomorrow.
    """

    names: list[str]
    values: Values
    of_close: Mask
    rows: Values
    later: Mask

    @property
    def bounds(self) -> Values:
        """From which correlation on nobody can know it honestly, were it independent from row to row."""
        return np.where(self.later, LATER_BOUND, BOUND)


def standardised(values: Values) -> Values:
    """Columns with mean 0 and standard deviation 1; what is missing becomes 0."""
    there = ~np.isnan(values)
    count = np.maximum(there.sum(axis=0), 1)
    centred = np.where(there, values, 0) - np.where(there, values, 0).sum(axis=0) / count
    centred[~there] = 0
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    scaled: Values = centred / np.where(spread > 0, spread, 1)
    return scaled


def earlier(prices: Prices, log_close: Values) -> Values:
    """What was known of the prices on each row, standardised, shape (n, columns).

    Close, earlier returns, their size, ranges and volumes; fewer of them where rows are few.
    """
    returns = np.diff(log_close, prepend=np.nan)
    columns = [np.ones(len(returns)), log_close]
    columns += [_behind(returns, k) for k in range(min(PAST, len(returns) // ROWS_A_COLUMN))]
    columns += [_behind(_size(returns), k) for k in range(min(DAYS, len(returns) // ROWS_A_COLUMN))]
    if prices.volume is not None:
        flow = _flow(returns, prices.volume)
        columns += [_behind(flow, k) for k in range(min(MONTH, len(returns) // ROWS_A_COLUMN))]
    for series in _others(prices):
        columns += [_behind(series, k) for k in range(OWN_PAST)]
    past = standardised(np.stack(columns, axis=1))
    past[:, 0] = 1
    return past


def _others(prices: Prices) -> list[Values]:
    """Daily series besides the return: range, and volume."""
    found = []
    if prices.high is not None and prices.low is not None:
        found.append(logarithm(prices.high) - logarithm(prices.low))
    if prices.volume is not None:
        found.append(logarithm(prices.volume))
    return found


def coming(prices: Prices, log_close: Values, horizons: Sequence[int]) -> Futures:
    """What may be known too early, of every row."""
    returns = np.diff(log_close, prepend=np.nan)
    days = sorted({*range(1, DAYS + 1), *horizons})
    days = [day for day in days if day < len(returns) // 3]
    sums = sorted({*horizons, *(int(1.2**power) for power in range(4, 27))} - {1})
    sums = [rows for rows in sums if rows < len(returns) // 3]
    found: list[tuple[str, Values, bool, int, bool]] = [
        *((f"the change of Close {day} row(s) later", ahead_by(returns, day), True, 1, day > 1) for day in days),
        *(
            (f"the change of Close over the next {n} rows", ahead_by(log_close, n) - log_close, True, n, False)
            for n in sums
        ),
    ]
    if prices.open is not None:
        found.append(("the next Open", ahead_by(logarithm(prices.open), 1) - log_close, True, 1, False))
    if prices.volume is not None:
        flow = _flow(returns, prices.volume)
        side = "the volume on the side of Close"
        found += [(f"{side} {day} row(s) later", ahead_by(flow, day), True, 1, day > 1) for day in days]
    names = ("size of the change of Close", "range", "volume")
    series = [_size(returns), *_others(prices)]
    for name, one in zip(names, series, strict=False):
        surprise = _surprise(one)
        found += [(f"the {name} {day} row(s) later", ahead_by(surprise, day), False, 1, day > 1) for day in days]
    called, values, of_close, summed, later = zip(*found, strict=True)
    rows = np.array(summed, np.float64)
    return Futures(list(called), np.stack(values, axis=1), np.array(of_close), rows, np.array(later))


def _flow(returns: Values, volume: Values) -> Values:
    """Volume in units of that of the month before, at most three, with the sign of the day's change; shape (n,)."""
    total = np.cumsum(np.nan_to_num(volume))
    month = (_behind(total, 1) - _behind(total, MONTH + 1)) / MONTH
    with np.errstate(invalid="ignore", divide="ignore"):
        flow: Values = np.sign(returns) * np.minimum(np.where(month > 0, volume / month, np.nan), 3)
    return flow


def _size(returns: Values) -> Values:
    """Squared returns in units of those of the month before, at most nine; shape (n,)."""
    squares = np.nan_to_num(returns) ** 2
    total = np.cumsum(squares)
    month = (_behind(total, 1) - _behind(total, MONTH + 1)) / MONTH
    month[: MONTH + 1] = squares.mean()
    usual = np.maximum(month, max(squares.mean() * 1e-6, 1e-18))
    size: Values = np.minimum(squares / usual, 9)
    return size


def _surprise(series: Values) -> Values:
    """What the days before do not foresee of each day."""
    before = standardised(
        np.stack([np.ones(len(series)), *(_behind(series, k) for k in range(1, OWN_PAST + 1))], axis=1)
    )
    before[:, 0] = 1
    known = np.isfinite(series)
    gram = before[known].T @ before[known] + 1e-9 * len(series) * np.eye(before.shape[1])
    left: Values = series - before @ np.linalg.solve(gram, before[known].T @ series[known])
    return left


def logarithm(values: Values) -> Values:
    """NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        logs: Values = np.log(np.where((values > 0) & (values < np.inf), values, np.nan))
    return logs


def ahead_by(values: Values, rows: int) -> Values:
    """What `values` are so many rows later, NaN where that is not known yet."""
    moved = np.full(len(values), np.nan)
    moved[: len(values) - rows] = values[rows:]
    return moved


def _behind(values: Values, rows: int) -> Values:
    moved = np.full(len(values), np.nan)
    moved[rows:] = values[: len(values) - rows]
    return moved
