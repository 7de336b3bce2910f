"""Which rows repeat an earlier one, by a hash of each row: a fraction of the memory that comparing columns takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ divided by the golden ratio, which spreads bits well
_HALF = np.uint64(32)


def repeated(columns: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """Which rows equal an earlier one in all columns, shape (n,); empty values are equal, and so are 0 and -0.

    Args:
        columns: Whole numbers, float64 or datetime64, each of shape (n,).
    """
    key = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        key ^= _bits(column)
        key *= _ODD
        key ^= key >> _HALF
    ordered = np.sort(key)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    found = np.zeros(len(key), bool)
    if len(twice):
        place = np.minimum(np.searchsorted(twice, key), len(twice) - 1)
        doubtful = np.flatnonzero(twice[place] == key)
        found[doubtful] = pd.DataFrame({n: column[doubtful] for n, column in enumerate(columns)}).duplicated()
    return found


def _bits(column: NDArray[Any]) -> NDArray[np.uint64]:
    if column.dtype.kind != "f":
        return column.astype(np.int64).view(np.uint64)
    plain = column.astype(np.float64) + 0.0  # -0 becomes 0
    plain[np.isnan(plain)] = np.nan
    return plain.view(np.uint64)
