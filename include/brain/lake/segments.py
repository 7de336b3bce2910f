"""Segments: runs of whole calendar quarters as zstd-compressed Parquet files named after their content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from brain.core.errors import LakeError
from brain.core.keys import Sha256
from brain.lake.content import block_starts, chain_at
from brain.lake.manifest import Segment
from brain.lake.rows import Rows
from brain.usecases.direction.names import DATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brain.lake.storage import Storage

SEGMENT_ROWS = 65_536
_LEVEL = -5  # with byte-stream split: smaller, faster to write and faster to read than level 1 without
SMALL_ROWS = 1_024  # a sealed segment below this is merged with its successor rather than left as a splinter


def write_segments(
    storage: Storage, folder: str, chain: Sha256, rows: Rows, mutable: int
) -> tuple[list[Segment], Sha256]:
    """Write `rows` as sealed segments and one last segment that holds at least the newest `mutable` rows.

    Args:
        folder: Where the files go.
        chain: Content hash before the first of these rows, which starts a block.
        mutable: Newest rows that later days may still complete; they end up in the last segment.

    Returns:
        The segments and the content hash after them.
    """
    stops = _stops(block_starts(rows.dates), len(rows), mutable)
    segments = []
    for start, stop, after in zip([0, *stops], stops, chain_at(chain, rows, stops), strict=False):
        segments.append(_write(storage, folder, rows.part(start, stop), after))
    return segments, segments[-1].chain if segments else chain


def _stops(starts: Sequence[int], rows: int, mutable: int) -> list[int]:
    """Where segments end: full-sized sealed ones, the sealed remainder, and the tail."""
    if not rows:
        return []
    tail = max((start for start in starts if start <= max(0, rows - mutable)), default=0)
    stops, last = [], 0
    for start in starts:
        if start <= tail and start - last >= SEGMENT_ROWS:
            stops.append(start)
            last = start
    return [*stops, *([tail] if tail > last else []), rows]


def _write(storage: Storage, folder: str, rows: Rows, chain: Sha256) -> Segment:
    content = encode(rows)
    digest = hashlib.sha256(content).hexdigest()
    first, last = rows.dates[0].astype(object), rows.dates[-1].astype(object)
    name = f"{first:%Y%m%d}-{last:%Y%m%d}-{digest[:16]}.parquet"
    storage.write_before(f"{folder}/{name}", content)
    return Segment(name, len(rows), first, last, chain, Sha256(digest), len(content))


def encode(rows: Rows) -> bytes:
    """The rows as a Parquet file: ``Date`` as timestamp[us], every other column as double; an empty cell is NaN."""
    arrays = [pa.array(rows.dates.astype("datetime64[us]")), *map(pa.array, rows.values)]
    named = zip([DATE, *rows.columns], arrays, strict=True)
    fields = [pa.field(name, array.type, nullable=False) for name, array in named]  # no levels to write or read
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()  # a Python file is called back for every column
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=False,
        use_byte_stream_split=list(rows.columns),
        write_statistics=[DATE],
        store_schema=False,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_segments(storage: Storage, folder: str, segments: Iterable[Segment], columns: Sequence[str]) -> Rows:
    """The rows of `segments`, with some of their columns.

    Raises:
        LakeError: A file is gone or is not what was written.
    """
    return Rows.concat([_read(storage, f"{folder}/{s.name}", s, columns) for s in segments], columns)


def _read(storage: Storage, name: str, segment: Segment, columns: Sequence[str]) -> Rows:
    try:
        content = storage.read(name)
    except FileNotFoundError:
        raise _damaged(storage.describe(name), "no such file") from None
    if hashlib.sha256(content).hexdigest() != segment.sha256:
        raise _damaged(storage.describe(name), f"{len(content)} bytes of another hash")
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        table = file.read([DATE, *columns], use_threads=False)
    values = np.empty((len(columns), table.num_rows))
    for index, column in enumerate(columns):
        values[index] = table.column(column).to_numpy()
    return Rows(table.column(DATE).to_numpy().astype("datetime64[D]"), tuple(columns), values)


def sealed_before(segments: Sequence[Segment], overlap: int) -> tuple[Segment, ...]:
    """The leading segments that end before the newest `overlap` rows."""
    rows, kept = 0, len(segments)
    while kept and rows < overlap:
        kept -= 1
        rows += segments[kept].rows
    return tuple(segments[:kept])


def splits(rows: Rows, mutable: int) -> bool:
    """Whether writing `rows` would seal some of them."""
    return len(_stops(block_starts(rows.dates), len(rows), mutable)) > 1


def _damaged(subject: str, found: str) -> LakeError:
    return LakeError(
        subject,
        found=found,
        expected="the Parquet file named in the manifest, unaltered",
        remedy="Restore the file from a backup, or delete the asset's folder and extract it in full again.",
    )
