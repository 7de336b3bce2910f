"""What one extraction reads: everything, or only what lies behind the segments that cannot change any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from brain.extract.align import Joined, joined_sources
from brain.extract.shape import TableShape, row_shape
from brain.lake.columns import Column
from brain.lake.segments import sealed_before
from brain.lake.snapshot import Snapshot, snapshot_of
from brain.lake.window import STEPS, first_kept, overlap_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.lake.manifest import Manifest, Segment
    from brain.source.connect import Source


@dataclass(frozen=True)
class Plan:
    """What to read: from `since` on, behind the segments in `prefix` that stay as they are.

    Args:
        columns: Every column of the new snapshot but the key, joined ones last.
        floor: First key that the retention keeps; None keeps all.
    """

    table: SourceTable
    shape: TableShape
    joined: tuple[Joined, ...]
    columns: tuple[Column, ...]
    overlap: int
    floor: date | None
    previous: Snapshot | None
    prefix: tuple[Segment, ...]
    full: bool

    @property
    def since(self) -> date | None:
        return self.prefix[-1].last + STEPS[self.table.kind] if self.prefix else self.floor

    @cached_property
    def known_columns(self) -> tuple[Column, ...]:
        """The columns of the previous snapshot; those planned if there is none."""
        if self.previous is None:
            return self.columns
        return tuple(self.previous.columns[name] for name in self.previous.values)


def make_plan(source: Source, table: SourceTable, moment: Moment, manifest: Manifest | None, *, full: bool) -> Plan:
    """Decide what to read; the whole table at first, when asked, when due, and when its columns or retention changed.

    Raises:
        SourceTableError: The table or a joined one is missing or of the wrong shape.
    """
    known = manifest.latest.columns if manifest else ()
    names = {column.name for column in known}
    own = row_shape(table, source.columns(table.table), names)
    joined = joined_sources(source, table, own, names)
    taken = (*own.columns, *(name for one in joined for name in one.names))
    columns = tuple(Column(name, rows_ahead=table.rows_ahead(name)) for name in taken)
    overlap = overlap_rows(table, taken)
    floor = first_kept(table, moment)
    whole = (
        full
        or manifest is None
        or not same_columns(known, columns)
        or check_is_due(table, moment, manifest)
        or (floor is not None and manifest.latest.segments[0].first < floor)
    )
    prefix = sealed_before(manifest.latest.segments, overlap) if manifest and not whole else ()
    previous = snapshot_of(manifest, manifest.latest) if manifest else None
    return Plan(table, own, joined, columns, overlap, floor, previous, prefix, full=not prefix)


def same_columns(known: Sequence[Column], columns: Sequence[Column]) -> bool:
    """Whether two versions have the same columns, in any order."""
    return set(known) == set(columns)


def check_is_due(table: SourceTable, moment: Moment, manifest: Manifest) -> bool:
    """Whether every row is to be compared with the source; a check that a run of the future made counts for nothing."""
    days = table.extraction.full_check_days
    return days is not None and not timedelta(0) <= moment.day - manifest.checked_in_full < timedelta(days=days)
