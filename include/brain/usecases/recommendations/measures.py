"""How good lists are: per customer, against what she took afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Values = NDArray[np.float64]

EMPTY = -1  # place of no item in a list
_GROUP = 64  # columns of which the best is looked at first


@dataclass(frozen=True)
class Measured:
    """By customer who took something that the list may name.

    Args:
        ndcg: Normalised discounted gain with binary relevance, shape (n,).
        precision: Share of the list's places that she took.
        average_precision: Precision at her hits over all she took, as Recommenders' benchmark computes MAP.
    """

    ndcg: Values
    precision: Values
    average_precision: Values

    def __len__(self) -> int:
        return len(self.ndcg)


def best(scores: NDArray[np.float32], length: int) -> NDArray[np.int32]:
    """Places of the `length` highest scores of each row, highest first; `EMPTY` where a score is -inf.

    Of equal ones the first stands first. Only what is not below the `length` highest maxima of groups of columns is
    sorted: a row has few of these.
    """
    customers, width = scores.shape
    length = min(length, width)
    found = np.full((customers, length), EMPTY, np.int32)
    if not length:
        return found
    row, column = np.divmod(np.flatnonzero(scores >= _bounds(scores, length)[:, None]), width)
    value = scores[row, column]
    kept = ~np.isneginf(value)
    row, column, value = row[kept], column[kept], value[kept]
    order = np.lexsort((column, -value, row))
    row, column = row[order], column[order]
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(customers))[row]
    listed = rank < length
    found[row[listed], rank[listed]] = column[listed]
    return found


def _bounds(scores: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Of each row a score that its `length` best do not fall below."""
    customers, width = scores.shape
    groups = width // _GROUP
    if groups < 2 * length:
        return np.full(customers, -np.inf, np.float32)
    whole = groups * _GROUP
    highest = scores[:, :whole].reshape(customers, groups, _GROUP).max(axis=2)
    bounds: NDArray[np.float32] = np.partition(highest, groups - length, axis=1)[:, groups - length]
    return bounds


def measure(lists: NDArray[np.int32], taken: csr_matrix, length: int) -> Measured:
    """How well lists named what was taken.

    Args:
        lists: As `best` gives them, shape (customers, up to `length`).
        taken: What each took afterwards of what her list may name, shape (customers, items).
        length: How many places a list has.
    """
    relevant = np.diff(taken.indptr)
    asked = relevant > 0
    lists, taken, relevant = lists[asked], taken[asked], relevant[asked]
    if not len(lists):
        return Measured(np.empty(0), np.empty(0), np.empty(0))
    places = np.where(lists == EMPTY, 0, lists)
    rows = np.repeat(np.arange(len(lists)), lists.shape[1])
    hits = np.asarray(taken[rows, places.ravel()]).reshape(lists.shape) > 0
    hits &= lists != EMPTY
    discount = 1 / np.log2(np.arange(length) + 2)
    ideal = np.cumsum(discount)[np.minimum(relevant, length) - 1]
    ranks = np.arange(lists.shape[1]) + 1
    return Measured(
        (hits * discount[: lists.shape[1]]).sum(axis=1) / ideal,
        hits.sum(axis=1) / length,
        (np.cumsum(hits, axis=1) / ranks * hits).sum(axis=1) / relevant,
    )
