"""Keeping the lake small without losing what somebody may still have to look at."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from brain.core.durations import day_before
from brain.core.errors import LakeError
from brain.lake.content import chain_start
from brain.lake.lake import folder_of, snapshot_of
from brain.lake.segments import write_segments
from brain.lake.window import first_kept_day, overlap_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest, Version
    from brain.usecases.direction.catalogue import AssetSpec

MANY_SEGMENTS = 12
_RUN = re.compile(r"\d{8}(T\d{6}Z)?")  # how folders of one run or one day are called; see `Interval.slug`


@dataclass(frozen=True)
class Tidied:
    """What was removed.

    Args:
        versions: Numbers of the versions that are no longer in the manifest.
        files: Number of files deleted.
        merged: Number of segment files of the latest version that were written as fewer.
    """

    asset: str
    versions: tuple[int, ...] = ()
    files: int = 0
    merged: int = 0


def tidy_runs(lake: Lake, folders: Iterable[str], moment: Moment, days: int) -> int:
    """Delete what steps kept in the lake for single runs, `days` after them; how many runs' folders were deleted.

    Args:
        folders: Each with a folder a run or a day in it.
    """
    oldest = f"{moment.day - timedelta(days=days):%Y%m%d}"
    past = [
        f"{folder}/{name}"
        for folder in folders
        for name in lake.storage.names(folder)
        if _RUN.fullmatch(name) and name[:8] < oldest
    ]
    for folder in past:
        lake.storage.delete_folder(folder)
    return len(past)


def tidy_asset(lake: Lake, spec: AssetSpec, moment: Moment, trained_on: Mapping[str, datetime]) -> Tidied:
    """Thin out old versions, purge rows beyond the retention, merge small files, delete what no version needs.

    A version stays if it is the latest; if a champion was trained on it within the audit window; if it is younger than
    ``retention.snapshot_days``; if it is the last of its month; or if it is the last before a correction. Of these, a
    version that holds rows older than ``retention.keep`` goes nevertheless, unless it is the latest or a champion's.
    A day whose version has gone is still served by `Lake.as_of`, from a later version without the later rows.

    Args:
        trained_on: Content hash of the snapshot each stored champion was trained on → when it was trained.

    Raises:
        StorageUnavailable: The lake cannot be written, or a run has committed meanwhile; nothing needed was deleted.
    """
    manifest = lake.manifest(spec.name)
    if manifest is None:
        return Tidied(spec.name)
    protected = _within_audit(trained_on, spec, moment)
    kept = tuple(version for version in manifest.versions if _stays(version, manifest, spec, moment, protected))
    gone = tuple(version.version for version in manifest.versions if version not in kept)
    with lake.writing(spec.name, manifest):
        latest, merged = _merged(lake, spec, kept[-1])
        tidied = manifest.with_versions((*kept[:-1], latest))
        if tidied != manifest:
            lake.replace_manifest(tidied)
        files = _delete_unneeded(lake, spec.name, tidied)
    return Tidied(spec.name, gone, files, merged)


def _within_audit(trained_on: Mapping[str, datetime], spec: AssetSpec, moment: Moment) -> set[str]:
    oldest = day_before(moment.day, spec.retention.audit)
    return {sha256 for sha256, trained in trained_on.items() if trained.astimezone(UTC).date() >= oldest}


def _stays(version: Version, manifest: Manifest, spec: AssetSpec, moment: Moment, protected: set[str]) -> bool:
    if version is manifest.latest or version.sha256 in protected:
        return True
    floor = first_kept_day(spec, moment)
    if floor is not None and version.segments[0].first < floor:
        return False
    following = manifest.versions[manifest.versions.index(version) + 1]
    young = (moment.day - _day(version)).days <= spec.retention.snapshot_days
    last_of_month = (_day(version).year, _day(version).month) != (_day(following).year, _day(following).month)
    return young or last_of_month or following.revision is not None


def _day(version: Version) -> date:
    return version.interval_end.astimezone(UTC).date()


def _merged(lake: Lake, spec: AssetSpec, version: Version) -> tuple[Version, int]:
    """The version on fewer files where it has many; its content hash is the same."""
    if len(version.segments) <= MANY_SEGMENTS:
        return version, 0
    rows = lake.read_rows(snapshot_of(spec.name, version))
    folder, mutable = f"{folder_of(spec.name)}/segments", overlap_rows(spec, version.columns)
    segments, sha256 = write_segments(lake.storage, folder, chain_start(version.columns), rows, mutable)
    if sha256 != version.sha256:
        raise LakeError(
            spec.name,
            found=f"rows whose hash is {sha256[:16]}… in version {version.version}",
            expected=f"the hash in the manifest, {version.sha256[:16]}…",
            remedy="Extract the asset in full again (`brain extract --full`).",
        )
    return replace(version, segments=tuple(segments)), len(version.segments) - len(segments)


def _delete_unneeded(lake: Lake, asset: str, manifest: Manifest) -> int:
    """Delete segment files that no version names; the manifest is in place already, so a crash loses nothing."""
    folder = f"{folder_of(asset)}/segments"
    unneeded = [name for name in lake.storage.names(folder) if name not in manifest.segments]
    for name in unneeded:
        lake.storage.delete(f"{folder}/{name}")
    return len(unneeded)
