"""What can be said of rows whose segment is lost: whether they are what they were, not which of them are not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from brain.extract.changes import Changes, compare
from brain.lake.content import extend_chain
from brain.lake.rows import Rows, mask_unknown

if TYPE_CHECKING:
    from collections.abc import Collection

    from brain.extract.plan import Plan
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot


def compare_without(lake: Lake, plan: Plan, previous: Snapshot, rows: Rows, lost: Collection[str]) -> Changes:
    """As `compare`, of a whole table, where the files of some segments are lost.

    The content hash of such a segment is known: rows that have it are what they were, others all count as corrected.
    """
    known = mask_unknown(rows.until(previous.watermark), plan.table.rows_ahead)
    gone = [s for s in previous.segments if s.name in lost and (plan.floor is None or s.last >= plan.floor)]
    inside = np.zeros(len(rows), bool)
    corrected, missing = [], 0
    for segment in gone:
        inside |= (rows.keys >= np.datetime64(segment.first)) & (rows.keys <= np.datetime64(segment.last))
        part = known.since(segment.first).until(segment.last)
        if segment.before is None or extend_chain(segment.before, part) != segment.chain:
            corrected.append(part.keys)
            purged = plan.floor is not None and segment.first < plan.floor
            missing += 0 if purged else max(0, segment.rows - len(part))
    before = lake.read_rows(replace(previous, segments=tuple(s for s in previous.segments if s.name not in lost)))
    if plan.floor is not None:
        before = before.since(plan.floor)
    others = Rows(rows.keys[~inside], rows.columns, rows.values[:, ~inside])
    changes = compare(before, others, plan.table.rows_ahead)
    return replace(changes, corrected=np.unique(np.concatenate([changes.corrected, *corrected])), missing=missing)
