"""The rows of a table of days or times, checked, joined and masked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import SourceTableError
from brain.core.source_table import KeyKind
from brain.extract.align import with_joined
from brain.extract.shape import require_columns
from brain.lake.rows import Rows, mask_unknown, require_key
from brain.lake.window import STEPS, newest_key
from brain.source.batches import Extent, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.extract.plan import Plan
    from brain.source.connect import Source


def read_planned(source: Source, moment: Moment, plan: Plan) -> Rows:
    """The planned rows with their joined columns, in the order of ``plan.columns``.

    Raises:
        SourceTableError: There is no row, or the key is not one date or timestamp a row.
    """
    table, shape = plan.table, plan.shape
    batches = source.read(
        shape.table,
        shape.key,
        shape.columns,
        since=_bound(plan.since, shape.kind),
        until=_bound(newest_key(table.kind, moment), shape.kind),
        batch_rows=table.extraction.batch_rows,
    )
    parts = [Rows(_keys(table, batch.keys), shape.columns, batch.values) for batch in batches]
    rows = Rows.concat(parts, shape.columns, table.kind)
    require_key(table, table.table, shape.key, rows.keys)
    if not len(rows) and not plan.prefix:
        raise no_rows(table, f"no row up to {newest_key(table.kind, moment)}")
    return mask_unknown(with_joined(source, table, plan.joined, rows), table.rows_ahead)


def same_extent(source: Source, moment: Moment, plan: Plan, rows: Rows) -> bool:
    """Whether the source's table begins, ends and counts as the `rows` read and the prefix before them say.

    Rows that came or went where this run does not read show in the count.
    """
    shape, kept = plan.shape, plan.prefix
    found = source.extent(
        shape.table,
        shape.key,
        since=_bound(plan.floor, shape.kind),
        until=_bound(newest_key(plan.table.kind, moment), shape.kind),
    )
    first = np.datetime64(kept[0].first, "us")
    last = rows.keys[-1] if len(rows) else np.datetime64(kept[-1].last, "us")
    expected = Extent(sum(segment.rows for segment in kept) + len(rows), first, last.astype("datetime64[us]"))
    return found == expected


def newer_rows(source: Source, table: SourceTable, watermark: date, moment: Moment) -> int:
    """How many rows of the source that are known at `moment` lie behind the lake's newest one."""
    kinds = source.columns(table.table)
    require_columns(table, kinds)
    kind = kinds[table.key[0]]
    since, until = watermark + STEPS[table.kind], newest_key(table.kind, moment)
    if since > until:
        return 0
    return source.extent(table.table, table.key[0], since=_bound(since, kind), until=_bound(until, kind)).rows


def no_rows(table: SourceTable, found: str) -> SourceTableError:
    """The error for a table in which there is nothing to read."""
    return SourceTableError(
        table.name,
        found=f"{found} in table {table.table!r}",
        expected="at least one row",
        remedy="Load the table, or take it out of the catalogue.",
    )


def _bound(key: date | None, kind: Kind) -> date | None:
    """A bound as the source compares it with a key of this kind."""
    return key.replace(tzinfo=UTC) if kind is Kind.ZONED_TIME and isinstance(key, datetime) else key


def _keys(table: SourceTable, keys: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    if table.kind is KeyKind.TIME:
        return keys
    days = keys.astype("datetime64[D]")
    if (odd := keys[(days != keys) & ~np.isnat(keys)]).size:
        raise SourceTableError(
            table.name,
            found=f"{odd.size} dates with a time of day, the first {odd[0]}, in table {table.table!r}",
            expected="one row a calendar date",
            remedy="Aggregate the table to days, or join it as a windowed source of a daily table.",
        )
    return days
