"""Segments of rows by date or timestamp: runs of whole blocks as Parquet files (zstd) named after their content."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from brain.core.errors import LakeError, StorageUnavailable
from brain.core.keys import Sha256
from brain.core.source_table import KeyKind
from brain.lake.content import block_starts, chain_at, extend_chain
from brain.lake.manifest import Segment
from brain.lake.rows import KEY_TYPES, Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brain.lake.storage import Storage

SEGMENT_ROWS = 65_536
DAMAGED = "damaged"
_LEVEL = -5  # with byte-stream split: smaller, faster to write and faster to read than level 1 without
_STAMPS = {KeyKind.DAY: "%Y%m%d", KeyKind.TIME: "%Y%m%dT%H%M%S"}


@dataclass(frozen=True)
class RowFiles:
    """The segment files of one table.

    Args:
        folder: Where they lie.
        key: What the key column is called in them.
    """

    storage: Storage
    folder: str
    key: str
    kind: KeyKind

    def write(self, chain: Sha256, rows: Rows, mutable: int) -> tuple[list[Segment], Sha256]:
        """Write `rows` as sealed segments and one last segment that holds at least the newest `mutable` rows.

        Args:
            chain: Content hash before the first of these rows, which starts a block.
            mutable: Newest rows that later runs may still complete; they end up in the last segment.

        Returns:
            The segments and the content hash after them.
        """
        stops = _stops(block_starts(rows.keys), len(rows), mutable)
        segments: list[Segment] = []
        for start, stop, after in zip([0, *stops], stops, chain_at(chain, rows, stops), strict=False):
            before = segments[-1].chain if segments else chain
            segments.append(self._write(rows.part(start, stop), before, after))
        return segments, segments[-1].chain if segments else chain

    def _write(self, rows: Rows, before: Sha256, chain: Sha256) -> Segment:
        content = encode(rows, self.key)
        digest = hashlib.sha256(content).hexdigest()
        first, last = rows.keys[0].astype(object), rows.keys[-1].astype(object)
        stamp = _STAMPS[self.kind]
        name = f"{first:{stamp}}-{last:{stamp}}-{digest[:16]}.parquet"
        self.storage.write_before(f"{self.folder}/{name}", content)
        return Segment(name, len(rows), first, last, chain, Sha256(digest), len(content), before)

    def read(self, segments: Iterable[Segment], columns: Sequence[str]) -> Rows:
        """The rows of `segments`, with some of their columns.

        Raises:
            LakeError: A file is gone or is not what was written.
        """
        return Rows.concat([self._read(segment, columns) for segment in segments], columns, self.kind)

    def _read(self, segment: Segment, columns: Sequence[str]) -> Rows:
        if segment.before is None:
            return self._rows(read_file(self.storage, self.folder, segment, [self.key, *columns]), columns)
        table = read_file(self.storage, self.folder, segment)
        others = [name for name in table.column_names if name != self.key and name not in columns]
        rows = self._rows(table, [*columns, *others])
        if extend_chain(segment.before, rows) != segment.chain:
            note(self.storage, self.folder, segment)
            subject = self.storage.describe(f"{self.folder}/{segment.name}")
            raise _damaged(subject, "rows of another content hash than the version's")
        return Rows(rows.keys, tuple(columns), rows.values[: len(columns)])

    def _rows(self, table: pa.Table, columns: Sequence[str]) -> Rows:
        values = np.empty((len(columns), table.num_rows))
        for index, column in enumerate(columns):
            values[index] = table.column(column).to_numpy()
        return Rows(table.column(self.key).to_numpy().astype(KEY_TYPES[self.kind]), tuple(columns), values)


def encode(rows: Rows, key: str) -> bytes:
    """The rows as a Parquet file: the key as timestamp[us], every other column as double; an empty value is NaN."""
    arrays = [pa.array(rows.keys.astype("datetime64[us]")), *map(pa.array, rows.values)]
    named = zip([key, *rows.columns], arrays, strict=True)
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
        write_statistics=[key],
        store_schema=False,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_file(storage: Storage, folder: str, segment: Segment, columns: Sequence[str] | None = None) -> pa.Table:
    """A segment's file.

    Args:
        columns: Those to read; all by default.

    Raises:
        LakeError: The file is gone or is not what was written; that is noted for the next extraction.
    """
    try:
        return _read_file(storage, folder, segment, columns)
    except LakeError:
        note(storage, folder, segment)
        raise


def note(storage: Storage, folder: str, segment: Segment) -> None:
    """Note for the next extraction that a segment cannot be read, if that can be written."""
    with contextlib.suppress(LakeError, StorageUnavailable):
        storage.write(f"{posixpath.dirname(folder)}/{DAMAGED}/{segment.name}", b"")


def _read_file(storage: Storage, folder: str, segment: Segment, columns: Sequence[str] | None) -> pa.Table:
    name = f"{folder}/{segment.name}"
    try:
        content = storage.read(name, largest=segment.size)
    except FileNotFoundError:
        raise _damaged(storage.describe(name), "no such file") from None
    if hashlib.sha256(content).hexdigest() != segment.sha256:
        raise _damaged(storage.describe(name), f"{len(content)} bytes of another hash")
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            return file.read(None if columns is None else list(columns), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(storage.describe(name), f"no Parquet file ({error})") from None


def sealed_before(segments: Sequence[Segment], overlap: int) -> tuple[Segment, ...]:
    """The leading segments that end before the newest `overlap` rows."""
    return tuple(segments[: len(segments) - len(newest(segments, overlap))])


def newest(segments: Sequence[Segment], rows: int) -> Sequence[Segment]:
    """As few of the last segments as hold the newest `rows` rows."""
    found, start = 0, len(segments)
    while start and found < rows:
        start -= 1
        found += segments[start].rows
    return segments[start:]


def splits(rows: Rows, mutable: int) -> bool:
    """Whether writing `rows` would seal some of them."""
    return len(_stops(block_starts(rows.keys), len(rows), mutable)) > 1


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


def _damaged(subject: str, found: str) -> LakeError:
    return LakeError(
        subject,
        found=found,
        expected="the Parquet file named in the manifest, unaltered",
        remedy="The next extraction reads the table anew; or restore the file from a backup before it.",
    )
