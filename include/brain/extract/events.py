"""A table of events: only what is newer than the newest line known is read, and what has changed before.

What has changed is told by a column of the table where it has one (`SourceTable.changed`): lines that came late or were
corrected are looked up by it. Else older lines are counted, and all are read again where they are not as many as known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from brain.core.errors import SourceTableError
from brain.extract.incremental import refuse_loss, told_lost
from brain.extract.plan import check_is_due
from brain.extract.reading import no_rows
from brain.extract.shape import keyed_columns
from brain.lake.columns import columns_of
from brain.lake.commit import Commit, Status
from brain.lake.events import EventContent, differing, in_order, told_apart, until
from brain.lake.snapshot import snapshot_of
from brain.lake.window import newest_key
from brain.source.batches import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from brain.core.source_table import SourceTable
    from brain.extract.report import ExtractionReport
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest, Version
    from brain.source.connect import Source

_INSTANT = timedelta(microseconds=1)


def read_events(
    source: Source,
    lake: Lake,
    table: SourceTable,
    manifest: Manifest | None,
    report: ExtractionReport,
    *,
    full: bool,
    damaged: frozenset[str] = frozenset(),
) -> tuple[Commit, ExtractionReport]:
    """What to commit, and the report of what is different from the previous snapshot.

    Reads the lines after the watermark, and those that changed before it. What makes it read the whole table: another
    number of older lines than is known where nothing tells what changed, a due full check, a lost file of the previous
    snapshot, or `full`. Lines after the moment are not seen, and the report counts them.

    Args:
        full: A column may have changed its type.
        damaged: Names of segments that are lost.

    Raises:
        SourceTableError: The table is missing, without lines, of the wrong shape, or has lost too many lines; a column
            has changed its type.
    """
    before = manifest.latest if manifest else None
    reader = _Reader(source, table, report)
    lost = damaged.intersection(segment.name for segment in before.segments) if before else frozenset()
    whole = before is None or full or bool(lost) or _is_due(table, report, manifest)
    found = None if whole or manifest is None else reader.changed(lake, manifest)
    if found is None:
        rows = reader.all()
        gone, late = (0, 0) if manifest is None or lost else _compared(lake, manifest, rows, reader.key)
        found = _Found(EventContent(reader.key, (), rows), rows.num_rows, gone, late)
    content, gone, late = found.content, found.gone, found.late
    if before is not None:
        _refuse_other_types(table, before, content.table, full=full)
        refuse_loss(table, gone - min(gone, late), before.rows)
    known = before.rows if before and not lost else 0
    new = content.total_rows - (known - gone + late) if before else content.total_rows
    report = replace(
        report,
        rows_read=found.read,
        rows_new=max(new, 0),
        rows_changed=min(gone, late),
        rows_vanished=gone - min(gone, late),
        reason=told_lost(lost) if lost else reader.told(),
    )
    status = _status(before, new, gone + late, lost=bool(lost))
    checked, reached = found.is_all, reader.reached
    change = Commit(table, manifest, status, content, report.moment, checked, damaged=damaged, reached=reached)
    return change, report


@dataclass(frozen=True)
class _Found:
    """What was read.

    Args:
        read: How many lines.
        gone: Of the lines up to the watermark, how many are no more; one that was corrected is gone and late.
        late: How many are new.
    """

    content: EventContent
    read: int
    gone: int = 0
    late: int = 0
    is_all: bool = True


class _Reader:
    """Reads the lines of one table up to the report's moment."""

    def __init__(self, source: Source, table: SourceTable, report: ExtractionReport) -> None:
        self.source, self.table = source, table
        kinds = source.columns(table.table)
        keyed_columns(table, kinds)  # raises where one is missing or of the wrong type
        (self.key,) = table.key
        self.kinds = kinds
        self.names = list(dict.fromkeys((self.key, *table.required)))
        last = newest_key(table.kind, report.moment)
        assert isinstance(last, datetime)
        self.last = last
        self.timeless = 0
        self.reached = self._newest_change()  # before any line is read: what changes meanwhile is found by the next run

    def all(self) -> pa.Table:
        rows = self._read(None)
        if not rows.num_rows:
            raise no_rows(self.table, f"no line up to {self.last:%Y-%m-%d %H:%M:%S} UTC")
        return rows

    def changed(self, lake: Lake, manifest: Manifest) -> _Found | None:
        """The lines after the watermark, and those that changed before it; None if all have to be read."""
        before = manifest.latest
        watermark, first = before.watermark, before.segments[0].first
        assert isinstance(watermark, datetime)
        if self.table.changed:
            if before.reached is None or self.reached is None or self.reached < before.reached:
                return None  # nothing is known of changes, or the table was put back to an earlier state
            rewritten = self._rewritten(before.reached, watermark) if self.reached > before.reached else None
            newer = self._read(watermark + _INSTANT)
            return self._merged(lake, manifest, rewritten, newer)
        known = self._extent(first, watermark)
        if known != before.rows or self._extent(None, watermark) != known:
            return None
        newer = self._read(watermark + _INSTANT)
        return _Found(EventContent(self.key, before.segments, newer), newer.num_rows, is_all=False)

    def _merged(self, lake: Lake, manifest: Manifest, rewritten: pa.Table | None, newer: pa.Table) -> _Found:
        """The lines that were written again take the place of those of the same time and identity.

        Files that end before the first of them stay as they are.
        """
        before = manifest.latest
        unchanged = _Found(EventContent(self.key, before.segments, newer), newer.num_rows, is_all=False)
        if rewritten is None or not rewritten.num_rows:
            return unchanged
        read = rewritten.num_rows + newer.num_rows
        first = rewritten.column(self.key)[0].as_py()
        kept = sum(segment.last < first for segment in before.segments)
        behind = replace(snapshot_of(manifest, before), segments=before.segments[kept:])
        known = lake.read_table(behind)
        _refuse_other_types(self.table, before, rewritten, full=False)
        others, replaced = told_apart(known, [self.key, *self.table.identity], rewritten)
        gone, late = differing(replaced, rewritten)
        if not gone + late:
            return replace(unchanged, read=read)
        parts = [part.select(known.column_names) for part in (others, rewritten, newer)]
        lines = in_order(pa.concat_tables(parts), self.key)
        return _Found(EventContent(self.key, before.segments[:kept], lines), read, gone, late, is_all=False)

    def _rewritten(self, reached: datetime, watermark: datetime) -> pa.Table:
        """The lines up to the watermark that were written after what is known."""
        assert self.table.changed is not None
        after = _bounded(reached + _INSTANT, self.kinds[self.table.changed])
        return self._read(datetime(1, 1, 1), watermark, (self.table.changed, after))  # noqa: DTZ001 - as the lake keeps times

    def _newest_change(self) -> datetime | None:
        name = self.table.changed
        if name is None:
            return None
        if self.kinds.get(name) not in (Kind.TIME, Kind.ZONED_TIME):
            raise SourceTableError(
                self.table.name,
                found=f"no column {name!r} of times in table {self.table.table!r}",
                expected="a time that is set anew, and only grows, whenever a line is written",
                remedy="Correct the catalogue, or leave `changed` out: then late lines are found by counting.",
            )
        return self.source.newest_key(self.table.table, name, None)

    def told(self) -> str:
        """What was left out, for a person; empty if nothing was."""
        ahead = self.source.extent(self.table.table, self.key, since=self._bound(self.last + _INSTANT)).rows
        parts = [
            f"{ahead} lines are dated after {self.last:%Y-%m-%d %H:%M:%S} UTC and wait for their time" if ahead else "",
            f"{self.timeless} lines without {self.key!r} are left out" if self.timeless else "",
        ]
        return "; ".join(filter(None, parts))

    def _read(
        self, since: datetime | None, until: datetime | None = None, at_least: tuple[str, datetime] | None = None
    ) -> pa.Table:
        rows = self.source.read_table(
            self.table.table,
            self.names,
            key=self.key,
            since=None if since is None else self._bound(since),
            until=self._bound(until or self.last, is_last=True),
            at_least=at_least,
            batch_rows=self.table.extraction.batch_rows,
        )
        timed = rows.filter(pc.is_valid(rows.column(self.key)))
        self.timeless += rows.num_rows - timed.num_rows
        return in_order(timed, self.key)

    def _extent(self, first: date | None, last: datetime) -> int:
        """How many lines lie between two times; before the first known one, those without a time do not count."""
        since = None if first is None else self._bound(first)
        low = self._bound(datetime(1, 1, 1)) if since is None else since  # noqa: DTZ001 - as the lake keeps times
        return self.source.extent(self.table.table, self.key, since=low, until=self._bound(last, is_last=True)).rows

    def _bound(self, at: date, *, is_last: bool = False) -> date:
        """A bound as the source compares it with a key of this kind."""
        assert isinstance(at, datetime)
        kind = self.kinds[self.key]
        if kind is Kind.DATE:
            return at.date() if is_last or at.time() == time() else at.date() + timedelta(days=1)
        return _bounded(at, kind)


def _bounded(at: datetime, kind: Kind) -> datetime:
    return at.replace(tzinfo=UTC) if kind is Kind.ZONED_TIME else at


def _is_due(table: SourceTable, report: ExtractionReport, manifest: Manifest | None) -> bool:
    return manifest is not None and check_is_due(table, report.moment, manifest)


def _compared(lake: Lake, manifest: Manifest, rows: pa.Table, key: str) -> tuple[int, int]:
    """Of the lines up to the watermark: how many are gone, and how many came late."""
    before, watermark = manifest.latest, manifest.latest.watermark
    assert isinstance(watermark, datetime)
    old = lake.read_table(snapshot_of(manifest, before))
    shared = [name for name in old.column_names if name in rows.column_names]
    return differing(old.select(shared), until(rows, key, watermark).select(shared))


def _status(before: Version | None, new: int, changed: int, *, lost: bool) -> Status:
    if before is None:
        return "new"
    if changed:
        return "corrected"
    if lost:
        return "rewritten"
    return "appended" if new else "unchanged"


def _refuse_other_types(table: SourceTable, before: Version, lines: pa.Table, *, full: bool) -> None:
    """The columns have to be those of the snapshot before, each of its type."""
    now: Sequence[tuple[str, str]] = [(column.name, column.type) for column in columns_of(lines.schema)]
    then = [(column.name, column.type) for column in before.columns]
    if full or sorted(now) == sorted(then):
        return
    found = ", ".join(f"{name} ({type_})" for name, type_ in now if (name, type_) not in then) or "fewer columns"
    raise SourceTableError(
        table.name,
        found=f"{found} in table {table.table!r}",
        expected=", ".join(f"{name} ({type_})" for name, type_ in then) + ", as in the snapshot before",
        remedy="Cast it in a view, or give it back its type. If that is meant, extract the table once in full"
        " (`brain extract --full`).",
    )
