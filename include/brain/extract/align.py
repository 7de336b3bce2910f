"""Other tables of the source, aligned onto the dates of a table without looking ahead.

A value dated t counts from t + lag on. Rows of a DATE table stand for their day; rows of a TIMESTAMP table count on a
date if they were known before that day was over (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from brain.core.durations import duration
from brain.core.errors import SourceTableError
from brain.extract.asof import aggregate, asof_positions, take_known
from brain.extract.shape import TableShape, joined_shape
from brain.lake.rows import Rows, require_key
from brain.source.batches import Batch, Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from brain.core.source_table import SourceTable
    from brain.core.table_settings import JoinedSource
    from brain.source.connect import Source

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_WINDOW_ROWS = 250  # rows whose windows are read at a time: it bounds the memory a minute stream takes


@dataclass(frozen=True)
class Joined:
    """A joined table and what is taken of it.

    Args:
        names: The new columns, in the order in which `values` gives them.
    """

    settings: JoinedSource
    shape: TableShape
    names: tuple[str, ...]

    @property
    def lag(self) -> timedelta:
        return duration(self.settings.lag) if self.settings.lag else timedelta(0)


def joined_sources(
    source: Source, table: SourceTable, own: TableShape, known: Collection[str] = ()
) -> tuple[Joined, ...]:
    """The joined tables of `table`, checked against their columns and against those `known` from before.

    Raises:
        SourceTableError: A table, key or column is missing, or two columns would have the same name.
    """
    found = []
    taken = set(own.columns)
    for settings in table.joined:
        shape = joined_shape(table, settings, source.columns(settings.table), known)
        names = tuple(_names(settings, shape))
        if twice := [name for name in names if name in taken]:
            raise SourceTableError(
                table.name,
                found=f"two columns named {twice[0]!r} once table {settings.table!r} is joined",
                expected="different names",
                remedy="Give the joined source another `prefix` in the catalogue.",
            )
        taken.update(names)
        found.append(Joined(settings, shape, names))
    return tuple(found)


def with_joined(source: Source, table: SourceTable, joined: Sequence[Joined], rows: Rows) -> Rows:
    """`rows` with the columns of every joined table."""
    if not len(rows):
        return rows.with_columns([n for j in joined for n in j.names], np.empty((sum(len(j.names) for j in joined), 0)))
    for one in joined:
        aligned = _windowed if one.settings.window else _latest
        rows = rows.with_columns(one.names, aligned(source, table, one, rows.keys))
    return rows


def _names(settings: JoinedSource, shape: TableShape) -> list[str]:
    prefixed = [f"{settings.column_prefix}{column}" for column in shape.columns]
    if not settings.window:
        return prefixed
    return [f"{name}_{kind}" for name in prefixed for kind in settings.aggregates]


def _latest(source: Source, table: SourceTable, one: Joined, dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """The last known values on each date, shape (names, dates)."""
    left = _moments(one, dates)
    max_age = duration(one.settings.max_age) if one.settings.max_age else None
    oldest = left[0].astype(object) - one.lag
    since = (
        oldest - max_age
        if max_age is not None
        else source.newest_key(one.shape.table, one.shape.key, _bound(one, oldest))
    )
    batch = _read(source, table, one, since, left[-1].astype(object) - one.lag)
    require_key(table, one.shape.table, one.shape.key, batch.keys)
    age = np.timedelta64(max_age) if max_age is not None else None
    return take_known(batch.values, asof_positions(left, batch.keys + np.timedelta64(one.lag), age))


def _windowed(source: Source, table: SourceTable, one: Joined, dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Aggregates over the window that ends with each date, shape (names, dates)."""
    parts = [dates[start : start + _WINDOW_ROWS] for start in range(0, len(dates), _WINDOW_ROWS)]
    return np.concatenate([_windows(source, table, one, part) for part in parts], axis=1)


def _windows(source: Source, table: SourceTable, one: Joined, dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    ends = dates.astype("datetime64[us]") + np.timedelta64(_DAY) - np.timedelta64(one.lag)
    begins = ends - np.timedelta64(duration(one.settings.window or ""))
    batch = _read(source, table, one, begins[0].astype(object), ends[-1].astype(object) - _INSTANT)
    starts, stops = np.searchsorted(batch.keys, begins), np.searchsorted(batch.keys, ends)
    results = [aggregate(column, starts, stops, one.settings.aggregates) for column in batch.values]
    return np.concatenate(results) if results else np.empty((0, len(dates)))


def _moments(one: Joined, dates: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """The time by which a value must have been known, for each date."""
    days = dates.astype("datetime64[us]")
    if one.shape.kind is Kind.DATE:
        return days
    return (days.astype(np.int64) + (_DAY - _INSTANT) // _INSTANT).astype("datetime64[us]")


def _read(source: Source, table: SourceTable, one: Joined, since: datetime | None, until: datetime) -> Batch:
    shape = one.shape
    batches = list(
        source.read(
            shape.table,
            shape.key,
            shape.columns,
            since=None if since is None else _bound(one, since),
            until=_bound(one, until),
            batch_rows=table.extraction.batch_rows,
        )
    )
    if not batches:
        return Batch(np.empty(0, "datetime64[us]"), np.empty((len(shape.columns), 0)))
    keys = np.concatenate([batch.keys for batch in batches])
    if missing := int(np.isnat(keys).sum()):
        raise SourceTableError(
            table.name,
            found=f"{missing} rows without {shape.key!r} in the joined table {shape.table!r}",
            expected="a date or time on every row",
            remedy="Delete or complete those rows.",
        )
    return Batch(keys, np.concatenate([batch.values for batch in batches], axis=1))


def _bound(one: Joined, moment: datetime) -> date | datetime:
    """A bound of the key's own type; a date bound is the day the moment lies in."""
    return moment.date() if one.shape.kind is Kind.DATE else moment
