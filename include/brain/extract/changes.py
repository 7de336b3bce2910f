"""What is different between the rows the lake holds and the rows the source gives now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brain.lake.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_DAYS = np.empty(0, "datetime64[D]")


@dataclass(frozen=True)
class Changes:
    """What a comparison has found.

    A *completion* is a value that was unknown because its future row did not exist yet; it is no correction.

    Args:
        appended: Number of rows after the old watermark.
        completed: Number of values that became known with a later row.
        corrected: Keys of rows whose values changed.
        deleted: Keys of rows that are gone.
        late: Keys of rows that appeared behind the watermark.
        columns: Columns with corrected values.
        missing: Number of rows that are gone, of which the lake has lost the keys.
    """

    appended: int = 0
    completed: int = 0
    corrected: NDArray[np.datetime64] = field(default_factory=lambda: _DAYS)
    deleted: NDArray[np.datetime64] = field(default_factory=lambda: _DAYS)
    late: NDArray[np.datetime64] = field(default_factory=lambda: _DAYS)
    columns: tuple[str, ...] = ()
    missing: int = 0

    @property
    def revised(self) -> NDArray[np.datetime64]:
        """The key of every row behind the old watermark that is not what it was, ascending."""
        return np.unique(np.concatenate([self.corrected, self.deleted, self.late]))


def growth(known: Rows, rows: Rows) -> Changes:
    """What `rows` add to `known`, their first rows as they were known then: rows, and values that became known."""
    now = rows.values[:, : len(known)]
    completed = np.isnan(known.values).sum() - np.isnan(now).sum()
    return Changes(appended=len(rows) - len(known), completed=int(completed))


def compare(old: Rows, new: Rows, rows_ahead: Callable[[str], int]) -> Changes:
    """Compare rows that start at the same place in the table's history; both end at their own watermark.

    Args:
        old: What the lake holds.
        new: What the source gives; columns that only one side has are left out of the comparison.
        rows_ahead: For a column, after how many rows a value becomes known.
    """
    if not len(old):
        return Changes(appended=len(new))
    watermark = old.keys[-1]
    behind = new.keys[new.keys <= watermark]
    _, here, there = np.intersect1d(old.keys, behind, assume_unique=True, return_indices=True)
    shared = [name for name in old.columns if name in set(new.columns)]
    before = old.values[[old.columns.index(name) for name in shared]][:, here]
    after = new.values[[new.columns.index(name) for name in shared]][:, there]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    ahead = np.array([rows_ahead(name) for name in shared], np.int64)
    completed = differs & _unknown(ahead, here, len(old)) & np.isnan(before)
    corrected = differs & ~completed
    return Changes(
        appended=len(new) - len(behind),
        completed=int(completed.sum()),
        corrected=old.keys[here][corrected.any(axis=0)],
        deleted=np.setdiff1d(old.keys, behind, assume_unique=True),
        late=np.setdiff1d(behind, old.keys, assume_unique=True),
        columns=tuple(name for name, hit in zip(shared, corrected.any(axis=1), strict=True) if hit),
    )


def _unknown(ahead: NDArray[np.int64], positions: NDArray[np.int64], rows: int) -> NDArray[np.bool_]:
    """Values whose future row lay beyond the old watermark, shape (columns, positions)."""
    unknown: NDArray[np.bool_] = positions[None, :] + ahead[:, None] >= rows
    return unknown & (ahead > 0)[:, None]
