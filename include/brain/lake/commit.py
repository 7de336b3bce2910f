"""Making a new version in the lake: segments first, then the manifest that names them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from brain.lake.manifest import Manifest, Version
from brain.lake.snapshot import folder_of, snapshot_of

if TYPE_CHECKING:
    from datetime import date, datetime

    import pandas as pd

    from brain.core.keys import Sha256
    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.lake.columns import Column
    from brain.lake.lake import Lake
    from brain.lake.manifest import Revision, Segment
    from brain.lake.snapshot import Snapshot
    from brain.lake.storage import Storage

Status = Literal["new", "appended", "unchanged", "corrected", "rewritten"]


class Content(Protocol):
    """The rows of a version: `RowContent` by date or timestamp, `KeyedContent` of a keyed table."""

    @property
    def columns(self) -> tuple[Column, ...]: ...

    @property
    def total_rows(self) -> int: ...

    @property
    def watermark(self) -> date: ...

    @property
    def revision(self) -> Revision | None: ...

    def frame(self) -> pd.DataFrame:
        """What the quality gate judges."""

    def write(self, storage: Storage, folder: str, before: Version | None) -> tuple[tuple[Segment, ...], Sha256]:
        """Write the segments that the version `before` does not have; all segments, and the content hash."""


@dataclass(frozen=True)
class Commit:
    """A version about to be written.

    Args:
        table: What it is a version of.
        manifest: The manifest the plan was made on.
        status: What the extraction did; "unchanged" writes no version.
        checked_in_full: Every row was compared with the source.
        damaged: Names of segments that are lost; versions that need one go, unless it is written again.
        reached: As of the version.
    """

    table: SourceTable
    manifest: Manifest | None
    status: Status
    content: Content
    moment: Moment
    checked_in_full: bool
    damaged: frozenset[str] = frozenset()
    reached: datetime | None = None

    @property
    def kept(self) -> Version | None:
        """The version before, if all its segments are there: those whose rows are the same are not written again."""
        latest = self.manifest.latest if self.manifest else None
        return latest if latest and self.damaged.isdisjoint(segment.name for segment in latest.segments) else None


def commit(lake: Lake, change: Commit, *, warnings: int, judged_in_full: bool = False) -> Snapshot:
    """Write the version and return its snapshot; an unchanged one writes no version.

    Args:
        warnings: Findings of the quality gate that did not stop it.
        judged_in_full: The gate saw every row, and applied every rule.

    Raises:
        StorageUnavailable: The disk is full, or another run has committed meanwhile.
    """
    if change.manifest is not None and change.status == "unchanged":
        return _unchanged(lake, change, change.manifest, warnings if judged_in_full else None)
    with lake.writing(change.table.space, change.table.name, change.manifest):
        return _write(lake, change, warnings, judged_in_full)


def _write(lake: Lake, change: Commit, warnings: int, judged_in_full: bool) -> Snapshot:
    table, content, before = change.table, change.content, change.manifest
    folder = f"{folder_of(table.space, table.name)}/segments"
    segments, data_sha256 = content.write(lake.storage, folder, change.kept)
    version = Version(
        version=before.last_version + 1 if before else lake.first_version(table.space, table.name),
        watermark=content.watermark,
        rows=content.total_rows,
        data_sha256=data_sha256,
        columns=content.columns,
        source_tables=table.tables,
        moment=change.moment,
        status=change.status,
        segments=segments,
        revision=content.revision,
        warnings=warnings,
        reached=change.reached,
    )
    manifest = _next(change, version)
    manifest = replace(manifest, warned=warnings) if judged_in_full else manifest
    lake.replace_manifest(manifest)
    return snapshot_of(manifest, version)


def _next(change: Commit, version: Version) -> Manifest:
    table, before, day = change.table, change.manifest, change.moment.day
    if before is None:
        return Manifest(table.space, table.name, table.kind, table.key, (version,), day, version.version)
    lost = change.damaged.difference(segment.name for segment in version.segments)
    kept = [v for v in before.versions if lost.isdisjoint(segment.name for segment in v.segments)]
    return before.with_versions(kept).with_version(version, day if change.checked_in_full else before.checked_in_full)


def _unchanged(lake: Lake, change: Commit, manifest: Manifest, warned: int | None) -> Snapshot:
    """Only a full check is worth a note, or a manifest that was never signed, or put back and found true."""
    checked = manifest.checked_in_full
    if change.checked_in_full:
        checked = max(checked, change.moment.day)
    noted = replace(manifest, checked_in_full=checked, warned=manifest.warned if warned is None else warned)
    if noted != manifest or not lake.is_current(manifest):
        with lake.writing(change.table.space, change.table.name, manifest):
            lake.replace_manifest(noted)
    return snapshot_of(manifest, manifest.latest)
