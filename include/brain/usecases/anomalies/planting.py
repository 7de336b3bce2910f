"""Faults of blind sizes planted into a symbol's own past: what a detector has to find before it may speak.

The sizes are drawn from wide ranges that were set before any detector was measured on them. They are in units of the
usual size of a change at that time, or in bars. `scale` halves or doubles all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.usual_size import measure

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from brain.usecases.anomalies.series import Series

    Values = NDArray[np.float64]

BAD_TICK, STUCK, BURST, DRIFT, GAP, VOLUME = "bad tick", "stuck value", "volatility burst", "drift", "gap", "volume"
RECORD = "record"  # a value as far off as none before: where large ones are usual, a bad tick of usual size is nothing
KINDS = (BAD_TICK, STUCK, BURST, DRIFT, GAP, VOLUME, RECORD)

TICK_SIZES = (8.0, 20.0)  # usual sizes that one value is off
RECORD_TIMES = (1.5, 3.0)  # times the largest change of the series that one value is off
STUCK_BARS = (8, 24)  # bars that the value does not move
BURST_SIZES, BURST_BARS = (3.0, 6.0), (8, 24)  # times that changes are larger
DRIFT_SIZES, DRIFT_BARS = (0.8, 1.6), (24, 48)  # usual sizes a bar, always in one direction
GAP_BARS = (3, 12)  # bars that are missing
VOLUME_TIMES, VOLUME_BARS = (8.0, 30.0), (3, 12)  # times that the volume is larger, or smaller
FARTHEST = 20.0  # in logarithms, that a value is moved: readings near zero have changes without bounds
LONGEST, APART = 48, 24  # bars of a fault, and at least between two
GRACE = 4  # bars after its end in which a fault may still be noticed


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    Args:
        first, last: Seconds since 1970 of the first bar that it touches, and of the last in which noticing it counts.
    """

    kind: str
    first: float
    last: float


def plant(series: Series, random: Generator, *, each: int, scale: float = 1.0) -> tuple[Series, list[Fault]]:
    """The series with `each` faults of every kind that it can have, spread evenly and in mixed order.

    Fewer where there is no room for so many; and of some kinds only, drawn by chance, where there is none for all.

    Args:
        scale: Of all sizes; 0.5 halves them. Bars are at least 2.
    """
    kinds = [kind for kind in KINDS if kind != VOLUME or np.isfinite(series.volume).mean() > 0.5]
    room = (len(series) - LONGEST) // (LONGEST + APART)
    if room < 1:
        return series, []
    each = min(each, room // len(kinds))
    order = random.permutation(np.repeat(np.arange(len(kinds)), max(each, 1)))[:room]
    width = (len(series) - LONGEST) // len(order)
    starts = np.arange(len(order)) * width + random.integers(1, max(2, width - LONGEST - GRACE), len(order))
    size, largest = measure(series).size, float(np.abs(series.change).max())
    made = _Made(series.value.copy(), series.volume.copy(), np.ones(len(series), bool), size, largest, random, scale)
    faults = []
    for place, number in zip(starts, order, strict=True):
        last = made.add(kinds[number], int(place))
        end = min(last + GRACE, len(series) - 1)
        faults.append(Fault(kinds[number], float(series.at[place]), float(series.at[end])))
    kept = made.kept
    changed = replace(series, at=series.at[kept], value=made.value[kept], volume=made.volume[kept])
    return changed, faults


@dataclass(frozen=True)
class _Made:
    """A copy of a series that is being spoiled in place."""

    value: Values
    volume: Values
    kept: NDArray[np.bool_]
    size: Values
    largest: float
    random: Generator
    scale: float

    def add(self, kind: str, first: int) -> int:
        """Plant a fault that begins at a place; the place of its last bar."""
        return {
            BAD_TICK: self._bad_tick,
            STUCK: self._stuck,
            BURST: self._burst,
            DRIFT: self._drift,
            GAP: self._gap,
            VOLUME: self._volume,
            RECORD: self._record,
        }[kind](first)

    def _bad_tick(self, first: int) -> int:
        off = self._sign() * self._drawn(TICK_SIZES) * self.size[first]
        self._move(slice(first, first + 1), np.array([off]))
        return first

    def _record(self, first: int) -> int:
        off = self._sign() * self._drawn(RECORD_TIMES) * self.largest
        self._move(slice(first, first + 1), np.array([off]))
        return first

    def _stuck(self, first: int) -> int:
        last = first + self._bars(STUCK_BARS)
        self.value[first:last] = self.value[first - 1]
        return last - 1

    def _burst(self, first: int) -> int:
        last = first + self._bars(BURST_BARS, 1.0)
        times = 1 + (float(self.random.uniform(*BURST_SIZES)) - 1) * self.scale
        path = self._path(first - 1, last)
        moved = np.cumsum(np.diff(path) * (times - 1))
        self._move(slice(first, last), moved)
        self._move(slice(last, None), moved[-1:])  # what comes after goes on from where it was left
        return last - 1

    def _drift(self, first: int) -> int:
        last = first + self._bars(DRIFT_BARS, 1.0)
        moved = self._sign() * np.cumsum(self._drawn(DRIFT_SIZES) * self.size[first:last])
        self._move(slice(first, last), moved)
        self._move(slice(last, None), moved[-1:])
        return last - 1

    def _gap(self, first: int) -> int:
        last = first + self._bars(GAP_BARS)
        self.kept[first:last] = False
        return last

    def _volume(self, first: int) -> int:
        last = first + self._bars(VOLUME_BARS, 1.0)
        self.volume[first:last] *= self._drawn(VOLUME_TIMES) ** self._sign()
        return last - 1

    def _path(self, first: int, last: int) -> Values:
        return np.log(self.value[first:last]) if self._logs else self.value[first:last].copy()

    def _move(self, where: slice, by: Values) -> None:
        if self._logs:
            self.value[where] *= np.exp(np.clip(by, -FARTHEST, FARTHEST))
        else:
            self.value[where] += by

    @property
    def _logs(self) -> bool:
        return bool((self.value > 0).all())

    def _drawn(self, sizes: tuple[float, float]) -> float:
        return float(self.random.uniform(*sizes)) * self.scale

    def _bars(self, bars: tuple[int, int], scale: float | None = None) -> int:
        return max(2, round(self.random.integers(bars[0], bars[1] + 1) * (self.scale if scale is None else scale)))

    def _sign(self) -> int:
        return 1 if self.random.random() < 0.5 else -1
