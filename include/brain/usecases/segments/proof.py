"""Whether groups tell what customers spend next better than RFM quintiles do, on customers they did not learn from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Labels = NDArray[np.int64]

FOLDS = 5
DRAWS = 500
QUINTILES = 5
LEVEL = 0.95


@dataclass(frozen=True)
class Proof:
    """Share of the variance of next-period spend that is explained, and by how much more than RFM quintiles explain.

    Args:
        low, high: Interval of `explained - by_rfm`, by bootstrap over customers.
    """

    explained: float
    by_rfm: float
    low: float
    high: float
    customers: int

    @property
    def better(self) -> bool:
        return self.low > 0

    def words(self) -> str:
        """What a reader of the profiles is told."""
        judged = "better" if self.better else "no better"
        told = f"the segments explain {self.explained:.1%} of what customers spent in the period after"
        return f"{judged} than RFM quintiles: {told}, those {self.by_rfm:.1%}"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "better": self.better, "words": self.words()}


def prove(groups: Labels, rfm: Labels, spent: Values, seed: int) -> Proof | None:
    """Compare two groupings of the same customers by what these spent afterwards; None if nobody spent anything.

    Each group foretells the mean of its other members: a customer's own spend is not in what is said of her.

    Args:
        groups, rfm, spent: Shape (customers,).
    """
    total = float(((spent - spent.mean()) ** 2).sum())
    if not total > 0:
        return None
    random = np.random.default_rng(seed)
    fold = random.permutation(np.arange(len(spent)) % FOLDS)
    ours, theirs = ((spent - _foretold(labels, spent, fold)) ** 2 for labels in (groups, rfm))
    gaps = []
    for _ in range(DRAWS):
        drawn = random.integers(0, len(spent), len(spent))
        sample = spent[drawn]
        spread = ((sample - sample.mean()) ** 2).sum()
        gaps.append((theirs[drawn].sum() - ours[drawn].sum()) / spread if spread > 0 else 0.0)
    low, high = np.quantile(gaps, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    explained, by_rfm = (1 - float(errors.sum()) / total for errors in (ours, theirs))
    return Proof(explained, by_rfm, float(low), float(high), len(spent))


def rfm_groups(recency_days: Values, orders: Values, value: Values, groups: int) -> Labels:
    """The usual RFM score, the sum of three quintiles, cut into equally large groups; ties go by value."""
    score = _rank(-recency_days, QUINTILES) + _rank(orders, QUINTILES) + _rank(value, QUINTILES)
    order = np.lexsort((value, score))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place * groups // len(order)


def _rank(values: Values, parts: int) -> Labels:
    place = np.empty(len(values), dtype=np.int64)
    place[np.argsort(values, kind="stable")] = np.arange(len(values))
    return place * parts // len(values)


def _foretold(labels: Labels, spent: Values, fold: Labels) -> Values:
    foretold = np.empty(len(spent))
    for number in range(FOLDS):
        here = fold == number
        count = np.bincount(labels[~here], minlength=labels.max() + 1)
        sums = np.bincount(labels[~here], spent[~here], labels.max() + 1)
        means = np.where(count > 0, sums / np.maximum(count, 1), spent[~here].mean())
        foretold[here] = means[labels[here]]
    return foretold
