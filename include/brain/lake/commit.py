"""Making a new version in the lake: segments first, then the manifest that names them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brain.lake.content import block_of, chain_start
from brain.lake.lake import folder_of, snapshot_of
from brain.lake.manifest import Manifest, Revision, Segment, Version
from brain.lake.rows import Rows
from brain.lake.segments import SMALL_ROWS, read_segments, splits, write_segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.core.moment import Moment
    from brain.extract.report import Status
    from brain.lake.lake import Lake, Snapshot


@dataclass(frozen=True)
class Commit:
    """A version about to be written.

    Args:
        manifest: The manifest the plan was made on.
        prefix: Leading segments of the latest version that `rows` continue.
        rows: Everything behind the prefix.
        revised: Dates behind the previous watermark that were corrected.
        overlap: Newest rows that later runs will read again.
        checked_in_full: Every row was compared with the source.
    """

    asset: str
    manifest: Manifest | None
    verdict: Status
    prefix: tuple[Segment, ...]
    rows: Rows
    revised: NDArray[np.datetime64]
    revised_columns: tuple[str, ...]
    source_tables: tuple[str, ...]
    moment: Moment
    overlap: int
    checked_in_full: bool

    @property
    def total_rows(self) -> int:
        return sum(segment.rows for segment in self.prefix) + len(self.rows)


def commit(lake: Lake, change: Commit, *, warnings: int) -> Snapshot:
    """Write the version and return its snapshot; an unchanged one writes no version.

    Raises:
        StorageUnavailable: The disk is full, or another run has committed meanwhile.
    """
    if change.manifest is not None and change.verdict == "unchanged":
        return _unchanged(lake, change, change.manifest)
    with lake.writing(change.asset, change.manifest):
        return _write(lake, _without_splinter(lake, _keeping_true_segments(change)), warnings)


def _write(lake: Lake, change: Commit, warnings: int) -> Snapshot:
    folder = f"{folder_of(change.asset)}/segments"
    chain = change.prefix[-1].chain if change.prefix else chain_start(change.rows.columns)
    written, sha256 = write_segments(lake.storage, folder, chain, change.rows, change.overlap)
    number = change.manifest.last_version + 1 if change.manifest else 1
    segments = (*change.prefix, *written)
    version = Version(
        version=number,
        watermark=segments[-1].last,
        rows=sum(segment.rows for segment in segments),
        sha256=sha256,
        columns=change.rows.columns,
        source_tables=change.source_tables,
        interval_end=change.moment.at,
        verdict=change.verdict,
        segments=segments,
        revision=_revision(change, number),
        warnings=warnings,
    )
    lake.replace_manifest(_next(change, version))
    return snapshot_of(change.asset, version)


def _next(change: Commit, version: Version) -> Manifest:
    if change.manifest is None:
        return Manifest(change.asset, (version,), change.moment.day, version.version)
    checked = change.moment.day if change.checked_in_full else change.manifest.checked_in_full
    return change.manifest.with_version(version, checked)


def _unchanged(lake: Lake, change: Commit, manifest: Manifest) -> Snapshot:
    """Only a full check is worth a note."""
    if change.checked_in_full and change.moment.day > manifest.checked_in_full:
        with lake.writing(change.asset, manifest):
            lake.replace_manifest(replace(manifest, checked_in_full=change.moment.day))
    return snapshot_of(change.asset, manifest.latest)


def _keeping_true_segments(change: Commit) -> Commit:
    """After a full read, keep the leading segments that no correction has touched instead of writing them again."""
    if change.prefix or change.manifest is None or change.manifest.latest.columns != change.rows.columns:
        return change
    first = change.revised[0] if len(change.revised) else np.datetime64("9999-12-31")
    start = change.rows.dates[0]
    kept: list[Segment] = []
    for segment in change.manifest.latest.segments[:-1]:
        ends_before = block_of(np.array([segment.last], "datetime64[D]")) < block_of(np.array([first], "datetime64[D]"))
        if not ends_before[0] or np.datetime64(segment.first) < start:
            break
        kept.append(segment)
    if not kept:
        return change
    rows = change.rows.part(sum(segment.rows for segment in kept))
    return replace(change, prefix=tuple(kept), rows=rows)


def _without_splinter(lake: Lake, change: Commit) -> Commit:
    """If a small sealed segment would be followed by another one, write the two as one."""
    last = change.prefix[-1] if change.prefix else None
    if last is None or last.rows >= SMALL_ROWS or not splits(change.rows, change.overlap):
        return change
    folder = f"{folder_of(change.asset)}/segments"
    before = read_segments(lake.storage, folder, [last], change.rows.columns)
    rows = Rows.concat([before, change.rows], change.rows.columns)
    return replace(change, prefix=change.prefix[:-1], rows=rows)


def _revision(change: Commit, number: int) -> Revision | None:
    if not len(change.revised):
        return None
    first, last = change.revised[0].astype(object), change.revised[-1].astype(object)
    return Revision(number, first, last, len(change.revised), change.revised_columns)
