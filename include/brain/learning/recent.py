"""Whether the newest rows bear out what a model showed before: a signal that has died is to be disowned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit, stdtr

from brain.learning.probability import log_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

RECENT_ROWS = 250  # a year of trading days
LEAST_SPANS = 4  # that the newest rows hold; longer horizons are looked at over more rows
FALSE_ALARM = 0.05  # share of days on which each of the two tests disowns a model whose skill lives on
LEAST_BLOCKS = 8
LEAST_BLOCK_ROWS = 20


@dataclass(frozen=True)
class Recent:
    """The newest rows against those before, and against the base rate.

    Args:
        rows: How many are the newest.
        short: p-value of so little in them if the model is as good as before; 1 where too little came before to tell.
        alone: One-sided p-value of "no skill" of the newest rows by themselves; 1 there too.
        doubt: How many times as likely as by the model the outcomes of the last rows are by the base rate, over as many
            of them as make the most of it.
    """

    rows: int
    short: float
    alone: float
    doubt: float

    @property
    def against(self) -> str:
        """How they speak against the model; empty if they do not.

        Either the newest rows show less than before and nothing by themselves. Or the base rate has been the better
        forecast lately: while what was said is true, `doubt` is above 1 / `FALSE_ALARM` on at most `FALSE_ALARM` of
        days, as the reflected random walk of its logarithm has an exponential tail (Page's test, 1954).
        """
        if self.short < FALSE_ALARM < self.alone:
            return f"the newest {self.rows} test rows show less than those before, and nothing by themselves"
        if self.doubt > 1 / FALSE_ALARM:
            return f"lately the outcomes are {self.doubt:.0f} times as likely by the base rate"
        return ""


def recent(outcome: Values, base: Values, said: Values, span: int) -> Recent:
    """Compare the slope at which outcomes follow what was said, in the newest rows and in those before.

    Near the base rate, outcomes beyond it are slope x (log-odds said - log-odds of the base rate) x p (1 - p) on
    average: 1 where what was said is calibrated, 0 where the signal is dead.

    Args:
        outcome: 0 or 1, by row in time order, shape (n,).
        base: The base rate known before each row.
        said: What was said instead.
        span: Rows over which labels overlap.
    """
    rows = max(RECENT_ROWS, LEAST_SPANS * span)
    doubt = _doubt(outcome, base, said, span)
    past = len(outcome) - rows
    blocks = past // max(2 * span, LEAST_BLOCK_ROWS)
    unknown = Recent(rows, 1.0, 1.0, doubt)
    if blocks < LEAST_BLOCKS:
        return unknown
    moved = logit(said) - logit(base)
    follows, weight = (outcome - base) * moved, base * (1 - base) * moved**2
    before, now = float(weight[:past].sum()), float(weight[past:].sum())
    if not (before > 0 and now > 0):
        return unknown
    slope = follows[:past].sum() / before
    starts = np.arange(blocks) * past // blocks
    off = np.add.reduceat(follows[:past] - slope * weight[:past], starts)
    variance = float(off @ off) * blocks / (blocks - 1) / before  # of a sum of `follows`, by unit of weight
    if not variance > 0:
        return unknown
    short = (follows[past:].sum() - slope * now) / np.sqrt(variance * now * (1 + now / before))
    alone = follows[past:].sum() / np.sqrt(variance * now)
    return Recent(rows, float(stdtr(blocks - 1, short)), float(stdtr(blocks - 1, -alone)), doubt)


def _doubt(outcome: Values, base: Values, said: Values, span: int) -> float:
    """The largest likelihood ratio of base rate to model over the last rows, however many; at least 1."""
    lost = (log_loss(outcome, said) - log_loss(outcome, base)) / span
    return float(np.exp(min(50.0, max(0.0, np.cumsum(lost[::-1]).max(initial=0.0)))))
