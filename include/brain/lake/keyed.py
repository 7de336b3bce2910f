"""Keyed tables (customers, orders): ordered by key, hashed column by column, cut into segments by the keys themselves.

Where a segment ends depends on the keys in it, not on what stands before it: a row that comes or goes changes the one
segment it lies in, and the others are found again by their content and not written twice.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from brain.core.errors import LakeError, SourceTableError
from brain.core.keys import Sha256
from brain.lake.columns import Column, columns_of, schema_of, to_frame
from brain.lake.manifest import Revision, Segment, Version
from brain.lake.rows import make_canonical
from brain.lake.segments import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from brain.core.source_table import SourceTable
    from brain.lake.storage import Storage

_FORMAT = "brain-keyed-1"
CUT_ROWS = 32_768  # about one key in so many ends a segment
MIN_ROWS, MAX_ROWS = 8_192, 131_072


@dataclass(frozen=True)
class KeyedContent:
    """The rows of a keyed table.

    Args:
        key: Its key columns.
        table: As `ordered` gives it.
        day: For which they were read.
    """

    key: tuple[str, ...]
    table: pa.Table
    day: date

    @property
    def total_rows(self) -> int:
        return int(self.table.num_rows)

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.table.schema)

    @property
    def watermark(self) -> date:
        return self.day

    @property
    def revision(self) -> Revision | None:
        """None: a keyed table has no rows behind a watermark."""
        return None

    @cached_property
    def data_sha256(self) -> Sha256:
        return content_of(self.table)

    @cached_property
    def parts(self) -> dict[Sha256, pa.Table]:
        """The rows of each segment by their content hash, in order."""
        if self.total_rows <= MIN_ROWS:
            return {self.data_sha256: self.table}
        stops = _stops(self.table.select(list(self.key)))
        parts = [self.table.slice(start, stop - start) for start, stop in zip([0, *stops], stops, strict=False)]
        return {content_of(part): part for part in parts}

    def frame(self) -> pd.DataFrame:
        return to_frame(self.table)

    def write(self, storage: Storage, folder: str, before: Version | None) -> tuple[tuple[Segment, ...], Sha256]:
        """Write the segments that the version `before` does not have; all segments, and the content hash."""
        known = {segment.chain: segment for segment in before.segments} if before else {}
        segments = [known.get(chain) or self._write(storage, folder, chain, part) for chain, part in self.parts.items()]
        return tuple(segments), self.data_sha256

    def _write(self, storage: Storage, folder: str, chain: Sha256, part: pa.Table) -> Segment:
        sink = pa.BufferOutputStream()
        pq.write_table(part, sink, compression="zstd", store_schema=False)
        content: bytes = sink.getvalue().to_pybytes()
        digest = hashlib.sha256(content).hexdigest()
        name = f"{digest[:32]}.parquet"
        storage.write_before(f"{folder}/{name}", content)
        return Segment(name, part.num_rows, self.day, self.day, chain, Sha256(digest), len(content))


def ordered(owner: SourceTable, table: pa.Table) -> pa.Table:
    """The table as the lake holds it: one row a key, ascending by key, floats in canonical form.

    Raises:
        SourceTableError: A key is missing or twice; the message names it.
    """
    key = list(owner.key)
    for name in key:
        if nulls := table.column(name).null_count:
            raise _key_error(owner, f"{nulls} rows without {name!r}", "Delete or complete those rows.")
    table = pa.table([canonical(column) for column in table.columns], schema=table.schema)
    table = table.take(pc.sort_indices(table, [(name, "ascending") for name in key])).combine_chunks()
    twice = _repeated(table.select(key))
    if len(twice):
        example = ", ".join(f"{name} = {table.column(name)[int(twice[0])].as_py()!r}" for name in key)
        found = f"{len(twice)} rows whose key another row has, the first {example},"
        raise _key_error(owner, found, "Keep one row a key, or name all columns of the key.")
    return table


def read_segments(
    storage: Storage, folder: str, segments: Iterable[Segment], columns: Sequence[Column], names: Sequence[str]
) -> pa.Table:
    """The rows of `segments` in order.

    Args:
        columns: Those of the version the segments are from.
        names: The columns to read.

    Raises:
        LakeError: A file is gone or is not what was written.
    """
    schema = schema_of(columns)
    read = [_read_segment(storage, folder, segment, schema).select(list(names)) for segment in segments]
    return pa.concat_tables(read) if read else schema.empty_table().select(list(names))


def _read_segment(storage: Storage, folder: str, segment: Segment, schema: pa.Schema) -> pa.Table:
    table = read_file(storage, folder, segment).select(schema.names).cast(schema)
    if content_of(table) != segment.chain:
        raise LakeError(
            storage.describe(f"{folder}/{segment.name}"),
            found="rows of another content hash than the version's",
            expected="the rows that were written",
            remedy="Restore the file from a backup, or delete the table's folder in the lake and extract it again.",
        )
    return table


def content_of(table: pa.Table) -> Sha256:
    """The content hash: of the columns' names and types, and of each column, in the order of their names."""
    columns = sorted(columns_of(table.schema), key=lambda column: column.name)
    header = json.dumps([_FORMAT, [[column.name, column.type] for column in columns]], ensure_ascii=True)
    digest = hashlib.sha256(header.encode())
    for column in columns:
        digest.update(_column_digest(table.column(column.name)))
    return Sha256(digest.hexdigest())


def _column_digest(column: pa.ChunkedArray) -> bytes:
    """Hashes of where the column is filled, of its values, and of the lengths of texts: the same in any chunks."""
    hashes = [hashlib.sha256() for _ in range(3)]
    for chunk in (chunk for chunk in column.chunks if len(chunk)):
        parts = [np.asarray(chunk.is_valid()).astype(np.uint8), *_bytes_of(chunk)]
        for hash_, part in zip(hashes, parts, strict=False):
            hash_.update(np.ascontiguousarray(part).data)
    return b"".join(hash_.digest() for hash_ in hashes)


def _bytes_of(chunk: pa.Array) -> Iterator[NDArray[Any]]:
    """The values of an array as plain numbers; a NULL is zero, or a text without a byte."""
    if pa.types.is_large_string(chunk.type):
        filled = pc.fill_null(chunk, "")
        offsets = np.frombuffer(filled.buffers()[1], "<i8", len(filled) + 1, offset=8 * filled.offset)
        data = filled.buffers()[2]
        yield np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data else np.empty(0, np.uint8)
        yield np.diff(offsets)
        return
    yield _numbers(chunk)


def _numbers(chunk: pa.Array) -> NDArray[Any]:
    if pa.types.is_boolean(chunk.type):
        return np.asarray(pc.fill_null(chunk, False)).astype(np.uint8)
    plain = chunk.view({32: pa.int32(), 64: pa.int64()}[chunk.type.bit_width])
    return np.asarray(pc.fill_null(plain, 0))


def canonical(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A float column with one bit pattern for each value: a single NaN, no negative zero; NULL stays NULL."""
    if not pa.types.is_floating(column.type):
        return column
    chunks = []
    for chunk in column.chunks:
        values = np.array(pc.fill_null(chunk, 0.0))
        make_canonical(values)
        chunks.append(pa.array(values, mask=~np.asarray(chunk.is_valid())))
    return pa.chunked_array(chunks, column.type)


def _repeated(keys: pa.Table) -> NDArray[np.int64]:
    """Positions of rows, in ordered keys, whose key is that of the row before."""
    if keys.num_rows < 2:
        return np.empty(0, np.int64)
    same = np.ones(keys.num_rows - 1, bool)
    for column in keys.columns:
        same &= np.asarray(pc.equal(column.slice(1), column.slice(0, len(column) - 1)))
    return np.flatnonzero(same) + 1


def _stops(keys: pa.Table) -> list[int]:
    """Where segments end: before keys whose hash says so, with a bound on either side."""
    hashes = pd.util.hash_pandas_object(to_frame(keys), index=False).to_numpy()
    stops, last = [], 0
    for stop in np.flatnonzero(hashes % CUT_ROWS == 0).tolist():
        while stop - last > MAX_ROWS:
            last += MAX_ROWS
            stops.append(last)
        if stop - last >= MIN_ROWS:
            stops.append(stop)
            last = stop
    while len(hashes) - last > MAX_ROWS:
        last += MAX_ROWS
        stops.append(last)
    return [*stops, len(hashes)]


def _key_error(owner: SourceTable, found: str, remedy: str) -> SourceTableError:
    return SourceTableError(
        owner.name,
        found=f"{found} in table {owner.table!r}",
        expected=f"one row for each {', '.join(owner.key)}",
        remedy=remedy,
    )
