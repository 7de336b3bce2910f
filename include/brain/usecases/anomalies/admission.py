"""Which detectors a symbol gets: those that add recall on faults in its own past, at the same alert budget.

The past is cut in two. Thresholds come from the first part; faults are planted into copies of the second. What is found
is the mean at a quarter of the budget, at the budget and at four times it, so that a set does not shine at one point
only, which bars to come will miss by chance. Each detector that is admitted lowers what all others may spend, so two
ways are gone, and the set that finds more is taken: one at a time comes in, the one that adds most first; and of all
one at a time leaves, the one that is missed least. One that adds nothing is not admitted, whatever it is worth alone.
Rules come first: detectors that have learned are admitted only where the best set with them finds significantly more
than the best set of rules, and each makes room for a rule, or for none, where that will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.usecases.anomalies.budget import Past
    from brain.usecases.anomalies.planting import Fault

    Values = NDArray[np.float64]

AROUND = (0.25, 1.0, 4.0)  # times the budget, at which recall is looked at: thresholds of bars to come are other ones
LEAST_GAIN = 0.02  # of all faults, that a detector has to add: fewer may be chance
SURE = 2.0  # standard errors by which a learned detector has to be better than any rule in its place


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
        gain: Share of the faults, around the budget, that it adds to the admitted ones; that would be lost without it
            if it is one of them, and for a learned one that would be lost with the best rule in its place.
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
        self._known: dict[tuple[frozenset[str], float], Values] = {}
        self.kinds = np.array([fault.kind for copy in copies for fault in copy.faults], dtype=object)
        self._best = {
            name: np.concatenate([_best(copy, name) for copy in copies]) if copies else np.empty(0)
            for name in past.scores
        }

    def found(self, names: Sequence[str], times: float = 1.0) -> Values:
        """Whether each fault is found by a set at so many times the budget, shape (faults,), as 0 and 1."""
        key = frozenset(names), times
        if key not in self._known:
            thresholds = self._past.thresholds(sorted(key[0]), times * self._budget)
            hits = [self._best[name] >= threshold for name, threshold in thresholds.items()]
            self._known[key] = np.any(hits, axis=0).astype(np.float64) if hits else np.zeros(len(self.kinds))
        return self._known[key]

    def around(self, names: Sequence[str]) -> Values:
        """The same in the mean over rates around the budget, shape (faults,)."""
        found: Values = np.mean([self.found(names, times) for times in AROUND], axis=0)
        return found

    def worth(self, names: Sequence[str]) -> float:
        """Recall around the budget, by which detectors are admitted."""
        return self._mean(self.around(names))

    def recall(self, names: Sequence[str]) -> float:
        """Recall at the budget."""
        return self._mean(self.found(names))

    def better(self, names: Sequence[str], others: Sequence[str]) -> bool:
        """Whether a set finds so much more than another that it is hardly chance; the faults are the same: in pairs."""
        first, second = self.around(names), self.around(others)
        error = float(np.sqrt(np.sum((first - second) ** 2))) / max(len(first), 1)
        return self._mean(first) - self._mean(second) >= max(LEAST_GAIN, SURE * error)

    def by_kind(self, found: Values) -> dict[str, float]:
        """The mean of what is told of each fault, by kind."""
        return {str(kind): float(found[self.kinds == kind].mean()) for kind in dict.fromkeys(self.kinds)}

    def _mean(self, found: Values) -> float:
        """Over the kinds of fault, so that a kind counts the same however many there are of it."""
        shares = self.by_kind(found).values()
        return float(np.mean(list(shares))) if shares else 0.0


def admit(past: Past, copies: Sequence[Spoiled], budget: float, learned: Collection[str] = ()) -> Admission:
    """The detectors that add recall, and what the others would have added.

    Args:
        past: Scores of the first part, untouched: thresholds come from it.
        copies: Of the second part.
        budget: Episodes a week.
        learned: Detectors that are no rules, and have to be better than a rule in their place.
    """
    trial, names = _Trial(past, copies, budget), list(past.scores)
    rules = [name for name in names if name not in learned]
    admitted = _chosen(trial, rules)
    if trial.better(whole := _chosen(trial, names), admitted):
        admitted = _simpler(trial, whole, rules)
    worth = trial.worth(admitted)
    standings = {}
    for name in names:
        gain = trial.worth([*admitted, name]) - worth
        if name in admitted:
            gain = worth - max(trial.worth(way) for way in _without(admitted, name, rules if name in learned else []))
        standings[name] = Standing(name in admitted, trial.recall([name]), gain)
    counts = {str(kind): int((trial.kinds == kind).sum()) for kind in dict.fromkeys(trial.kinds)}
    return Admission(tuple(admitted), standings, trial.by_kind(trial.found(admitted)), counts)


def _chosen(trial: _Trial, names: Sequence[str]) -> list[str]:
    """Of some detectors, those that find most, by both ways."""
    ways = [_one_by_one(trial, names), _all_but(trial, names)] if len(trial.kinds) and names else [[]]
    return max(ways, key=lambda way: (trial.worth(way), -len(way)))


def _one_by_one(trial: _Trial, names: Sequence[str]) -> list[str]:
    """The one that adds most first, until none adds enough."""
    admitted: list[str] = []
    while waiting := [name for name in names if name not in admitted]:
        best = max(waiting, key=lambda name: trial.worth([*admitted, name]))
        if trial.worth([*admitted, best]) < trial.worth(admitted) + LEAST_GAIN:
            break
        admitted.append(best)
    return _all_but(trial, admitted)  # what came in later may do its work


def _all_but(trial: _Trial, names: Sequence[str]) -> list[str]:
    """Of all, those that are left when the one that is missed least has left, until each would be missed enough."""
    left = list(names)
    while len(left) > 1:
        rests = [[one for one in left if one != name] for name in left]
        rest = max(rests, key=trial.worth)
        if trial.worth(rest) <= trial.worth(left) - LEAST_GAIN:
            break
        left = rest
    return left if trial.worth(left) >= LEAST_GAIN else []


def _simpler(trial: _Trial, admitted: list[str], rules: Sequence[str]) -> list[str]:
    """The same with as few learned detectors as may be: each is left out, or a rule takes its place, if that will do.

    It will if no more than chance is lost of what the whole set finds.
    """
    whole = admitted
    for name in [name for name in reversed(admitted) if name not in rules]:
        best = max(_without(admitted, name, rules), key=lambda way: (trial.worth(way), -len(way)))
        if not trial.better(whole, best):
            admitted = best
    return admitted


def _without(admitted: Sequence[str], name: str, instead: Sequence[str]) -> list[list[str]]:
    """The sets without one of them, as they are and with each of some others in its place."""
    others = [one for one in admitted if one != name]
    return [others, *([*others, one] for one in instead if one not in others)]


def _best(copy: Spoiled, name: str) -> Values:
    """The largest score of a detector in the time of each fault, shape (faults,)."""
    scores = copy.scores[name]
    found = np.zeros(len(copy.faults))
    for place, fault in enumerate(copy.faults):
        part = scores[np.searchsorted(copy.at, fault.first) : np.searchsorted(copy.at, fault.last, side="right")]
        found[place] = part.max(initial=0.0)
    return found
