"""How features are prepared, for training and for scoring alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def prepare_features(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` rounded to float32, in which artifacts compute, with NaN where they are not finite; same shape."""
    with np.errstate(over="ignore"):
        prepared = values.astype(np.float32).astype(np.float64)
    prepared[~np.isfinite(prepared)] = np.nan
    return prepared
