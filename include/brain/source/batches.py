"""What a read of a table gives: kinds of columns, and batches of rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Kind(StrEnum):
    """What a column holds, as far as extraction cares."""

    DATE = "date"
    TIME = "timestamp without time zone"
    ZONED_TIME = "timestamp with time zone"
    NUMBER = "number"
    TEXT = "text"
    OTHER = "another type"


@dataclass(frozen=True)
class Batch:
    """A run of rows: their key and float64 columns.

    Args:
        keys: datetime64[us], shape (n,), ascending.
        values: float64, shape (columns, n); NULL is NaN.
    """

    keys: NDArray[np.datetime64]
    values: NDArray[np.float64]
