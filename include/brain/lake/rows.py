"""The rows of an asset as the lake holds them: dates and one float64 column each, in canonical form."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.core.errors import SourceTableError
from brain.usecases.direction.names import DATE, TARGET_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """Rows of one table, ascending by unique date.

    Args:
        dates: datetime64[D], shape (n,).
        columns: Names of the numeric columns, in the order of `values`.
        values: float64, shape (columns, n): one contiguous run of memory per column. NULL is NaN.
    """

    dates: NDArray[np.datetime64]
    columns: tuple[str, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.dates)

    @classmethod
    def empty(cls, columns: Sequence[str]) -> Rows:
        return cls(np.empty(0, "datetime64[D]"), tuple(columns), np.empty((len(columns), 0)))

    @classmethod
    def concat(cls, parts: Iterable[Rows], columns: Sequence[str]) -> Rows:
        """All parts, one after the other; every part has the same columns in the same order."""
        parts = list(parts)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty(columns)
        dates = np.concatenate([part.dates for part in parts])
        return cls(dates, tuple(columns), np.concatenate([part.values for part in parts], axis=1))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Rows:
        """The rows of a snapshot frame, the reverse of `to_frame`."""
        columns = tuple(str(name) for name in frame.columns if name != DATE)
        values = frame[list(columns)].to_numpy(dtype=np.float64).T
        dates = frame[DATE].to_numpy().astype("datetime64[D]")
        return cls(dates, columns, np.ascontiguousarray(values))

    def to_frame(self) -> pd.DataFrame:
        """A frame with ``Date`` as datetime64[us] and float64 columns."""
        frame = pd.DataFrame(self.values.T, columns=list(self.columns), copy=False)
        frame.insert(0, DATE, pd.Series(self.dates.astype("datetime64[us]")))
        return frame

    def part(self, start: int, stop: int | None = None) -> Rows:
        return Rows(self.dates[start:stop], self.columns, self.values[:, start:stop])

    def until(self, day: date) -> Rows:
        """Rows dated no later than `day`."""
        return self.part(0, int(np.searchsorted(self.dates, np.datetime64(day), side="right")))

    def with_columns(self, columns: Sequence[str], values: NDArray[np.float64]) -> Rows:
        """The same rows with more columns; `values` has shape (new columns, n)."""
        if not columns:
            return self
        return Rows(self.dates, self.columns + tuple(columns), np.concatenate([self.values, values]))


@functools.cache
def target_rows(column: str) -> int:
    """Rows ahead that a ``RETURNSn`` column looks; 0 for any other column."""
    match = TARGET_PATTERN.fullmatch(column)
    return int(match.group(1)) if match else 0


def mask_unknown(rows: Rows) -> Rows:
    """Blank every RETURNSn whose future row lies beyond the last row: it was not known then."""
    values = rows.values.copy()
    for index, column in enumerate(rows.columns):
        if ahead := target_rows(column):
            values[index, max(0, len(rows) - ahead) :] = np.nan
    return Rows(rows.dates, rows.columns, values)


def make_canonical(values: NDArray[np.float64]) -> None:
    """Give each value one bit pattern, in place: a single NaN, no negative zero."""
    values += 0.0
    values[np.isnan(values)] = np.nan


def require_key(asset: str, table: str, dates: NDArray[np.datetime64]) -> None:
    """Dates must be there, once each, ascending.

    Raises:
        SourceTableError: A date is missing, twice or out of order; the message names it.
    """
    missing = int(np.isnat(dates).sum())
    if missing:
        raise _key_error(asset, table, f"{missing} rows without a Date", "Delete or complete those rows.")
    steps = np.diff(dates).astype(np.int64)
    if (steps > 0).all():
        return
    twice = dates[1:][steps == 0]
    if len(twice):
        found = f"{len(twice)} duplicate dates, the first {twice[0]}"
        raise _key_error(asset, table, found, 'Keep one row a date and make "Date" the primary key.')
    raise _key_error(asset, table, f"dates out of order after {dates[:-1][steps < 0][0]}", "Read them ordered by Date.")


def _key_error(asset: str, table: str, found: str, remedy: str) -> SourceTableError:
    return SourceTableError(asset, found=f"{found} in table {table!r}", expected="one row a date", remedy=remedy)
