"""Sums over the last bars, the same for a bar whatever stands before its window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def moving_sum(values: Values, window: int) -> Values:
    """The sum of each value and the `window` - 1 before it, as far as there are any; shape (n,)."""
    if not len(values):
        return values
    padded = np.concatenate([np.zeros(window - 1), values])
    found: Values = np.lib.stride_tricks.sliding_window_view(padded, window).sum(axis=1)
    return found


def last(values: Values, window: int) -> Values:
    """The last `window` values up to each, oldest first and 0 before the first; shape (n, window)."""
    padded = np.concatenate([np.zeros(window - 1), values])
    if not len(values):
        return np.empty((0, window))
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(padded, window))
