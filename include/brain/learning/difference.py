"""Which of two forecasters is better, on the same outcomes: the mean difference of their losses, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.9
LEAST_BLOCK_DAYS = 28
DAYS_OF_ROWS = 14 / 5  # calendar days of two spans, where five rows make a week


@dataclass(frozen=True)
class Difference:
    """A mean difference of paired losses.

    Args:
        low: Lower end of its interval at `CONFIDENCE`; None with fewer than two blocks.
        blocks: Stretches of days that it rests on.
    """

    mean: float
    low: float | None
    high: float | None
    pairs: int
    blocks: int


def block_days(span: int) -> int:
    """Calendar days of a block: twice as long as outcomes of `span` rows overlap, four weeks at least."""
    return max(LEAST_BLOCK_DAYS, int(np.ceil(span * DAYS_OF_ROWS)))


def difference(days: NDArray[np.datetime64], gap: NDArray[np.float64], span: int) -> Difference:
    """The mean of `gap`, the loss of one forecaster less that of the other on the same outcome.

    Outcomes of neighbouring days overlap, and those of one day hang together over all units. So days are cut into
    blocks, and the interval is Student's over what each block adds beyond the mean; neighbours may go together.

    Args:
        days: Of each pair, in any order, shape (n,).
        gap: Shape (n,).
        span: Rows over which outcomes overlap: the longest of all pairs.
    """
    number = days.astype("datetime64[D]").astype(np.int64)
    _, place = np.unique((number - number.min()) // block_days(span), return_inverse=True)
    counts, sums = np.bincount(place), np.bincount(place, weights=gap)
    mean, blocks = float(gap.mean()), len(counts)
    if blocks < 2:
        return Difference(mean, None, None, len(gap), blocks)
    beyond = sums - mean * counts
    together = max(2 * float(beyond[1:] @ beyond[:-1]), 0.0)
    error = float(np.sqrt((float(beyond @ beyond) + together) * blocks / (blocks - 1))) / len(gap)
    reach = float(stdtrit(blocks - 1, (1 + CONFIDENCE) / 2)) * error
    return Difference(mean, mean - reach, mean + reach, len(gap), blocks)
