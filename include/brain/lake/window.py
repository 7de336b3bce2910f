"""How far back an extraction looks: the overlap it reads again, and the first day the retention keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.durations import day_before
from brain.lake.rows import target_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from brain.core.moment import Moment
    from brain.usecases.direction.catalogue import AssetSpec

OVERLAP_MARGIN = 20
_QUARTER = 3


def overlap_rows(spec: AssetSpec, columns: Iterable[str]) -> int:
    """Newest known rows that are read again: all whose RETURNSn may still become known, and a margin."""
    return spec.extraction.overlap_rows or max(map(target_rows, columns), default=0) + OVERLAP_MARGIN


def first_kept_day(spec: AssetSpec, moment: Moment) -> date | None:
    """First day that ``retention.keep`` keeps; None keeps all.

    Rows go by whole calendar quarters, so that the content hash changes only when one is dropped.
    """
    if spec.retention.keep is None:
        return None
    oldest = day_before(moment.day, spec.retention.keep)
    return oldest.replace(month=(oldest.month - 1) // _QUARTER * _QUARTER + 1, day=1)
