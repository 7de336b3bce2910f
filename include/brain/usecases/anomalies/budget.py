"""Thresholds from an alert budget: so many alerts a week on a symbol's own past, all admitted detectors together.

Alerts that are near to one another are one episode. Every detector of a set gets the same rate of episodes, the highest
at which all of them together stay within the budget on the bars that are counted, and so far below it as such a count
may be off by chance: a rate that was kept on some weeks is exceeded on half of those to come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Spans = Sequence[tuple[float, float]]

WEEK = 7 * 86_400.0
DEPTH = 64  # times the budget up to which the tail of a detector is looked at
RATES = 14  # halvings of the rate's range
HILL = 10  # of the largest episodes, those that tell how the tail goes on


@dataclass(frozen=True)
class Past:
    """The bars that alerts are counted on.

    Args:
        at: Seconds since 1970, ascending, shape (n,).
        scores: By detector, shape (n,).
        least: By detector, what no threshold is below.
        merge: Bars within which alerts are one episode.
        real: Times in which alerts are right, because people have confirmed them: they do not count.
        false: Times that people have dismissed: an episode in one counts twice.
    """

    at: Values
    scores: Mapping[str, Values]
    least: Mapping[str, float]
    merge: int
    real: Spans = ()
    false: Spans = ()
    _tails: dict[str, Tail] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def weeks(self) -> float:
        return max(float(self.at[-1] - self.at[0]), 1.0) / WEEK if len(self.at) else 0.0

    @cached_property
    def _counted(self) -> Mask:
        return ~within(self.at, self.real)

    @cached_property
    def _dismissed(self) -> list[Mask]:
        return [within(self.at, [span]) for span in self.false]

    def episodes(self, alerts: Mask) -> int:
        """How many episodes some alerts (n,) are."""
        return self._episodes(np.flatnonzero(alerts))

    def _episodes(self, places: Integers) -> int:
        """The same of the places of alerts, ascending."""
        counted = places[self._counted[places]]
        if not len(counted):
            return 0
        twice = sum(bool(one[places].any()) for one in self._dismissed)
        return 1 + int((np.diff(counted) > self.merge).sum()) + twice

    def tail(self, detector: str) -> Tail:
        """What a detector's large scores are."""
        if detector not in self._tails:
            self._tails[detector] = self._tail(detector)
        return self._tails[detector]

    def _tail(self, detector: str) -> Tail:
        scores = np.where(self._counted, self.scores[detector], 0.0)
        most = int(min(len(scores), max(200, DEPTH * np.ceil(self.weeks))))
        largest = np.unique(np.partition(scores, len(scores) - most)[len(scores) - most :])[::-1]
        tried = largest[np.unique(np.geomspace(1, len(largest), min(len(largest), 120)).astype(int) - 1)]
        places = np.flatnonzero(self.scores[detector] >= tried[-1])
        large = self.scores[detector][places]
        counts = np.array([self._episodes(places[large >= one]) for one in tried], np.float64)
        return Tail(tried, np.maximum.accumulate(counts), self.least.get(detector, 0.0), places, large)

    def thresholds(self, detectors: Sequence[str], budget: float) -> dict[str, float]:
        """By detector, its threshold: all together stay within what `allowed` says of `budget` episodes a week."""
        most = allowed(budget * self.weeks)
        low, high = 0.0, most
        for _ in range(RATES):
            rate = (low + high) / 2
            given = self._at_rate(detectors, rate)
            low, high = (rate, high) if self._together(given) <= most else (low, rate)
        return self._at_rate(detectors, low)

    def together(self, thresholds: Mapping[str, float]) -> int:
        """Episodes of all detectors at their thresholds."""
        alerts = np.zeros(len(self.at), bool)
        for detector, threshold in thresholds.items():
            alerts |= self.scores[detector] >= threshold
        return self.episodes(alerts)

    def _together(self, thresholds: Mapping[str, float]) -> int:
        """The same where no threshold is below what its tail has: only the places of the tails are looked at."""
        tails = [(self.tail(detector), threshold) for detector, threshold in thresholds.items()]
        places = [tail.places[tail.large >= threshold] for tail, threshold in tails]
        return self._episodes(np.unique(np.concatenate(places)) if places else np.empty(0, np.int64))

    def _at_rate(self, detectors: Sequence[str], episodes: float) -> dict[str, float]:
        return {detector: self.tail(detector).threshold(episodes) for detector in detectors}


@dataclass(frozen=True)
class Tail:
    """Thresholds that were tried, descending, and how many episodes each gives.

    Args:
        least: What no threshold is below.
        places, large: The bars with at least the lowest score that was tried, and their scores.
    """

    tried: Values
    counts: Values
    least: float
    places: Integers
    large: Values

    def threshold(self, episodes: float) -> float:
        """The lowest threshold tried that gives at most so many episodes.

        Where that is fewer than one, it goes on beyond the largest score as the largest ones lie apart (Hill).
        """
        if not len(self.tried) or self.tried[0] <= 0:
            return self.least if self.least > 0 else np.inf
        place = int(np.searchsorted(self.counts, episodes, side="right")) - 1
        if place >= 0:
            above = float(self.tried[place])
            found = (above + float(self.tried[place + 1])) / 2 if place + 1 < len(self.tried) else above
        else:
            found = float(self.tried[0]) * (1 / max(episodes, 1e-3)) ** self._spread
        return max(found, self.least)

    @cached_property
    def _spread(self) -> float:
        """How far the largest scores lie apart, between 0.01 and 1."""
        top = self.tried[(self.counts <= HILL) & (self.tried > 0)]
        spread = float(np.mean(np.log(top / top[-1]))) if len(top) > 1 else 0.1
        return min(max(spread, 0.01), 1.0)


def allowed(budget: float) -> float:
    """How many episodes may be counted where `budget` are wanted: fewer by the standard error, half at least."""
    return float(max(budget - np.sqrt(budget), budget / 2))


def within(at: Values, spans: Spans) -> Mask:
    """Which times lie in one of some spans, ends included."""
    found = np.zeros(len(at), bool)
    for first, last in spans:
        found[np.searchsorted(at, first) : np.searchsorted(at, last, side="right")] = True
    return found
