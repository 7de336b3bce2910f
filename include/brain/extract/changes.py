"""What is different between the rows the lake holds and the rows the source gives now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brain.lake.rows import Rows, target_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DAYS = np.empty(0, "datetime64[D]")


@dataclass(frozen=True)
class Changes:
    """The outcome of a comparison.

    A *completion* is a RETURNSn cell that was unknown because its future row did not exist yet; it is no correction.

    Args:
        appended: Number of rows after the old watermark.
        completed: Number of RETURNSn cells that became known.
        corrected: Dates whose cells changed.
        deleted: Dates that are gone.
        late: Dates that appeared behind the watermark.
        columns: Columns with corrected cells.
    """

    appended: int = 0
    completed: int = 0
    corrected: NDArray[np.datetime64] = field(default_factory=lambda: _DAYS)
    deleted: NDArray[np.datetime64] = field(default_factory=lambda: _DAYS)
    late: NDArray[np.datetime64] = field(default_factory=lambda: _DAYS)
    columns: tuple[str, ...] = ()

    @property
    def revised(self) -> NDArray[np.datetime64]:
        """Every date behind the old watermark that is not what it was, ascending."""
        return np.unique(np.concatenate([self.corrected, self.deleted, self.late]))


def growth(known: Rows, rows: Rows) -> Changes:
    """What `rows` add to `known`, their first rows with later returns masked: rows, and returns that became known."""
    cells = rows.values[:, : len(known)]
    completed = np.isnan(known.values).sum() - np.isnan(cells).sum()
    return Changes(appended=len(rows) - len(known), completed=int(completed))


def compare(old: Rows, new: Rows) -> Changes:
    """Compare rows that start at the same place in the table's history; both end at their own watermark.

    Args:
        old: What the lake holds.
        new: What the source gives; columns that only one side has are left out of the comparison.
    """
    if not len(old):
        return Changes(appended=len(new))
    watermark = old.dates[-1]
    behind = new.dates[new.dates <= watermark]
    _, here, there = np.intersect1d(old.dates, behind, assume_unique=True, return_indices=True)
    shared = [name for name in old.columns if name in set(new.columns)]
    before = old.values[[old.columns.index(name) for name in shared]][:, here]
    after = new.values[[new.columns.index(name) for name in shared]][:, there]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    completed = differs & _unknown(shared, here, len(old)) & np.isnan(before)
    corrected = differs & ~completed
    return Changes(
        appended=len(new) - len(behind),
        completed=int(completed.sum()),
        corrected=old.dates[here][corrected.any(axis=0)],
        deleted=np.setdiff1d(old.dates, behind, assume_unique=True),
        late=np.setdiff1d(behind, old.dates, assume_unique=True),
        columns=tuple(name for name, hit in zip(shared, corrected.any(axis=1), strict=True) if hit),
    )


def _unknown(columns: list[str], positions: NDArray[np.int64], rows: int) -> NDArray[np.bool_]:
    """Cells whose future row lay beyond the old watermark, shape (columns, positions)."""
    ahead = np.array([target_rows(name) for name in columns])[:, None]
    unknown: NDArray[np.bool_] = positions[None, :] + ahead >= rows
    return unknown & (ahead > 0)
