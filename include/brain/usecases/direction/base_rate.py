"""The base rates of an asset: what a forecaster without a model would say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln, expit, logit, xlogy

from brain.learning.probability import log_loss
from brain.learning.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Rows = NDArray[np.intp]

EVEN = 0.5  # the share of ups where nothing is known
SPREAD = 0.25  # standard deviation among assets of the yearly mean return, in yearly standard deviations of returns
YEAR = 252  # rows
OF_ITS_OWN = 2.0  # outcomes that 1/2 counts for in an asset that is not like its peers
LONG_RUN = 0
WINDOWS = (500, 1000, 2000)  # newest rows
LONG_RUN_COUNTS = 200.0  # outcomes that the long run counts for against a recent window
CLEAR = (
    3.0  # t-value from which a recent window is preferred to the long run: one in twenty for three windows, 6 blocks
)
BLOCK = 320  # rows over which windows are compared at a time; so many that labels of two blocks overlap little
FIRST_BLOCK = 1000
LEAST_BLOCKS = 6
# What leaving the plain share may cost in a bad year, of its log loss: the tolerance of `hindcast` and `unseen`, so
# that "no worse than the plain share" is mostly kept by design. How bad a year was chosen on simulated assets with
# regimes of drift, against one year in ten.
TOLERABLE = 0.002
BAD_YEAR = 1.645  # standard deviations: one year in twenty is worse
FEW = 10.0  # outcomes; the plain share of fewer is no forecast to hold on to


def usual_strength(horizon: int) -> float:
    """How many outcomes the peers' share counts for, before any is known.

    Shares of ups differ among assets because their mean returns do: by `SPREAD` a year, and so, near 1/2, by
    SPREAD x sqrt(horizon / YEAR) / sqrt(2 pi). The strength is that of the beta distribution with this variance.
    """
    return EVEN**2 * 2 * np.pi * YEAR / (SPREAD**2 * horizon)


def outcomes_per_row(horizon: int) -> float:
    """How many independent outcomes a row stands for where labels over `horizon` rows overlap.

    The signs of sums of n independent moves that share n - k of them have the correlation 2/pi arcsin(1 - k/n). A mean
    of such signs scatters like one of this many independent ones: 1 for 1 row, 1.38 / horizon for long ones.
    """
    shared = 2 / np.pi * np.arcsin(1 - np.arange(1, horizon) / horizon)
    return float(1 / (1 + 2 * shared.sum()))


@dataclass(frozen=True)
class BaseRates:
    """Base rates of one asset at all its horizons, at any row of its history.

    A share seen in few independent outcomes scatters more than the true shares do. So it is drawn toward the share of
    the peers, the other assets (empirical Bayes): the more, the less the shares of the peers differ, and the more the
    asset's shares at all its horizons look like theirs. A recent window is used where it would have forecast better
    than the long run. It is chosen for the asset as a whole, so that neighbouring horizons agree.

    What is better on average may be worse for years: outcomes over long horizons come in few, long waves. So the plain
    share is left only so far that even a bad year costs no more than `TOLERABLE` of its log loss.

    Args:
        horizons: Ascending, shape (h,).
        ups: Number of ups among the labels of the rows before each row, shape (h, n + 1).
        rows: Number of labelled rows before each row, shape (h, n + 1).
        peers: The peers' share of ups as known at each row, shape (h, n).
        strengths: How many outcomes that share counts for in an asset that is like its peers, shape (h, n).
    """

    horizons: Rows
    ups: Values
    rows: Values
    peers: Values
    strengths: Values

    @classmethod
    def of(
        cls,
        labels: Mapping[int, Values],
        peers: Mapping[int, Values | float],
        strengths: Mapping[int, Values | float] | None = None,
    ) -> BaseRates:
        """Base rates from labels and the peers' share of ups; all by horizon, arrays of shape (n,).

        Args:
            labels: NaN where unknown.
            peers: A horizon that is left out gets 1/2.
            strengths: A horizon that is left out gets `usual_strength`.
        """
        strengths = strengths or {}
        horizons = sorted(labels)
        rows = len(next(iter(labels.values()), ()))  # none where every horizon was refused
        stacked = np.array([labels[horizon] for horizon in horizons]).reshape(len(horizons), rows)
        known = ~np.isnan(stacked)
        return cls(
            np.array(horizons),
            _summed(np.where(known, stacked, 0.0)),
            _summed(known.astype(np.float64)),
            _by_horizon([peers.get(horizon, EVEN) for horizon in horizons], rows),
            _by_horizon([strengths.get(horizon, usual_strength(horizon)) for horizon in horizons], rows),
        )

    def rate(self, horizon: int, row: int) -> float:
        """The base rate to publish at `horizon` when the labels up to `row` are known."""
        return float(self.rates(horizon, np.array([row]))[0])

    def rates(self, horizon: int, rows: Rows) -> Values:
        """`rate` at each of `rows`, shape (len(rows),)."""
        at = self._at(horizon)
        rates: Values = self._rates(rows, LONG_RUN)[at]
        for number, row in enumerate(rows):
            if (window := self.window(row)) != LONG_RUN:
                rates[number] = self._rates(rows[number : number + 1], window)[at, 0]
        return rates

    def shares(self, horizon: int, rows: Rows) -> Values:
        """The plain share of ups among the labels known at each of `rows`, shape (len(rows),)."""
        ups, known = self._counted(rows, LONG_RUN)
        shares: Values = ups[self._at(horizon)] / known[self._at(horizon)]
        return shares

    def peers_at(self, horizon: int, row: int) -> float:
        """The peers' share of ups, as known at `row`."""
        return float(self._peers(np.array([row]))[self._at(horizon), 0])

    def likeness(self, row: int) -> float:
        """Probability, from the shares known at `row`, that the asset is like its peers; 1/2 before any is known."""
        at = np.array([row])
        return float(self._likeness(*self._independent(at, LONG_RUN), self._peers(at), self._strengths(at))[0])

    def strength_at(self, horizon: int, row: int) -> float:
        """How many outcomes the peers' share counts for, as known at `row`."""
        return float(self._strengths(np.array([row]))[self._at(horizon), 0])

    def window(self, row: int) -> int:
        """The window that clearly forecast better than the long run, as known at `row`; `LONG_RUN` if there is none."""
        if not len(self._block_starts):
            return LONG_RUN
        known = self._block_starts + BLOCK + self.horizons[-1] <= row
        scores = {window: rounded(_t_value(gain[known])) for window, gain in self._gains.items()}
        best = max(scores, key=lambda window: scores[window])
        return best if scores[best] > CLEAR else LONG_RUN

    def _at(self, horizon: int) -> int:
        return int(np.searchsorted(self.horizons, horizon))

    def _counted(self, at: Rows, window: int) -> tuple[Values, Values]:
        """Ups and rows among the newest `window` rows with labels known at each row of `at`, shapes (h, len(at))."""
        end = np.clip(at - self.horizons[:, None] + 1, 0, self.ups.shape[1] - 1)
        start = np.maximum(0, end - window) if window else np.zeros_like(end)
        which = np.arange(len(self.horizons))[:, None]
        return self.ups[which, end] - self.ups[which, start], self.rows[which, end] - self.rows[which, start]

    def _independent(self, at: Rows, window: int) -> tuple[Values, Values]:
        """`_counted` in independent outcomes."""
        ups, rows = self._counted(at, window)
        return ups * self._outcomes_per_row, rows * self._outcomes_per_row

    @cached_property
    def _outcomes_per_row(self) -> Values:
        return np.array([[outcomes_per_row(int(horizon))] for horizon in self.horizons]).reshape(-1, 1)

    def _peers(self, at: Rows) -> Values:
        """The peers' share of ups as known at each row of `at`, shape (h, len(at))."""
        known: Values = self.peers[:, np.minimum(at, self.peers.shape[1] - 1)]
        return known

    def _strengths(self, at: Rows) -> Values:
        """How many outcomes the peers' share counts for, as known at each row of `at`, shape (h, len(at))."""
        known: Values = self.strengths[:, np.minimum(at, self.strengths.shape[1] - 1)]
        return known

    @staticmethod
    def _likeness(ups: Values, outcomes: Values, peers: Values, strengths: Values) -> Values:
        """Probability that the asset is like its peers, shape (len(at),).

        That is the posterior of the first of two beta priors at even odds; likelihoods are averaged over horizons.
        """
        like = log_likelihood(ups, outcomes, strengths * peers, strengths * (1 - peers))
        own = log_likelihood(ups, outcomes, OF_ITS_OWN * EVEN, OF_ITS_OWN * EVEN)
        chance: Values = expit((like - own).mean(axis=0))
        return chance

    def _rates(self, at: Rows, window: int) -> Values:
        """Base rates from the labels known at each row of `at`, shape (h, len(at))."""
        ups, outcomes = self._independent(at, LONG_RUN)
        peers, strengths = self._peers(at), self._strengths(at)
        like = (ups + strengths * peers) / (outcomes + strengths)
        own = (ups + OF_ITS_OWN * EVEN) / (outcomes + OF_ITS_OWN)
        likeness = self._likeness(ups, outcomes, peers, strengths)
        rates = self._cautious(at, likeness * like + (1 - likeness) * own)
        if window == LONG_RUN:
            return rates
        recent, outcomes = self._independent(at, window)
        drawn: Values = (recent + LONG_RUN_COUNTS * rates) / (outcomes + LONG_RUN_COUNTS)
        return drawn

    def _cautious(self, at: Rows, rates: Values) -> Values:
        """As far from the plain share toward `rates` (h, len(at)) as a bad year tolerates, same shape.

        `rates` is what is best on average.

        In a bad year the share lies `BAD_YEAR` standard deviations on the other side of what is known. A step in
        log-odds then costs about step x (distance of that year's share), to be compared with that year's log loss.
        """
        ups, outcomes = self._independent(at, LONG_RUN)
        known = np.maximum(outcomes, 1.0)
        share = np.clip(ups / known, 0.5 / (known + 1), 1 - 0.5 / (known + 1))
        way = logit(rates) - logit(share)
        deviation = np.sqrt(share * (1 - share) * (1 / known + 1 / np.maximum(YEAR * self._outcomes_per_row, 1.0)))
        year = np.clip(share - np.sign(way) * BAD_YEAR * deviation, 0.0, 1.0)
        distance = np.maximum(np.abs(year - share), 1e-9)
        step = TOLERABLE * log_loss(year, share) / distance
        tolerated = step * np.maximum(0.5, 1 - step * share * (1 - share) / (2 * distance))  # losses are convex
        farthest = np.maximum(tolerated, np.maximum(0.0, 1 - outcomes / FEW) * np.abs(way))
        moved: Values = expit(logit(share) + np.clip(way, -farthest, farthest))
        return moved

    @cached_property
    def _block_starts(self) -> Rows:
        return np.arange(FIRST_BLOCK, self.ups.shape[1] - BLOCK, BLOCK)

    @cached_property
    def _gains(self) -> dict[int, Values]:
        """By window, how much better than the long run it forecast each block: nats per row, shape (blocks,)."""
        starts = self._block_starts
        ups, rows = (counts[:, starts + BLOCK] - counts[:, starts] for counts in (self.ups, self.rows))
        long_run = _loss(ups, rows, self._rates(starts, LONG_RUN))
        gains = {}
        for window in WINDOWS:
            gain = (long_run - _loss(ups, rows, self._rates(starts, window))) / np.maximum(rows, 1)
            gains[window] = np.where(starts > window, gain.mean(axis=0), np.nan)
        return gains


def _loss(ups: Values, rows: Values, probability: Values) -> Values:
    """Summed log loss of `probability` over `rows` labels of which `ups` are ups."""
    loss: Values = -(xlogy(ups, probability) + xlogy(rows - ups, 1 - probability))
    return loss


def _by_horizon(values: Sequence[Values | float], rows: int) -> Values:
    return np.array([np.broadcast_to(value, rows) for value in values]).reshape(len(values), rows)


def _summed(values: Values) -> Values:
    """Sums of the columns before each column, shape (h, n + 1)."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)


def log_likelihood(ups: Values, outcomes: Values, a: Values | float, b: Values | float) -> Values:
    """Log likelihood of `ups` among `outcomes` whose share comes from a beta distribution, up to a constant."""
    likelihood: Values = betaln(ups + a, outcomes - ups + b) - betaln(a, b)
    return likelihood


def _t_value(gain: Values) -> float:
    known = gain[~np.isnan(gain)]
    if len(known) < LEAST_BLOCKS:
        return 0.0
    spread = known.std(ddof=1) / np.sqrt(len(known))
    return float(known.mean() / spread) if spread > 0 else 0.0
