"""One symbol's bars, or one sensor's readings, as detectors take them: arrays, ascending in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Integers = NDArray[np.int64]

DAY = 86_400
LEAST_SLOT = 60  # seconds: what comes faster shares a slot
BREAK = 1.5  # usual steps after which a bar follows a break: a night, a weekend, a halt
DAYS_FOR_SLOTS = 5  # of data, before the time of day tells anything


@dataclass(frozen=True)
class Series:
    """What is known of one symbol, ascending in time and with no time twice.

    Args:
        at: Seconds since 1970 UTC, shape (n,); so are the others.
        value: The close of the bar, or what the sensor reads; finite.
        volume: NaN where nobody says.
        zone: The time zone by whose clock the time of day counts, so that it follows daylight saving.
    """

    symbol: str
    at: Values
    value: Values
    volume: Values
    zone: str = "UTC"

    def __len__(self) -> int:
        return len(self.at)

    def between(self, first: float, last: float) -> Series:
        """The bars with first <= at < last."""
        keep = slice(int(np.searchsorted(self.at, first)), int(np.searchsorted(self.at, last)))
        return replace(self, at=self.at[keep], value=self.value[keep], volume=self.volume[keep])

    @cached_property
    def step(self) -> float:
        """The usual time from one bar to the next, in seconds; 1 for fewer than two bars."""
        return float(np.median(np.diff(self.at))) if len(self.at) > 1 else 1.0

    @cached_property
    def after_break(self) -> NDArray[np.bool_]:
        """Whether more time than usual has passed since the bar before; so for the first."""
        return np.append(True, np.diff(self.at) > BREAK * self.step)[: len(self.at)]

    @cached_property
    def local(self) -> Values:
        """Seconds by the clock of `zone`."""
        if self.zone == "UTC" or not len(self.at):
            return self.at
        hours, place = np.unique(np.floor(self.at / 900), return_inverse=True)  # clocks change on a quarter of an hour
        times = pd.DatetimeIndex((hours * 900 * 1e9).astype("datetime64[ns]"), tz="UTC").tz_convert(ZoneInfo(self.zone))
        ahead = times.tz_localize(None).as_unit("s").astype(np.int64).to_numpy() - hours * 900
        moved: Values = self.at + ahead[place]
        return moved

    @cached_property
    def day(self) -> Integers:
        """Days since 1970 by the clock of `zone`."""
        return np.floor(self.local / DAY).astype(np.int64)

    @cached_property
    def slots(self) -> int:
        """Into how many times a day is cut: one a bar, at most one a minute; 1 where there are too few days."""
        if not len(self.at) or self.day[-1] - self.day[0] < DAYS_FOR_SLOTS:
            return 1
        return max(1, round(DAY / max(self.step, LEAST_SLOT)))

    @cached_property
    def slot(self) -> Integers:
        """The time of day of each bar, from 0 to `slots` - 1."""
        return np.minimum(((self.local % DAY) * self.slots / DAY).astype(np.int64), self.slots - 1)

    @cached_property
    def change(self) -> Values:
        """From the bar before: the difference of logarithms, or of values where not all are above zero; 0 at first."""
        if not len(self.value):
            return self.value
        known = np.log(self.value) if (self.value > 0).all() else self.value
        return np.diff(known, prepend=known[0])
