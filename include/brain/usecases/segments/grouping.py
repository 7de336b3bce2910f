"""Groups of customers: robust scaling, k-means, and how many groups by how stable they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from threadpoolctl import ThreadpoolController

    Values = NDArray[np.float64]
    Labels = NDArray[np.int64]

ROOTS = frozenset({"expected_spend"})  # features whose root is taken; of the others the logarithm
WEIGHTS = {
    "expected_spend": 3.0
}  # what a group will spend is what it is for; docs/decisions/segments.md has the figures
CLIP = 3.0  # robust standard deviations: one giant customer is no group of her own
NORMAL_IQR = 1.349  # interquartile range of a standard normal
STARTS = 4  # of k-means
SURE = 1.645  # standard errors, on one side
BETTER = 1.05  # of the sum of squared distances
SAMPLE = 10_000  # customers that a bootstrap draws at most


@dataclass(frozen=True)
class Scaling:
    """How features are scaled before distances are taken; all shapes are (features,).

    Args:
        fill: What stands for a feature that is not known.
        roots: Where the root is taken rather than the logarithm of 1 + the feature.
    """

    features: tuple[str, ...]
    fill: Values
    roots: NDArray[np.bool_]
    center: Values
    scale: Values
    weights: Values

    def apply(self, X: Values) -> Values:
        """Scaled features, shape (n, features); the graph of the stored model computes the same."""
        scaled = (_evened(np.where(np.isnan(X), self.fill, X), self.roots) - self.center) / self.scale
        return np.clip(scaled, -CLIP, CLIP) * self.weights


def fit_scaling(X: Values, features: tuple[str, ...]) -> Scaling:
    """Robust scaling by median and interquartile range; the standard deviation where half of all are alike."""
    known = ~np.isnan(X)
    fill = np.array([np.median(column[told]) if told.any() else 0.0 for column, told in zip(X.T, known.T, strict=True)])
    roots = np.array([name in ROOTS for name in features])
    even = _evened(np.where(known, X, fill), roots)
    upper, middle, lower = np.quantile(even, [0.75, 0.5, 0.25], axis=0)
    scale = (upper - lower) / NORMAL_IQR
    scale = np.where(scale > 0, scale, even.std(axis=0))
    weights = np.array([WEIGHTS.get(name, 1.0) for name in features])
    return Scaling(features, fill, roots, middle, np.where(scale > 0, scale, 1.0), weights)


@dataclass(frozen=True)
class Stability:
    """How alike the groups of bootstrap samples are to those of all customers, by their adjusted Rand index."""

    mean: float
    error: float  # standard error of the mean

    def reaches(self, least: float) -> bool:
        """Whether it is that high with 95 % confidence: the number that was lucky in its samples is not taken."""
        return self.mean - SURE * self.error >= least

    def fails(self, least: float) -> bool:
        """Whether it is lower with 95 % confidence."""
        return self.mean + SURE * self.error < least


@dataclass(frozen=True)
class Grouping:
    """Centres of groups among scaled customers, shape (groups, features).

    Args:
        tried: By number of groups, how stable they are.
        stability: That of this number, of samples that did not choose it.
    """

    centers: Values
    tried: dict[int, Stability]
    stability: Stability

    def nearest(self, X: Values) -> NDArray[np.int64]:
        return nearest(X, self.centers)


@dataclass(frozen=True)
class Wanted:
    """What groups are to be like.

    Args:
        low, high: Bounds of their number.
        stability: The least that it takes.
        smallest: Share of the customers that the smallest group has to have, where any number of groups allows it.
        bootstraps: Samples over which stability is measured.
    """

    low: int
    high: int
    stability: float
    smallest: float
    bootstraps: int


def choose_groups(X: Values, wanted: Wanted, seed: int, before: Labels | None = None) -> Grouping:
    """The most groups that are stable, the most stable ones where none are; as many as before unless those are not.

    What was stable in some samples has to be so in fresh ones: of several numbers one may only have been lucky.

    Args:
        X: Scaled customers, shape (n, features).
        before: Place of each customer's group in the model before, from which the search starts, too.
    """
    tried: dict[int, Stability] = {}
    centers: dict[int, Values] = {}
    crowded = []
    last = 0 if before is None else int(before.max()) + 1
    for groups in range(wanted.low, wanted.high + 1):
        centers[groups] = cluster(X, groups, seed, before if groups == last else None)
        tried[groups] = stability(X, centers[groups], wanted.bootstraps, seed)
        counts = np.bincount(nearest(X, centers[groups]), minlength=groups)
        crowded += [groups] if counts.min() >= wanted.smallest * len(X) else []
    allowed = crowded or [wanted.low]
    stable = [groups for groups in allowed if tried[groups].reaches(wanted.stability)]
    if last in allowed and not tried[last].fails(wanted.stability):
        chosen = last
    else:
        again = (groups for groups in reversed(stable) if _confirmed(X, centers[groups], wanted, seed))
        chosen = next(again, max(allowed, key=lambda groups: tried[groups].mean))
    return Grouping(centers[chosen], tried, stability(X, centers[chosen], wanted.bootstraps, seed + 1))


def _confirmed(X: Values, centers: Values, wanted: Wanted, seed: int) -> bool:
    return stability(X, centers, wanted.bootstraps, seed + 2).mean >= wanted.stability


def cluster(X: Values, groups: int, seed: int, before: Labels | None = None) -> Values:
    """Centres by k-means on one thread, so that the same customers give the same groups.

    Args:
        before: Place of each customer's group before. Groups grown from these are taken unless fresh ones lie closer
            around their centres by `BETTER`: customers are not moved for a trifle.
    """
    from sklearn.cluster import KMeans

    with _threads().limit(limits=1):
        found = KMeans(groups, n_init=STARTS, random_state=seed % 2**32).fit(X)
        if before is not None and np.bincount(before, minlength=groups).all():
            start = np.array([X[before == group].mean(axis=0) for group in range(groups)])
            grown = KMeans(groups, init=start, n_init=1, random_state=seed % 2**32).fit(X)
            if grown.inertia_ <= found.inertia_ * BETTER:
                found = grown
    return np.asarray(found.cluster_centers_, dtype=np.float64)


@cache
def _threads() -> ThreadpoolController:
    """The threads of scikit-learn; to look for its libraries anew takes longer than many a fit."""
    import sklearn.cluster  # noqa: F401 - its libraries are those that are found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def stability(X: Values, centers: Values, bootstraps: int, seed: int) -> Stability:
    """The adjusted Rand index between the groups of all and those found in samples drawn with replacement."""
    from sklearn.metrics import adjusted_rand_score

    random, labels = np.random.default_rng(seed), nearest(X, centers)
    found = []
    for number in range(bootstraps):
        drawn = X[random.integers(0, len(X), min(len(X), SAMPLE))]
        found.append(adjusted_rand_score(labels, nearest(X, cluster(drawn, len(centers), seed + number))))
    return Stability(float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found))))


def nearest(X: Values, centers: Values) -> NDArray[np.int64]:
    """Place of the nearest centre, shape (n,)."""
    found = np.zeros(len(X), dtype=np.int64)
    least = np.full(len(X), np.inf)
    for place, center in enumerate(centers):
        distance = ((X - center) ** 2).sum(axis=1)
        found[distance < least] = place
        least = np.minimum(least, distance)
    return found


def _evened(X: Values, roots: NDArray[np.bool_]) -> Values:
    above = np.maximum(X, 0.0)
    return np.where(roots, np.sqrt(above), xlogy(1.0, above + 1.0))
