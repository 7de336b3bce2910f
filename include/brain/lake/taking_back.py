"""Taking back what was made for moments that have not come: a wrong clock, a typo."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from brain.lake.retention import RUN, delete_unneeded
from brain.lake.snapshot import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest


def versions_after(lake: Lake, space: str, name: str, after: Moment) -> tuple[int, ...]:
    """Numbers of the table's versions that were made for a moment later than `after`."""
    manifest = lake.manifest(space, name)
    return tuple(v.version for v in manifest.versions if v.moment > after) if manifest else ()


def take_back(lake: Lake, space: str, name: str, after: Moment) -> tuple[int, ...]:
    """Remove the versions made for moments later than `after`; the one before them is the latest again.

    Where none is left, the table is as if it had never been extracted. Otherwise a full check is due at once.

    Returns:
        The numbers of the versions removed.

    Raises:
        StorageUnavailable: The lake cannot be written, or a run has committed meanwhile.
    """
    manifest = lake.manifest(space, name)
    later = versions_after(lake, space, name, after)
    if manifest is None or not later:
        return ()
    kept = tuple(version for version in manifest.versions if version.version not in later)
    with lake.writing(space, name, manifest):
        if not kept:
            _forget(lake, manifest)
            return later
        repaired = replace(manifest.with_versions(kept), checked_in_full=date.min)
        for _ in range(2):  # the previous manifest, which is read where the newest is damaged, knows of them too
            lake.replace_manifest(repaired)
        delete_unneeded(lake, repaired)
    return later


def _forget(lake: Lake, manifest: Manifest) -> None:
    folder = folder_of(manifest.space, manifest.name)
    for file in ("manifest.previous.json", "manifest.json"):  # in this order nothing old is read after a crash
        lake.storage.delete(f"{folder}/{file}")
    lake.storage.delete_folder(f"{folder}/segments")


def runs_after(lake: Lake, folders: Iterable[str], after: Moment) -> list[str]:
    """The folders that steps keep in the lake for runs of a moment, or for days, later than `after`.

    Args:
        folders: Each with a folder a run or a day in it.
    """
    return [
        f"{folder}/{name}"
        for folder in folders
        for name in lake.storage.names(folder)
        if RUN.fullmatch(name) and name > (after.slug if "T" in name else f"{after.day:%Y%m%d}")
    ]
