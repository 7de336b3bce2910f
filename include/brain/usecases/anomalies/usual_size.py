"""How large a change is usual at a time of day, by what was known before: what the size of every change is measured by.

The usual size is a profile over the day (a decaying mean over earlier days, smoothed over neighbouring times) times a
level (how large the last changes were beside their profile). Both look back only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.usecases.anomalies.series import Series

    Values = NDArray[np.float64]

PROFILE_DAYS = 30.0  # after which a day counts 1/e
LEVEL_BARS = 128.0  # after which a bar counts 1/e
CLIP = 4.0  # times the usual size, beyond which a change counts no more: one bad value must not move the scale
PRIOR = 3.0  # days that the mean over all times of day counts beside a time's own
NORMAL = float(np.sqrt(np.pi / 2))  # standard deviation of a normal variable by its mean absolute value
SMOOTH = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
FINEST = 1e-12  # of the values' own size: what is smaller is rounding


@dataclass(frozen=True)
class Moves:
    """The changes of a series beside what was usual.

    Args:
        size: The usual standard deviation of each change, shape (n,), above 0.
        z: Change by usual size, shape (n,); 0 at first.
    """

    size: Values
    z: Values


def measure(series: Series) -> Moves:
    """The usual size of each change by the bars before it."""
    change = series.change
    if not len(change):
        return Moves(change, change)
    least = FINEST * max(1.0, float(np.abs(series.value).max()) if (series.value <= 0).any() else 1.0)
    size = np.maximum(_profile(series, np.abs(change)), least)
    level = before(decaying(np.minimum(np.abs(change) / size, CLIP), LEVEL_BARS, 1.0), 1.0)
    size = np.maximum(NORMAL * size * level, least)
    return Moves(size, change / size)


def decaying(values: Values, bars: float, start: float) -> Values:
    """The mean of the values so far, those before counting less: 1/e after `bars`."""
    keep = np.exp(-1.0 / bars)
    found: Values = lfilter([1 - keep], [1, -keep], values, zi=np.array([keep * start]))[0]
    return found


def before(values: Values, start: float) -> Values:
    """What was known before each bar."""
    return np.append(start, values[:-1])[: len(values)]


def by_day(series: Series, values: Values, days: float, prior: float, smooth: Values = SMOOTH) -> Values:
    """The mean of `values` at each bar's time of day over the days before it, recent days counting more.

    Times of day seen seldom are drawn to the mean over all times. Bars after a break have a time of their own.

    Args:
        prior: Days that the mean over all times counts.
    """
    day, slots = series.day - series.day[0], series.slots
    slot = np.where(series.after_break, slots, series.slot)
    shape = (int(day[-1]) + 1, slots + 1)
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (day, slot), values)
    np.add.at(counts, (day, slot), 1.0)
    keep = np.exp(-1.0 / days)
    sums, counts = (lfilter([0, 1], [1, -keep], known, axis=0) for known in (sums, counts))
    alls, total = sums.sum(axis=1, keepdims=True), counts.sum(axis=1, keepdims=True)
    first = float(values[: max(1, min(len(values), slots))].mean())  # the first day has none before it
    mean = np.divide(alls, total, out=np.full_like(alls, first), where=total > 0)
    if slots >= len(smooth):
        sums[:, :slots], counts[:, :slots] = (_smoothed(known[:, :slots], smooth) for known in (sums, counts))
    expected: Values = ((sums + prior * mean) / (counts + prior))[day, slot]
    return expected


def _profile(series: Series, size: Values) -> Values:
    """The usual size by time of day; large changes count as `CLIP` times what was usual before."""
    rough = np.maximum(by_day(series, size, PROFILE_DAYS, PRIOR), 0.0)
    clipped = np.where(rough > 0, np.minimum(size, CLIP * rough), size)
    return by_day(series, clipped, PROFILE_DAYS, PRIOR)


def _smoothed(known: Values, weights: Values) -> Values:
    """The mean over neighbouring times of day, midnight included, shape (days, slots)."""
    reach = len(weights) // 2
    total = sum(weight * np.roll(known, place - reach, axis=1) for place, weight in enumerate(weights))
    found: Values = np.asarray(total) / weights.sum()
    return found
