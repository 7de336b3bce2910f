"""Scored rows on their way to the warehouse: a signed file per chunk and table in the lake, of a large table several.

Moment, use case, chunk, table and block are in the name of the file, which is signed with it. A last file lists the
others with their hashes: a chunk whose scoring was killed between two of them, or that two runs wrote at once, is not
read by halves.
"""

from __future__ import annotations

import hashlib
import io
import json
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from brain.core.errors import LakeError
from brain.scoring.blocks import Blocks, blocks, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.scoring.blocks import Rows

FOLDER = "scores"
_SUFFIX = ".parquet"
_LISTING = "whole.json"


class Staged(NamedTuple):
    """What the publisher finds.

    Args:
        rows: By table; where they were staged in blocks, they are read in blocks.
        refused: By unit, why rows of its chunk are left out: they are not what `stage` wrote for chunk and moment.
    """

    rows: dict[str, Rows]
    refused: dict[str, LakeError]


def stage(lake: Lake, moment: Moment, use_case: str, units: Sequence[str], rows: Mapping[str, Rows]) -> None:
    """Keep one chunk's rows for the publisher; the same chunk of the same moment replaces itself.

    Args:
        units: The chunk.
        rows: By name of the table.
    """
    folder = _folder(moment, use_case, units)
    hashes = {}
    for table, given in rows.items():
        for number, frame in enumerate(blocks(given)):
            name = f"{table}.{number:06d}{_SUFFIX}" if isinstance(given, Blocks) else f"{table}{_SUFFIX}"
            buffer = io.BytesIO()
            frame.to_parquet(buffer, index=False)
            lake.write_signed(f"{folder}/{name}", buffer.getvalue())
            hashes[name] = hashlib.sha256(buffer.getvalue()).hexdigest()
    lake.write_signed(f"{folder}/{_LISTING}", json.dumps(hashes).encode())
    for name in lake.storage.names(folder):
        if name not in hashes and name != _LISTING:
            lake.storage.delete(f"{folder}/{name}")


def staged(lake: Lake, moment: Moment, use_case: str, chunks: Iterable[Sequence[str]]) -> Staged:
    """The rows of all `chunks` that were scored for this moment; what was not scored to its end is simply absent."""
    found: dict[str, list[Rows]] = {}
    refused: dict[str, LakeError] = {}
    for units in chunks:
        folder = _folder(moment, use_case, units)
        try:
            listed = _listed(lake, folder)
            contents = {name: _rows(lake, f"{folder}/{name}", sha256) for name, sha256 in listed.items()}
        except LakeError as error:
            refused |= dict.fromkeys(units, error)
            continue
        for name, rows in contents.items():
            found.setdefault(name.partition(".")[0], []).append(rows)
    return Staged({table: together(parts) for table, parts in found.items()}, refused)


def _rows(lake: Lake, path: str, sha256: str) -> Rows:
    """What a file holds; of a block that it is whole, and to be read again when it is asked for."""
    content = _content(lake, path, sha256)
    if "." not in path.removesuffix(_SUFFIX).rpartition("/")[2]:
        return pd.read_parquet(io.BytesIO(content))
    count = pq.ParquetFile(io.BytesIO(content)).metadata.num_rows
    return Blocks((partial(_block, lake, path, sha256),), count)


def _block(lake: Lake, path: str, sha256: str) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(_content(lake, path, sha256)))


def _listed(lake: Lake, folder: str) -> dict[str, str]:
    """By name, the hash of each file of a chunk; none where its scoring did not come to its end.

    Raises:
        LakeError: The listing was altered.
    """
    if _LISTING not in lake.storage.names(folder):
        return {}
    listed: dict[str, str] = json.loads(lake.read_signed(f"{folder}/{_LISTING}"))
    return listed


def _content(lake: Lake, path: str, sha256: str) -> bytes:
    """A file of a chunk.

    Raises:
        LakeError: It was altered, or is not of the same scoring as the others.
    """
    try:
        content = lake.read_signed(path)
    except FileNotFoundError:
        raise _torn(lake, path, "no file") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _torn(lake, path, "rows of another scoring")
    return content


def _torn(lake: Lake, path: str, found: str) -> LakeError:
    return LakeError(
        lake.storage.describe(path),
        found=found,
        expected="the rows that its chunk was scored to",
        remedy="Score the day again: its scoring was broken off, or somebody has been at the file.",
    )


def _folder(moment: Moment, use_case: str, units: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(units).encode()).hexdigest()[:16]
    return f"{FOLDER}/{moment.slug}/{use_case}/{digest}"
