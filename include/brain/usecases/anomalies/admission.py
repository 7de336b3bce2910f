"""Which detectors a symbol gets: those that add recall on faults in its own past, at the same alert budget.

The past is cut in two. Thresholds come from the first part; faults are planted into copies of the second. Each
detector that is admitted lowers what all others may spend, so two ways are gone, and the set that finds more is taken:
one at a time comes in, the one that adds most first; and of all one at a time leaves, the one that is missed least.
One that adds nothing is not admitted, whatever it is worth alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from brain.usecases.anomalies.budget import Past
    from brain.usecases.anomalies.planting import Fault

    Values = NDArray[np.float64]

LEAST_GAIN = 0.02  # of all faults, that a detector has to add: fewer may be chance


@dataclass(frozen=True)
class Spoiled:
    """A copy of the second part of the past, with faults, and what each detector says of it.

    Args:
        at: Seconds since 1970, shape (n,).
        scores: By detector, shape (n,).
    """

    at: Values
    scores: Mapping[str, Values]
    faults: Sequence[Fault]


@dataclass(frozen=True)
class Standing:
    """What became of one detector.

    Args:
        alone: Share of the faults that it finds when it has the whole budget.
        gain: Share of the faults that it adds to the admitted ones; that would be lost without it if it is one of them.
    """

    admitted: bool
    alone: float
    gain: float


@dataclass(frozen=True)
class Admission:
    """The detectors of a symbol.

    Args:
        admitted: In the order in which they came in.
        recall: Of all admitted together, by kind of fault.
        faults: How many there were, by kind.
    """

    admitted: tuple[str, ...]
    standings: Mapping[str, Standing]
    recall: Mapping[str, float]
    faults: Mapping[str, int]


class _Trial:
    """Recall of sets of detectors, each asked once."""

    def __init__(self, past: Past, copies: Sequence[Spoiled], budget: float) -> None:
        self._past, self._budget = past, budget
        self._known: dict[frozenset[str], Values] = {}
        self.kinds = np.array([fault.kind for copy in copies for fault in copy.faults], dtype=object)
        self._best = {
            name: np.concatenate([_best(copy, name) for copy in copies]) if copies else np.empty(0)
            for name in past.scores
        }

    def found(self, names: Sequence[str]) -> Values:
        """Whether each fault is found by a set, shape (faults,), as 0 and 1."""
        key = frozenset(names)
        if key not in self._known:
            thresholds = self._past.thresholds(sorted(key), self._budget)
            hits = [self._best[name] >= threshold for name, threshold in thresholds.items()]
            self._known[key] = np.any(hits, axis=0).astype(np.float64) if hits else np.zeros(len(self.kinds))
        return self._known[key]

    def recall(self, names: Sequence[str]) -> float:
        """Mean over the kinds of fault, so that a kind counts the same however many there are of it."""
        shares = self.by_kind(names).values()
        return float(np.mean(list(shares))) if shares else 0.0

    def by_kind(self, names: Sequence[str]) -> dict[str, float]:
        found = self.found(names)
        return {str(kind): float(found[self.kinds == kind].mean()) for kind in dict.fromkeys(self.kinds)}


def admit(past: Past, copies: Sequence[Spoiled], budget: float) -> Admission:
    """The detectors that add recall, and what the others would have added.

    Args:
        past: Scores of the first part, untouched: thresholds come from it.
        copies: Of the second part.
        budget: Episodes a week.
    """
    trial, names = _Trial(past, copies, budget), list(past.scores)
    ways = [_one_by_one(trial, names), _all_but(trial, names)] if len(trial.kinds) else [[]]
    admitted = max(ways, key=lambda way: (trial.recall(way), -len(way)))
    whole = trial.recall(admitted)
    standings = {}
    for name in names:
        others = [one for one in admitted if one != name]
        gain = whole - trial.recall(others) if name in admitted else trial.recall([*admitted, name]) - whole
        standings[name] = Standing(name in admitted, trial.recall([name]), gain)
    counts = {str(kind): int((trial.kinds == kind).sum()) for kind in dict.fromkeys(trial.kinds)}
    return Admission(tuple(admitted), standings, trial.by_kind(admitted), counts)


def _one_by_one(trial: _Trial, names: Sequence[str]) -> list[str]:
    """The one that adds most first, until none adds enough."""
    admitted: list[str] = []
    while waiting := [name for name in names if name not in admitted]:
        best = max(waiting, key=lambda name: trial.recall([*admitted, name]))
        if trial.recall([*admitted, best]) < trial.recall(admitted) + LEAST_GAIN:
            break
        admitted.append(best)
    return _all_but(trial, admitted)  # what came in later may do its work


def _all_but(trial: _Trial, names: Sequence[str]) -> list[str]:
    """Of all, those that are left when the one that is missed least has left, until each would be missed enough."""
    left = list(names)
    while len(left) > 1:
        rests = [[one for one in left if one != name] for name in left]
        rest = max(rests, key=trial.recall)
        if trial.recall(rest) <= trial.recall(left) - LEAST_GAIN:
            break
        left = rest
    return left if trial.recall(left) >= LEAST_GAIN else []


def _best(copy: Spoiled, name: str) -> Values:
    """The largest score of a detector in the time of each fault, shape (faults,)."""
    scores = copy.scores[name]
    found = np.zeros(len(copy.faults))
    for place, fault in enumerate(copy.faults):
        part = scores[np.searchsorted(copy.at, fault.first) : np.searchsorted(copy.at, fault.last, side="right")]
        found[place] = part.max(initial=0.0)
    return found
