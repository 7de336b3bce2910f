"""Rows by date or by timestamp as the lake holds them: keys and one float64 column each, in canonical form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.core.errors import SourceTableError
from brain.core.source_table import KeyKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from brain.core.source_table import SourceTable

KEY_TYPES = {KeyKind.DAY: "datetime64[D]", KeyKind.TIME: "datetime64[us]"}
_DAY = np.dtype("datetime64[D]")
_WORDS = {KeyKind.DAY: "date", KeyKind.TIME: "timestamp"}


@dataclass(frozen=True)
class Rows:
    """Rows of one table, ascending by unique key.

    Args:
        keys: datetime64[D] for one row a date, datetime64[us] for one row a timestamp; shape (n,).
        columns: Names of the numeric columns, in the order of `values`.
        values: float64, shape (columns, n): one contiguous run of memory per column. NULL is NaN.
    """

    keys: NDArray[np.datetime64]
    columns: tuple[str, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def kind(self) -> KeyKind:
        return KeyKind.DAY if self.keys.dtype == _DAY else KeyKind.TIME

    @classmethod
    def empty(cls, columns: Sequence[str], kind: KeyKind = KeyKind.DAY) -> Rows:
        return cls(np.empty(0, KEY_TYPES[kind]), tuple(columns), np.empty((len(columns), 0)))

    @classmethod
    def concat(cls, parts: Iterable[Rows], columns: Sequence[str], kind: KeyKind) -> Rows:
        """All parts, one after the other; every part has the same columns in the same order."""
        parts = list(parts)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty(columns, kind)
        keys = np.concatenate([part.keys for part in parts])
        return cls(keys, tuple(columns), np.concatenate([part.values for part in parts], axis=1))

    def to_frame(self, key: str) -> pd.DataFrame:
        """A frame with the column `key` as datetime64[us] and float64 columns."""
        frame = pd.DataFrame(self.values.T, columns=list(self.columns), copy=False)
        frame.insert(0, key, pd.Series(self.keys.astype("datetime64[us]")))
        return frame

    def part(self, start: int, stop: int | None = None) -> Rows:
        return Rows(self.keys[start:stop], self.columns, self.values[:, start:stop])

    def until(self, key: date) -> Rows:
        """Rows whose key is not after `key`, a `datetime` where the keys are timestamps."""
        return self.part(0, int(np.searchsorted(self.keys, np.datetime64(key), side="right")))

    def since(self, key: date) -> Rows:
        """Rows whose key is not before `key`."""
        return self.part(int(np.searchsorted(self.keys, np.datetime64(key))))

    def with_columns(self, columns: Sequence[str], values: NDArray[np.float64]) -> Rows:
        """The same rows with more columns; `values` has shape (new columns, n)."""
        if not columns:
            return self
        return Rows(self.keys, self.columns + tuple(columns), np.concatenate([self.values, values]))


def mask_unknown(rows: Rows, rows_ahead: Callable[[str], int]) -> Rows:
    """Blank every value that becomes known only with a row beyond the last one: it was not known then.

    Args:
        rows_ahead: For a column, after how many rows a value becomes known.
    """
    values = rows.values.copy()
    for index, column in enumerate(rows.columns):
        if ahead := rows_ahead(column):
            values[index, max(0, len(rows) - ahead) :] = np.nan
    return Rows(rows.keys, rows.columns, values)


def make_canonical(values: NDArray[np.float64]) -> None:
    """Give each value one bit pattern, in place: a single NaN, no negative zero."""
    values += 0.0
    values[np.isnan(values)] = np.nan


def require_key(owner: SourceTable, table: str, key: str, keys: NDArray[np.datetime64]) -> None:
    """Keys must be there, once each, ascending.

    Args:
        owner: Whose extraction it is, for the message.
        table: The table that was read, which may be a joined one.

    Raises:
        SourceTableError: A key is missing, twice or out of order; the message names it.
    """
    word = _WORDS[owner.kind]
    missing = int(np.isnat(keys).sum())
    if missing:
        raise _key_error(owner, table, f"{missing} rows without a {key}", "Delete or complete those rows.")
    steps = np.diff(keys).astype(np.int64)
    if (steps > 0).all():
        return
    twice = keys[1:][steps == 0]
    if len(twice):
        found = f"{len(twice)} duplicate {word}s, the first {twice[0]}"
        raise _key_error(owner, table, found, f'Keep one row a {word} and make "{key}" the primary key.')
    found = f"{word}s out of order after {keys[:-1][steps < 0][0]}"
    raise _key_error(owner, table, found, f"Read them ordered by {key}.")


def _key_error(owner: SourceTable, table: str, found: str, remedy: str) -> SourceTableError:
    expected = f"one row a {_WORDS[owner.kind]}"
    return SourceTableError(owner.name, found=f"{found} in table {table!r}", expected=expected, remedy=remedy)
