"""Groups of a new model matched to those of the last one, so that an id means the same people from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ALIKE = 0.5  # share of the customers of either group that both have: below it they are not the same group


def matched(old: NDArray[np.int64], new: NDArray[np.int64], groups: int) -> dict[int, int]:
    """By place of a new group, the id of the old one that it continues; groups that continue none are left out.

    The assignment of the largest total overlap (Kuhn 1955), where a pair's overlap is the share of the customers of
    either that are in both (Jaccard).

    Args:
        old: Ids by the old model, shape (customers,).
        new: Places by the new model, of the same customers.
        groups: Number of new groups.
    """
    ids, place = np.unique(old, return_inverse=True)
    both = np.zeros((groups, len(ids)))
    np.add.at(both, (new, place), 1)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    overlap = both / np.maximum(either, 1)
    rows, columns = linear_sum_assignment(-overlap)
    return {
        int(row): int(ids[column]) for row, column in zip(rows, columns, strict=True) if overlap[row, column] >= ALIKE
    }


def numbered(groups: int, continued: dict[int, int], order: Sequence[int], last: int) -> tuple[int, ...]:
    """Ids by place of a group: that of the group it continues, or the next one that was never used.

    Args:
        order: Places in the order in which new ids are given.
        last: The greatest id ever used.
    """
    ids = dict(continued)
    for place in order:
        if place not in ids:
            last += 1
            ids[place] = last
    return tuple(ids[place] for place in range(groups))
