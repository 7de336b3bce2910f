"""One number of what several detectors say of a bar: an alert is 1 and more, as for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CAP = 3.0  # scores by threshold beyond which it adds nothing that others agree


def together(scores: Mapping[str, Values], bars: int) -> Values:
    """The root of the summed squares of the detectors' scores by threshold, shape (bars,): agreement counts.

    Where none of them reaches its threshold the result stays below 1; where one does, it is at least the largest.
    """
    if not scores:
        return np.zeros(bars)
    table = np.maximum(np.stack(list(scores.values())), 0.0)
    largest = table.max(axis=0)
    root = np.sqrt(np.sum(np.minimum(table, CAP) ** 2, axis=0))
    found: Values = np.where(largest >= 1, np.maximum(largest, root), root / np.sqrt(len(table)))
    return found
