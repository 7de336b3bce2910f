"""A watch on live probabilities that may be looked at every day: bets against them, whose stakes can be lost.

A gambler starts with 1 and bets that the probabilities are wrong, at the odds that they give. If they are right, no way
of betting makes the wealth grow on average, so it ever reaches 20 with a chance of at most 1/20 (Ville, 1939), however
often one looks. docs/decisions/anytime-valid-alarm.md says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Days = NDArray[np.datetime64]

LIMIT = 20.0  # wealth that raises the alarm: 1 / 5 %
YEAR = np.timedelta64(365, "D")  # then the gambler starts anew, so that the 5 % are a year's
AIM = 0.05  # the error of the base rate that stakes are sized for
MOST = 0.98  # of its wealth a bet may lose
PRIOR_BETS, PRIOR_VARIANCE = 5.0, 0.02  # what the spread of a day's mean error is taken for at first
CLIP = 1e-6
BETS = ("too low", "too high", "too bold", "too timid", "worse than the base rate")
WEIGHTS = np.array([0.25, 0.25, 0.25, 0.05, 0.2])  # the wealth that each bet starts with


@dataclass(frozen=True)
class Outcomes:
    """Forecasts whose outcomes are known, one a line, sorted by day and within a day by feed; arrays of shape (n,).

    Args:
        feed: Number of the feed that the forecast belongs to.
        day: The day on which it was made.
        known: The day on which its outcome was known.
        said: The probability.
        base: The base rate published with it.
        outcome: 0 or 1.
    """

    feed: NDArray[np.int64]
    day: Days
    known: Days
    said: Values
    base: Values
    outcome: Values


@dataclass(frozen=True)
class Groups:
    """What a feed said on one day, as one bet sees it; arrays of shape (groups,).

    Args:
        error: Mean of outcome - probability, and the least and largest that it could be.
        tilt: Mean of the same, each times how far its log-odds are from the feed's middle; its least and largest.
        bold: How far `tilt` is below 0 on average if log-odds are twice what they should be.
        timid: How far it is above 0 if they are half of it.
        ratio: Mean of the base rate's likelihood over the probability's.
        variance: Of `error` and of `tilt`, if outcomes were independent; shape (2, groups).
    """

    feed: NDArray[np.int64]
    day: Days
    known: Days
    error: tuple[Values, Values, Values]
    tilt: tuple[Values, Values, Values]
    bold: Values
    timid: Values
    ratio: Values
    variance: Values


@dataclass
class Wealth:
    """Where the gambler of each feed stands; arrays of shape (feeds,), `bets` of shape (feeds, 5).

    Args:
        bets: What a stake of 1 in each of `BETS` has become since `started`.
        started: Day of the first bet that counts.
        settled: The day on which the last bet was decided: the next one is on a forecast not older than that.
        count: Bets since `started`.
        seen: Bets since the last alarm.
        sums: Sums over these of `error` and `tilt`; shape (feeds, 2).
        squares: The same of their squares.
    """

    bets: Values
    started: Days
    settled: Days
    count: NDArray[np.int64]
    seen: NDArray[np.int64]
    sums: Values
    squares: Values

    @classmethod
    def fresh(cls, feeds: int) -> Wealth:
        never = np.full(feeds, np.datetime64("NaT", "us"))
        zeros = np.zeros(feeds, np.int64)
        return cls(np.ones((feeds, len(BETS))), never, never.copy(), zeros, zeros.copy(), *np.zeros((2, feeds, 2)))

    @property
    def total(self) -> Values:
        found: Values = self.bets @ WEIGHTS
        return found


@dataclass(frozen=True)
class Alarm:
    """A feed whose probabilities are refuted.

    Args:
        kind: One of `BETS`: the one that gained most.
        evidence: The wealth, at least `LIMIT`.
        since: Day of the first bet.
        bets: How many there were.
        day: Day of the last one.
    """

    feed: int
    kind: str
    evidence: float
    since: np.datetime64
    bets: int
    day: np.datetime64


def grouped(given: Outcomes, *, around_base: bool) -> Groups:
    """The bets on offer: all that a feed said on one day is one.

    Args:
        around_base: The middle of log-odds is each row's base rate, for feeds of one row a day; else their mean.
    """
    edge = np.flatnonzero((np.diff(given.feed) != 0) | (np.diff(given.day).astype(np.int64) != 0)) + 1
    starts = np.concatenate([[0], edge]) if len(given.feed) else np.empty(0, np.int64)
    count = np.diff(np.append(starts, len(given.feed)))
    said, odds = np.clip(given.said, CLIP, 1 - CLIP), logit(np.clip(given.said, CLIP, 1 - CLIP))
    base = np.clip(given.base, CLIP, 1 - CLIP)

    def mean(values: Values) -> Values:
        found: Values = np.add.reduceat(values, starts) / count if len(starts) else np.empty(0)
        return found

    off = odds - (logit(base) if around_base else np.repeat(mean(odds), count))
    wrong = given.outcome - said
    up, down, spread = off * (1 - said), -off * said, said * (1 - said)
    likelihood = np.where(given.outcome == 1, base / said, (1 - base) / (1 - said))
    return Groups(
        feed=given.feed[starts],
        day=given.day[starts],
        known=np.maximum.reduceat(given.known, starts) if len(starts) else given.known,
        error=(mean(wrong), -mean(said), mean(1 - said)),
        tilt=(mean(off * wrong), mean(np.minimum(up, down)), mean(np.maximum(up, down))),
        bold=mean(off * (said - expit(odds - off / 2))),
        timid=mean(off * (expit(odds + off) - said)),
        ratio=mean(likelihood),
        variance=np.array([mean(spread) / count, mean(off**2 * spread) / count]),
    )


def bet(wealth: Wealth, groups: Groups) -> list[Alarm]:
    """Bet on every group in turn, and say which feeds are refuted; those start anew.

    A bet waits until the one before it on the same feed is decided: outcomes that overlap are never bet on twice, and
    that is all that long spans need.

    Args:
        wealth: Changed in place.
        groups: Sorted by day; at most one of a feed a day.
    """
    alarms: list[Alarm] = []
    edges = np.append(np.unique(groups.day, return_index=True)[1], len(groups.day))
    for first, end in pairwise(edges):
        here = np.arange(first, end)
        settled = wealth.settled[groups.feed[here]]
        here = here[np.isnat(settled) | (groups.day[here] >= settled)]
        if len(here):
            _settle(wealth, groups, here)
            alarms += _raised(wealth, groups.feed[here], groups.day[here])
    return alarms


def _settle(wealth: Wealth, groups: Groups, here: NDArray[np.int64]) -> None:
    feed, day = groups.feed[here], groups.day[here]
    began = wealth.started[feed]
    anew = feed[np.isnat(began) | (day > began + YEAR)]
    wealth.bets[anew], wealth.count[anew] = 1.0, 0
    wealth.started[anew] = groups.day[here][np.isin(feed, anew)]
    mean, spread = _seen(wealth, feed, groups.variance[:, here])
    error, tilt = ([values[here] for values in given] for given in (groups.error, groups.tilt))
    wealth.bets[feed] *= np.column_stack(
        [
            1 + _stake(np.maximum(AIM, mean), spread[0], -error[1]) * error[0],
            1 - _stake(np.maximum(AIM, -mean), spread[0], error[2]) * error[0],
            1 - _stake(groups.bold[here], spread[1], tilt[2]) * tilt[0],
            1 + _stake(groups.timid[here], spread[1], -tilt[1]) * tilt[0],
            groups.ratio[here],
        ]
    )
    wealth.settled[feed] = groups.known[here]
    wealth.count[feed] += 1
    wealth.seen[feed] += 1
    wealth.sums[feed] += np.column_stack([error[0], tilt[0]])
    wealth.squares[feed] += np.column_stack([error[0], tilt[0]]) ** 2


def _seen(wealth: Wealth, feed: NDArray[np.int64], independent: Values) -> tuple[Values, Values]:
    """The mean error that bets so far have shown, and the variance of error and tilt: what the next stake is made from.

    Args:
        independent: The variances if outcomes were independent: they are not smaller.
    """
    count, sums = wealth.seen[feed], wealth.sums[feed].T
    centred = wealth.squares[feed].T - sums**2 / np.maximum(count, 1)
    prior = PRIOR_BETS * (independent + np.array([[PRIOR_VARIANCE], [0.0]]))
    spread = np.maximum((prior + centred) / (PRIOR_BETS + count), independent)
    return sums[0] / (PRIOR_BETS + count), spread


def _stake(aim: Values | float, variance: Values, worst: Values) -> Values:
    """What makes wealth grow fastest if the error is `aim`, and leaves something in the worst case."""
    with np.errstate(divide="ignore", invalid="ignore"):
        best, most = aim / (variance + np.square(aim)), MOST / worst
    return np.where((np.asarray(aim) > 0) & (worst > 0), np.minimum(best, most), 0.0)


def _raised(wealth: Wealth, feeds: NDArray[np.int64], days: Days) -> list[Alarm]:
    found = []
    for feed, day in zip(feeds, days, strict=True):
        total = float(wealth.bets[feed] @ WEIGHTS)
        if total >= LIMIT:
            kind = BETS[int(np.argmax(wealth.bets[feed] * WEIGHTS))]
            found.append(Alarm(int(feed), kind, total, wealth.started[feed], int(wealth.count[feed]), day))
            wealth.bets[feed], wealth.count[feed], wealth.seen[feed] = 1.0, 0, 0
            wealth.sums[feed], wealth.squares[feed] = 0.0, 0.0
            wealth.started[feed] = np.datetime64("NaT", "us")
    return found
