"""Tables of events (orders, payments): a line a thing that happened, ascending by time; many may have one time.

Lines of one time are ordered by their other columns, and files end after every `SEGMENT_ROWS` lines: where they are
cut, and so the content hash, follows from the lines alone. New lines go behind the last full file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from brain.core.keys import Sha256
from brain.lake.columns import Column, columns_of, to_frame
from brain.lake.keyed import canonical, content_of, read_segments
from brain.lake.manifest import Revision, Segment, Version
from brain.lake.segments import SEGMENT_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from brain.lake.storage import Storage

_FORMAT = b"brain-events-1"


@dataclass(frozen=True)
class EventContent:
    """The lines of a version.

    Args:
        key: The column of times.
        prefix: Files of the version before that `table` continues; the last one may be part full.
        table: Everything behind the prefix, as `in_order` gives it.
    """

    key: str
    prefix: tuple[Segment, ...]
    table: pa.Table

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.table.schema)

    @property
    def total_rows(self) -> int:
        return sum(segment.rows for segment in self.prefix) + int(self.table.num_rows)

    @property
    def watermark(self) -> datetime:
        if not self.table.num_rows:
            last = self.prefix[-1].last
            assert isinstance(last, datetime)
            return last
        return _time(self.table, self.key, -1)

    @property
    def revision(self) -> Revision | None:
        """None: a version whose older lines changed is a whole new one."""
        return None

    def frame(self) -> pd.DataFrame:
        """The lines behind the prefix, which are those that were read."""
        return to_frame(self.table)

    def write(self, storage: Storage, folder: str, before: Version | None) -> tuple[tuple[Segment, ...], Sha256]:
        """Write the files that the version `before` does not have; all files, and the content hash."""
        kept, table = self.prefix, self.table
        if kept and kept[-1].rows < SEGMENT_ROWS:
            last = read_segments(storage, folder, kept[-1:], self.columns, table.column_names)
            kept, table = kept[:-1], pa.concat_tables([last, table])
        known = {segment.chain: segment for segment in before.segments} if before else {}
        segments = list(kept)
        for part in _parts(table):
            chain = content_of(part)
            segments.append(known.get(chain) or self._write(storage, folder, chain, part))
        return tuple(segments), _hash([segment.chain for segment in segments])

    def _write(self, storage: Storage, folder: str, chain: Sha256, part: pa.Table) -> Segment:
        sink = pa.BufferOutputStream()
        pq.write_table(part, sink, compression="zstd", store_schema=False)
        content: bytes = sink.getvalue().to_pybytes()
        digest = hashlib.sha256(content).hexdigest()
        name = f"{digest[:32]}.parquet"
        storage.write_before(f"{folder}/{name}", content)
        first, last = _time(part, self.key, 0), _time(part, self.key, -1)
        return Segment(name, part.num_rows, first, last, chain, Sha256(digest), len(content))


def in_order(table: pa.Table, key: str) -> pa.Table:
    """The lines as the lake holds them: ascending by time, then by every other column; floats in canonical form.

    Args:
        key: The column of times; dates become the times they begin with.
    """
    columns = {name: canonical(table.column(name)) for name in [key, *sorted(set(table.column_names) - {key})]}
    columns[key] = columns[key].cast(pa.timestamp("us"))
    found = pa.table(columns)
    order = pc.sort_indices(found, [(name, "ascending") for name in found.column_names])
    return found.take(order).combine_chunks()


def hash_of(table: pa.Table) -> Sha256:
    """The content hash of lines that are `in_order`, as `EventContent.write` gives it."""
    return _hash(map(content_of, _parts(table)))


def until(table: pa.Table, key: str, last: date) -> pa.Table:
    """The lines up to a time, which has no zone."""
    return table.filter(pc.less_equal(table.column(key), pa.scalar(last, pa.timestamp("us"))))


def differing(old: pa.Table, new: pa.Table) -> tuple[int, int]:
    """How many lines of `old` are not in `new`, and the reverse; a line counts as often as it stands there."""
    ours, theirs = (_hashes(table.select(sorted(old.column_names))) for table in (old, new))
    place: NDArray[np.intp] = np.unique(np.concatenate([ours, theirs]), return_inverse=True)[1]
    sides = [np.bincount(part, minlength=len(place)) for part in (place[: len(ours)], place[len(ours) :])]
    more = np.subtract(*sides)
    return int(more[more > 0].sum()), int(-more[more < 0].sum())


def told_apart(table: pa.Table, names: Sequence[str], others: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The lines that have in the columns `names` what no line of `others` has, and the rest; both in order."""
    ours, theirs = (_hashes(one.select(list(names))) for one in (table, others))
    there = pa.array(np.isin(ours, theirs))
    return table.filter(pc.invert(there)), table.filter(there)


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, SEGMENT_ROWS) for start in range(0, table.num_rows, SEGMENT_ROWS))


def _hash(chains: Iterable[Sha256]) -> Sha256:
    digest = hashlib.sha256(_FORMAT)
    for chain in chains:
        digest.update(chain.encode())
    return Sha256(digest.hexdigest())


def _hashes(table: pa.Table) -> NDArray[np.uint64]:
    import pandas as pd

    return np.asarray(pd.util.hash_pandas_object(to_frame(table), index=False), dtype=np.uint64)


def _time(table: pa.Table, key: str, place: int) -> datetime:
    found: datetime = table.column(key)[place].as_py()
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
