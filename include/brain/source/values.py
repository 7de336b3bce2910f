"""Cells as database drivers hand them over, turned into dates and floats without guessing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import SourceTableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NUMBERS = (float, int, Decimal, np.floating, np.integer)


def to_days(table: str, key: str, cells: Sequence[Any]) -> NDArray[np.datetime64]:
    """Dates or times as datetime64[us]; None becomes NaT.

    Raises:
        SourceTableError: A cell is neither, or carries a time zone.
    """
    for cell in cells:
        if cell is not None and (not isinstance(cell, date) or getattr(cell, "tzinfo", None) is not None):
            zone = " with a time zone" if isinstance(cell, datetime) else ""
            raise SourceTableError(
                table,
                found=f"{cell!r}{zone} in column {key!r}",
                expected="dates, or times without a zone",
                remedy="Store the column as DATE, or read the asset through a view that casts it.",
            )
    return np.array(cells, dtype="datetime64[us]")


def first_moment(keys: NDArray[np.datetime64]) -> datetime:
    """The first of some keys as a `datetime`, also where they are dates."""
    moment: datetime = keys[0].astype("datetime64[us]").astype(object)
    return moment


def to_floats(
    table: str, columns: Sequence[str], cells: Sequence[Sequence[Any]], keys: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Columns of numbers as float64, shape (columns, n); None becomes NaN.

    Raises:
        SourceTableError: A cell is not a number; the message names column, date and cell.
    """
    values = np.empty((len(columns), len(keys)))
    for index, (column, numbers) in enumerate(zip(columns, cells, strict=True)):
        for position, number in enumerate(numbers):
            if number is not None and not isinstance(number, _NUMBERS):
                raise SourceTableError(
                    table,
                    found=f"{number!r} in the numeric column {column!r} on {keys[position].astype('datetime64[D]')}",
                    expected="numbers or NULL",
                    remedy=f"Correct the cell, or make {column!r} a text column if it is no feature.",
                )
        values[index] = np.array(numbers, dtype=np.float64)
    return values
