"""Whether the newest rows bear out what a model showed before: a signal that has died is to be disowned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit, stdtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

RECENT_ROWS = 250  # a year of trading days
LEAST_SPANS = 4  # that the newest rows hold; longer horizons are looked at over more rows
FALSE_ALARM = 0.05  # share of days on which a model whose skill lives on is disowned
SHOWN_ALONE = 0.1  # p-value below which the newest rows show skill by themselves, less than before or not
LEAST_BLOCKS = 8
LEAST_BLOCK_ROWS = 20


@dataclass(frozen=True)
class Recent:
    """The newest rows against those before.

    Args:
        rows: How many are the newest.
        p_value: Of so little in them if the model is as good as before; 1 where too little came before to tell.
        alone: One-sided p-value of "no skill" of the newest rows by themselves.
    """

    rows: int
    p_value: float
    alone: float

    @property
    def contradict(self) -> bool:
        """They show less than before, and nothing by themselves."""
        return self.p_value < FALSE_ALARM and self.alone > SHOWN_ALONE


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
    length = max(2 * span, LEAST_BLOCK_ROWS)
    past = len(outcome) - rows
    blocks = past // length
    if blocks < LEAST_BLOCKS:
        return Recent(rows, 1.0, 1.0)
    moved = logit(said) - logit(base)
    follows, weight = (outcome - base) * moved, base * (1 - base) * moved**2
    before, now = weight[:past].sum(), weight[past:].sum()
    if not (before > 0 and now > 0):
        return Recent(rows, 1.0, 1.0)
    slope = follows[:past].sum() / before
    starts = np.arange(blocks) * past // blocks
    off = np.add.reduceat(follows[:past] - slope * weight[:past], starts)
    variance = float(off @ off) / (blocks - 1) * blocks / before  # of a sum of `follows`, by unit of weight
    if not variance > 0:
        return Recent(rows, 1.0, 1.0)
    short = (follows[past:].sum() - slope * now) / np.sqrt(variance * now * (1 + now / before))
    alone = follows[past:].sum() / np.sqrt(variance * now)
    return Recent(rows, float(stdtr(blocks - 1, short)), float(stdtr(blocks - 1, -alone)))
