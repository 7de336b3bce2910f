"""How feature values become the rows a model takes: the same in training, scoring and replay.

A model document names its preparation, so that a number can be computed again however later models are prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def prepare_features(values: Values) -> Values:
    """`values` rounded to float32, with NaN in place of what is infinite then: the numbers a model is trained on."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32).astype(np.float64)
    rounded[np.isinf(rounded)] = np.nan
    return rounded


def unprepared(values: Values) -> Values:
    """`values` as they are."""
    return values


PREPARATIONS: dict[str, Callable[[Values], Values]] = {"float32": prepare_features, "none": unprepared}


def prepared(values: Values, preparation: str) -> Values:
    """`values` in the way that `preparation`, a name in `PREPARATIONS`, stands for."""
    return PREPARATIONS[preparation](values)


def sequences(rows: Values, steps: int) -> Values:
    """The rows of a sequence model: for each row that has `steps` - 1 before it, these and itself.

    Args:
        rows: Shape (n, features), ascending in time.

    Returns:
        Shape (max(0, n - steps + 1), steps, features).
    """
    if len(rows) < steps:
        return np.empty((0, steps, rows.shape[1]))
    return np.ascontiguousarray(sliding_window_view(rows, steps, axis=0).transpose(0, 2, 1))
