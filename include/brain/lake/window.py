"""How far an extraction looks: the newest key it may see, the overlap it reads again, the first key that is kept."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from brain.core.durations import day_before
from brain.core.source_table import KeyKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable

_INSTANT = timedelta(microseconds=1)
STEPS = {KeyKind.DAY: timedelta(days=1), KeyKind.TIME: _INSTANT, KeyKind.EVENTS: _INSTANT}  # to the next possible key
TIMED = (KeyKind.TIME, KeyKind.EVENTS)
OVERLAP_MARGIN = 20
_QUARTER = 3


def newest_key(kind: KeyKind, moment: Moment) -> date:
    """The last key that is known at `moment`: its day, or its time in UTC as a `datetime` without zone."""
    return moment.at.astimezone(UTC).replace(tzinfo=None) if kind in TIMED else moment.day


def overlap_rows(table: SourceTable, columns: Iterable[str]) -> int:
    """Newest known rows that are read again: all of which a value may still become known, and a margin."""
    return table.extraction.overlap_rows or max(map(table.rows_ahead, columns), default=0) + OVERLAP_MARGIN


def first_kept(table: SourceTable, moment: Moment) -> date | None:
    """First key that ``retention.keep`` keeps; None keeps all, as a keyed table and one of events do.

    Rows go by whole calendar quarters, so that the content hash changes only when one is dropped.
    """
    if table.retention.keep is None or table.kind in (KeyKind.NAMES, KeyKind.EVENTS):
        return None
    oldest = day_before(moment.day, table.retention.keep)
    first = oldest.replace(month=(oldest.month - 1) // _QUARTER * _QUARTER + 1, day=1)
    return datetime.combine(first, time()) if table.kind is KeyKind.TIME else first
