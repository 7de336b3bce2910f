"""What one extraction reads: everything, or only what lies behind the segments that cannot change any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from brain.extract.align import Joined, joined_sources
from brain.extract.shape import TableShape, asset_shape
from brain.lake.lake import Snapshot, snapshot_of
from brain.lake.segments import sealed_before
from brain.lake.window import first_kept_day, overlap_rows
from brain.usecases.direction.names import DATE

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.lake.manifest import Manifest, Segment
    from brain.source.open import Source
    from brain.usecases.direction.catalogue import AssetSpec


@dataclass(frozen=True)
class Plan:
    """What to read: from `since` on, behind the segments in `prefix` that stay as they are."""

    shape: TableShape
    joined: tuple[Joined, ...]
    columns: tuple[str, ...]
    overlap: int
    floor: date | None
    previous: Snapshot | None
    prefix: tuple[Segment, ...]
    full: bool

    @property
    def since(self) -> date | None:
        return self.prefix[-1].last + timedelta(days=1) if self.prefix else self.floor


def make_plan(source: Source, spec: AssetSpec, moment: Moment, manifest: Manifest | None, *, full: bool) -> Plan:
    """Decide what to read; the whole table at first, when asked, when due, and when its columns or retention changed.

    Raises:
        SourceTableError: The asset's table or a joined one is missing or of the wrong shape.
    """
    previous = snapshot_of(spec.name, manifest.latest) if manifest else None
    known = [name for name in previous.columns if name != DATE] if previous else []
    own = asset_shape(source, spec, known)
    joined = joined_sources(source, spec, own, known)
    columns = (*own.columns, *(name for one in joined for name in one.names))
    overlap = overlap_rows(spec, columns)
    floor = first_kept_day(spec, moment)
    whole = (
        full
        or manifest is None
        or set(known) != set(columns)
        or _check_is_due(spec, moment, manifest)
        or (floor is not None and manifest.latest.segments[0].first < floor)
    )
    prefix = sealed_before(manifest.latest.segments, overlap) if manifest and not whole else ()
    return Plan(own, joined, columns, overlap, floor, previous, prefix, full=not prefix)


def _check_is_due(spec: AssetSpec, moment: Moment, manifest: Manifest) -> bool:
    days = spec.extraction.full_check_days
    return days is not None and moment.day - manifest.checked_in_full >= timedelta(days=days)
