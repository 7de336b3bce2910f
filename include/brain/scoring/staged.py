"""Scored rows on their way to the warehouse: a signed file per chunk and table in the lake.

Moment, use case, chunk and table are in the name of the file, which is signed with it. A last file lists the others
with their hashes: a chunk whose scoring was killed between two of them, or that two runs wrote at once, is not read by
halves.
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from brain.core.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brain.core.moment import Moment
    from brain.lake.lake import Lake

FOLDER = "scores"
_SUFFIX = ".parquet"
_LISTING = "whole.json"


class Staged(NamedTuple):
    """What the publisher finds.

    Args:
        rows: By table.
        refused: By unit, why rows of its chunk are left out: they are not what `stage` wrote for chunk and moment.
    """

    rows: dict[str, pd.DataFrame]
    refused: dict[str, LakeError]


def stage(lake: Lake, moment: Moment, use_case: str, units: Sequence[str], rows: Mapping[str, pd.DataFrame]) -> None:
    """Keep one chunk's rows for the publisher; the same chunk of the same moment replaces itself.

    Args:
        units: The chunk.
        rows: By name of the table.
    """
    folder = _folder(moment, use_case, units)
    hashes = {}
    for table, frame in rows.items():
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        lake.write_signed(f"{folder}/{table}{_SUFFIX}", buffer.getvalue())
        hashes[f"{table}{_SUFFIX}"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    lake.write_signed(f"{folder}/{_LISTING}", json.dumps(hashes).encode())
    for name in lake.storage.names(folder):
        if name not in hashes and name != _LISTING:
            lake.storage.delete(f"{folder}/{name}")


def staged(lake: Lake, moment: Moment, use_case: str, chunks: Iterable[Sequence[str]]) -> Staged:
    """The rows of all `chunks` that were scored for this moment; what was not scored to its end is simply absent."""
    found: dict[str, list[pd.DataFrame]] = {}
    refused: dict[str, LakeError] = {}
    for units in chunks:
        folder = _folder(moment, use_case, units)
        try:
            listed = _listed(lake, folder)
            contents = {name: _content(lake, f"{folder}/{name}", sha256) for name, sha256 in listed.items()}
        except LakeError as error:
            refused |= dict.fromkeys(units, error)
            continue
        for name, content in contents.items():
            found.setdefault(name.removesuffix(_SUFFIX), []).append(pd.read_parquet(io.BytesIO(content)))
    return Staged({table: pd.concat(frames, ignore_index=True) for table, frames in found.items()}, refused)


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
