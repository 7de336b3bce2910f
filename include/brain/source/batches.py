"""What a read of a table gives: kinds of columns, and batches of rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Kind(StrEnum):
    """What a column holds, as far as extraction cares."""

    DATE = "date"
    TIME = "timestamp without time zone"
    ZONED_TIME = "timestamp with time zone"
    NUMBER = "number"
    WHOLE = "whole number"
    BOOLEAN = "boolean"
    TEXT = "text"
    OTHER = "another type"

    @property
    def numeric(self) -> bool:
        """Whether it can be read as float64."""
        return self in (Kind.NUMBER, Kind.WHOLE, Kind.BOOLEAN)


ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.timestamp("us"),
    Kind.ZONED_TIME: pa.timestamp("us"),
    Kind.NUMBER: pa.float64(),
    Kind.WHOLE: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.large_string(),
}
"""How `Source.read_table` gives each kind; times with a zone in UTC. `Kind.OTHER` cannot be read."""


@dataclass(frozen=True)
class Batch:
    """A run of rows: their key and float64 columns.

    Args:
        keys: datetime64[us], shape (n,), ascending; times with a zone in UTC.
        values: float64, shape (columns, n); NULL is NaN.
    """

    keys: NDArray[np.datetime64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Extent:
    """How far a table reaches.

    Args:
        rows: Number of rows.
        first: The least key, datetime64[us]; NaT if there is none. A time with a zone is in UTC.
        last: The greatest key, likewise.
    """

    rows: int
    first: np.datetime64
    last: np.datetime64
