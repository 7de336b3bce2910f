"""Values as database drivers hand them over, turned into dates, numbers and Arrow columns without guessing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from brain.core.errors import SourceTableError
from brain.source.batches import ARROW_TYPES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_NUMBERS = (float, int, Decimal, np.floating, np.integer)
_INT64 = range(-(2**63), 2**63)


def to_times(table: str, key: str, values: Sequence[Any], *, zoned: bool = False) -> NDArray[np.datetime64]:
    """Dates or times as datetime64[us]; None becomes NaT.

    Args:
        zoned: The values carry a time zone; they are turned into UTC.

    Raises:
        SourceTableError: A value is neither, or carries a time zone that the column's type does not tell of.
    """
    if zoned:
        values = [None if value is None else _in_utc(value) for value in values]
    for value in values:
        if value is not None and (not isinstance(value, date) or getattr(value, "tzinfo", None) is not None):
            zone = " with a time zone" if isinstance(value, datetime) else ""
            raise SourceTableError(
                table,
                found=f"{value!r}{zone} in column {key!r}",
                expected="dates, or times without a zone",
                remedy="Store the column as DATE, or read the table through a view that casts it.",
            )
    return np.array(values, dtype="datetime64[us]")


def first_moment(keys: NDArray[np.datetime64]) -> datetime:
    """The first of some keys as a `datetime`, also where they are dates."""
    moment: datetime = keys[0].astype("datetime64[us]").astype(object)
    return moment


def to_floats(
    table: str, columns: Sequence[str], values: Sequence[Sequence[Any]], keys: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Columns of numbers as float64, shape (columns, n); None becomes NaN.

    Raises:
        SourceTableError: A value is not a number; the message names column, date and value.
    """
    floats = np.empty((len(columns), len(keys)))
    for index, (column, numbers) in enumerate(zip(columns, values, strict=True)):
        for position, number in enumerate(numbers):
            if number is not None and not isinstance(number, _NUMBERS):
                raise SourceTableError(
                    table,
                    found=f"{number!r} in the numeric column {column!r} on {keys[position].astype('datetime64[D]')}",
                    expected="numbers or NULL",
                    remedy=f"Correct the value, or make {column!r} a text column if it is no feature.",
                )
        floats[index] = np.array(numbers, dtype=np.float64)
    return floats


def to_arrow(table: str, column: str, kind: Kind, values: Sequence[Any]) -> pa.Array:
    """A column of one kind as its Arrow type (`ARROW_TYPES`); None stays NULL.

    Raises:
        SourceTableError: A value is not of that kind; the message names column and value.
    """
    fits, convert = _RULES[kind]
    for value in values:
        if value is not None and not fits(value):
            raise SourceTableError(
                table,
                found=f"{value!r} in the column {column!r} of kind {kind}",
                expected="values of their column's type",
                remedy="Correct the value, or the column's type.",
            )
    return pa.array([None if value is None else convert(value) for value in values], ARROW_TYPES[kind])


def _in_utc(value: Any) -> Any:
    aware = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC).replace(tzinfo=None) if aware else value


def _is_whole(value: Any) -> bool:
    whole = isinstance(value, int) or (isinstance(value, Decimal) and value == int(value))
    return whole and int(value) in _INT64


_RULES: dict[Kind, tuple[Callable[[Any], bool], Callable[[Any], Any]]] = {
    Kind.NUMBER: (lambda value: isinstance(value, _NUMBERS), float),
    Kind.WHOLE: (_is_whole, int),
    Kind.BOOLEAN: (lambda value: isinstance(value, int) and value in (0, 1), bool),
    Kind.TEXT: (lambda value: isinstance(value, str), str),
    Kind.DATE: (lambda value: isinstance(value, date) and not isinstance(value, datetime), lambda value: value),
    Kind.TIME: (lambda value: isinstance(value, datetime) and value.tzinfo is None, lambda value: value),
    Kind.ZONED_TIME: (lambda value: isinstance(value, datetime) and value.tzinfo is not None, _in_utc),
}
