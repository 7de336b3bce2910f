"""Taking a tree ensemble apart along one row's path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.kernels import array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Values = NDArray[np.float64]

EVEN, MOST = 0.5, 1.0  # of the rows on the side of a split on which the feature's mean lies
STEPS = 6
CLOSE_ENOUGH = 1e-4  # in log-odds


@dataclass(frozen=True)
class Trees:
    """The trees of a TreeEnsemble operator; leaves are numbered after the inner nodes.

    Args:
        feature, threshold, left, right, missing_left: Shape (inner nodes,); left where x <= threshold.
        leaf: Shape (leaves,): what the leaf adds to the sum.
        roots: Shape (trees,).
    """

    feature: Integers
    threshold: Values
    left: Integers
    right: Integers
    missing_left: NDArray[np.bool_]
    leaf: Values
    roots: Integers

    @classmethod
    def of(cls, node: Any) -> Trees:
        """The trees of an operator as `brain.portable.trees` writes it."""
        found = {attribute.name: attribute for attribute in node.attribute}
        feature = np.array(found["nodes_featureids"].ints)
        right, left = (
            np.array(found[f"nodes_{side}nodeids"].ints) + len(feature) * np.array(found[f"nodes_{side}leafs"].ints)
            for side in ("false", "true")
        )
        tracks = found.get("nodes_missing_value_tracks_true")
        return cls(
            feature=feature,
            threshold=array(found["nodes_splits"].t),
            left=left,
            right=right,
            missing_left=np.zeros(len(feature), bool) if tracks is None else np.array(tracks.ints, dtype=bool),
            leaf=array(found["leaf_weights"].t),
            roots=np.array(found["tree_roots"].ints),
        )

    def weighed(self, quantiles: Values, means: Values) -> WeighedTrees:
        """The trees with what is known of how many training rows go each way.

        Args:
            quantiles: Of the training rows, evenly spread and ascending in each column, NaN where unknown, shape
                (k, features); no column if none is known.
            means: Of the training rows, NaN where unknown, shape (features,).
        """
        ways = []
        for nodes, known in self._levels(self._shares_below(quantiles)):
            mean = means[self.feature[nodes]]
            leans = np.where(mean <= self.threshold[nodes], 1.0, -1.0)
            leans[np.isnan(mean) | ~np.isnan(known)] = 0.0
            ways.append((nodes, np.where(np.isnan(known), EVEN, known), leans))
        return WeighedTrees(self, tuple(reversed(ways)))

    def path(self, row: Values, values: Values) -> tuple[float, Values]:
        """The sum of the roots' values, and what the splits of each feature change on the row's way, shape (features,).

        Args:
            row: Shape (features,).
            values: Of each node and leaf, as `WeighedTrees.values` gives them.
        """
        inner, parts, current = len(self.feature), np.zeros(len(row)), self.roots
        while len(current := current[current < inner]):
            feature = self.feature[current]
            value = row[feature]
            goes_left = (value <= self.threshold[current]) | (np.isnan(value) & self.missing_left[current])
            following = np.where(goes_left, self.left[current], self.right[current])
            np.add.at(parts, feature, values[following] - values[current])
            current = following
        return float(values[self.roots].sum()), parts

    def _shares_below(self, quantiles: Values) -> Values:
        """Which share of all training rows is left of each split, NaN where nothing tells; shape (inner nodes,)."""
        if not quantiles.shape[1]:
            return np.full(len(self.feature), np.nan)
        points = quantiles[:, self.feature]
        return np.where(np.isnan(points[0]), np.nan, (points <= self.threshold).mean(axis=0))

    def _levels(self, below: Values) -> Iterator[tuple[Integers, Values]]:
        """The inner nodes of each depth, and which share of the rows that come there goes left; NaN where unknown."""
        inner, width = len(self.feature), int(self.feature.max(initial=0)) + 1
        nodes = self.roots
        low, high = np.zeros((len(nodes), width)), np.ones((len(nodes), width))
        while len(nodes):
            at, feature, split = np.arange(len(nodes)), self.feature[nodes], below[nodes]
            bottom, top = low[at, feature], high[at, feature]
            split = np.clip(split, bottom, top)
            with np.errstate(invalid="ignore", divide="ignore"):
                share = (split - bottom) / (top - bottom)
            yield nodes, share
            lower, upper = low.copy(), high.copy()
            upper[at, feature] = np.where(np.isnan(split), top, split)
            lower[at, feature] = np.where(np.isnan(split), bottom, split)
            following = np.concatenate([self.left[nodes], self.right[nodes]])
            low, high = np.concatenate([low, lower]), np.concatenate([upper, high])
            on = following < inner
            nodes, low, high = following[on], low[on], high[on]


@dataclass(frozen=True)
class WeighedTrees:
    """Trees, and which share of the training rows that come to a node goes left.

    The graph does not say. It is read from the quantiles of the split's feature among the training rows that are
    within the bounds of the splits above, as if features were independent. Where a feature has none, more go to the
    side of its mean than to the other: how many more is one number for all such splits, `side`, from 1/2 to 1. Where
    its mean is not known either, one half goes each way.

    Args:
        ways: From the deepest level up: inner nodes, the share that goes left, and 1 or -1 where more go left or right
            than 1/2 because the mean does, else 0.
    """

    trees: Trees
    ways: tuple[tuple[Integers, Values, Values], ...]

    @property
    def guesses(self) -> bool:
        """Whether `side` changes anything."""
        return any(leans.any() for _, _, leans in self.ways)

    def values(self, side: float) -> Values:
        """What is to be expected at each node and leaf: the mean of both ways on."""
        trees = self.trees
        values = np.concatenate([np.zeros(len(trees.feature)), trees.leaf])
        for nodes, known, leans in self.ways:
            share = known + leans * (side - EVEN)
            values[nodes] = share * values[trees.left[nodes]] + (1 - share) * values[trees.right[nodes]]
        return values

    def usual(self, side: float) -> float:
        """What all trees together say of a row of which nothing is known."""
        return float(self.values(side)[self.trees.roots].sum())


def fitting_side(miss: Callable[[float], float]) -> float:
    """The `side` at which `miss`, a function of it, is nearest to 0; found by false position (Illinois)."""
    low, high = EVEN, MOST
    below, above = miss(low), miss(high)
    if below * above >= 0:
        return low if abs(below) <= abs(above) else high
    side = low
    for _ in range(STEPS):
        side = (low * above - high * below) / (above - below)
        missed = miss(side)
        if abs(missed) < CLOSE_ENOUGH:
            break
        if missed * above < 0:
            low, below = high, above
        else:
            below /= 2
        high, above = side, missed
    return side
