"""What a new version of rows by date or timestamp consists of: leading segments that stay, and the rows behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brain.core.source_table import KeyKind
from brain.lake.columns import Column
from brain.lake.content import block_of, chain_start
from brain.lake.manifest import Revision, Segment, Version
from brain.lake.rows import KEY_TYPES, Rows
from brain.lake.segments import RowFiles, splits

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from brain.core.keys import Sha256
    from brain.lake.storage import Storage

SMALL_ROWS = {KeyKind.DAY: 1_024, KeyKind.TIME: 16_384}
"""A sealed segment below this is merged with its successor rather than left as a splinter."""


@dataclass(frozen=True)
class RowContent:
    """The rows of a version.

    Args:
        key: The key column.
        columns: Those of `rows`, in the same order.
        prefix: Leading segments of the version before that `rows` continue.
        rows: Everything behind the prefix.
        overlap: Newest rows that later runs will read again.
        revised: Keys behind the previous watermark that were corrected.
        revised_columns: Columns in which they were.
    """

    key: str
    columns: tuple[Column, ...]
    prefix: tuple[Segment, ...]
    rows: Rows
    overlap: int
    revised: NDArray[np.datetime64] | None = None
    revised_columns: tuple[str, ...] = ()

    @property
    def total_rows(self) -> int:
        return sum(segment.rows for segment in self.prefix) + len(self.rows)

    @property
    def watermark(self) -> date:
        newest: date = self.rows.keys[-1].astype(object) if len(self.rows) else self.prefix[-1].last
        return newest

    @property
    def revision(self) -> Revision | None:
        if self.revised is None or not len(self.revised):
            return None
        first, last = self.revised[0].astype(object), self.revised[-1].astype(object)
        return Revision(first, last, len(self.revised), self.revised_columns)

    def frame(self) -> pd.DataFrame:
        """The rows behind the prefix, which are those that were read."""
        return self.rows.to_frame(self.key)

    def write(self, storage: Storage, folder: str, before: Version | None) -> tuple[tuple[Segment, ...], Sha256]:
        """Write what the version `before` does not have; all segments, and the content hash."""
        files = RowFiles(storage, folder, self.key, self.rows.kind)
        content = _without_splinter(files, _keeping_true_segments(self, before))
        chain = content.prefix[-1].chain if content.prefix else chain_start(content.rows)
        written, data_sha256 = files.write(chain, content.rows, content.overlap)
        return (*content.prefix, *written), data_sha256


def _keeping_true_segments(content: RowContent, before: Version | None) -> RowContent:
    """After a full read, keep the leading segments that no correction has touched instead of writing them again."""
    if content.prefix or before is None or before.columns != content.columns:
        return content
    type_ = KEY_TYPES[content.rows.kind]
    revised = content.revised is not None and len(content.revised)
    first = content.revised[:1] if content.revised is not None and revised else np.array(["9999-12-31"], type_)
    start = content.rows.keys[0]
    kept: list[Segment] = []
    for segment in before.segments[:-1]:
        ends_before = block_of(np.array([segment.last], type_)) < block_of(first)
        if not ends_before[0] or np.datetime64(segment.first) < start:
            break
        kept.append(segment)
    if not kept:
        return content
    rows = content.rows.part(sum(segment.rows for segment in kept))
    return replace(content, prefix=tuple(kept), rows=rows)


def _without_splinter(files: RowFiles, content: RowContent) -> RowContent:
    """If a small sealed segment would be followed by another one, write the two as one."""
    last = content.prefix[-1] if content.prefix else None
    if last is None or last.rows >= SMALL_ROWS[files.kind] or not splits(content.rows, content.overlap):
        return content
    before = files.read([last], content.rows.columns)
    rows = Rows.concat([before, content.rows], content.rows.columns, files.kind)
    return replace(content, prefix=content.prefix[:-1], rows=rows)
