"""Keeping the lake small without losing what somebody may still have to look at."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from brain.core.durations import day_before
from brain.core.errors import LakeError
from brain.core.source_table import KeyKind
from brain.lake.content import chain_start
from brain.lake.segments import SEGMENT_ROWS, RowFiles
from brain.lake.snapshot import folder_of
from brain.lake.window import first_kept, overlap_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest, Version

MANY_SEGMENTS = 12
WRITING = timedelta(days=1)  # longer than any write of one file takes
RUN = re.compile(r"\d{8}(T\d{6}Z)?")  # how folders of one run or one day are called; see `Moment.slug`


@dataclass(frozen=True)
class Tidied:
    """What was removed.

    Args:
        versions: Numbers of the versions that are no longer in the manifest.
        files: Number of files deleted.
    """

    name: str
    versions: tuple[int, ...] = ()
    files: int = 0


def tidy_runs(lake: Lake, folders: Iterable[str], moment: Moment, days: int) -> int:
    """Delete what steps kept in the lake for single runs, `days` after them; how many runs' folders were deleted.

    Args:
        folders: Each with a folder a run or a day in it.
    """
    last = day_before(moment.day, f"{days}d") if days else moment.day
    oldest = last.isoformat().replace("-", "")  # strftime writes the year 999 with three digits
    past = [
        f"{folder}/{name}"
        for folder in folders
        for name in lake.storage.names(folder)
        if RUN.fullmatch(name) and name[:8] < oldest
    ]
    for folder in past:
        lake.storage.delete_folder(folder)
    return len(past)


def tidy_unfinished(lake: Lake, moment: Moment) -> int:
    """Delete files that killed writers left half-written `WRITING` or longer before `moment`; how many."""
    if moment.day <= date.min + WRITING:  # nothing was written before the calendar begins
        return 0
    return lake.storage.delete_unfinished(moment.at - WRITING)


def tidy_table(lake: Lake, table: SourceTable, moment: Moment, trained_on: Mapping[str, datetime]) -> Tidied:
    """Thin out old versions, purge rows beyond the retention, merge small files, delete what no version needs.

    A version stays if it is the latest; if a champion was trained on it within the audit window; if it is younger than
    ``retention.snapshot_days``; if it is the last of its month; or if it is the last before a correction. Of these, a
    version that holds rows older than ``retention.keep`` goes nevertheless, unless it is the latest or a champion's.
    A time whose version has gone is still served by `Lake.as_of`, from a later version without the later rows; of a
    keyed table, from the version before.

    Args:
        trained_on: Content hash of the snapshot each stored champion was trained on → when it was trained.

    Raises:
        StorageUnavailable: The lake cannot be written, or a run has committed meanwhile; nothing needed was deleted.
    """
    manifest = lake.manifest(table.space, table.name)
    if manifest is None:
        return Tidied(table.name)
    protected = _within_audit(trained_on, table, moment)
    kept = tuple(version for version in manifest.versions if _stays(version, manifest, table, moment, protected))
    gone = tuple(version.version for version in manifest.versions if version not in kept)
    with lake.writing(table.space, table.name, manifest):
        tidied = manifest.with_versions((*kept[:-1], _merged(lake, table, kept[-1])))
        if tidied != manifest:
            lake.replace_manifest(tidied)
        files = delete_unneeded(lake, tidied)
    return Tidied(table.name, gone, files)


def _within_audit(trained_on: Mapping[str, datetime], table: SourceTable, moment: Moment) -> set[str]:
    oldest = day_before(moment.day, table.retention.audit)
    return {sha256 for sha256, trained in trained_on.items() if trained.astimezone(UTC).date() >= oldest}


def _stays(version: Version, manifest: Manifest, table: SourceTable, moment: Moment, protected: set[str]) -> bool:
    if version is manifest.latest or version.data_sha256 in protected:
        return True
    floor = first_kept(table, moment)
    if floor is not None and version.segments[0].first < floor:
        return False
    following = manifest.versions[manifest.versions.index(version) + 1]
    day, next_day = version.moment.day, following.moment.day
    young = (moment.day - day).days <= table.retention.snapshot_days
    last_of_month = (day.year, day.month) != (next_day.year, next_day.month)
    return young or last_of_month or following.revision is not None


def _merged(lake: Lake, table: SourceTable, version: Version) -> Version:
    """The version on fewer files where it has many small ones; its content hash is the same."""
    full = len(list(itertools.takewhile(lambda segment: segment.rows >= SEGMENT_ROWS, version.segments)))
    kept, small = version.segments[:full], version.segments[full:]
    if table.kind in (KeyKind.NAMES, KeyKind.EVENTS) or len(small) <= MANY_SEGMENTS:
        return version
    files = RowFiles(lake.storage, f"{folder_of(table.space, table.name)}/segments", table.key[0], table.kind)
    names = [column.name for column in version.columns]
    rows = files.read(small, names)
    segments, data_sha256 = files.write(kept[-1].chain if kept else chain_start(rows), rows, overlap_rows(table, names))
    if data_sha256 != version.data_sha256:
        raise LakeError(
            table.name,
            found=f"rows whose hash is {data_sha256[:16]}… in version {version.version}",
            expected=f"the hash in the manifest, {version.data_sha256[:16]}…",
            remedy="Extract the table in full again (`brain extract --full`).",
        )
    return replace(version, segments=(*kept, *segments))


def delete_unneeded(lake: Lake, manifest: Manifest) -> int:
    """Delete segment files that no version names; the manifest is in place already, so a crash loses nothing."""
    folder = f"{folder_of(manifest.space, manifest.name)}/segments"
    unneeded = [name for name in lake.storage.names(folder) if name not in manifest.segments]
    for name in unneeded:
        lake.storage.delete(f"{folder}/{name}")
    return len(unneeded)
