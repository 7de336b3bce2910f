"""Segments that are gone or altered: found before an extraction builds on them.

Each extraction compares the sizes of the files. Their content is read where it is asked for, and where a read has
failed since: `note` leaves the name of such a segment in the folder ``damaged`` of its table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.errors import LakeError
from brain.core.source_table import KeyKind
from brain.lake.segments import DAMAGED, RowFiles, read_file
from brain.lake.snapshot import folder_of

if TYPE_CHECKING:
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest, Segment


def damaged_segments(lake: Lake, manifest: Manifest, *, thorough: bool) -> frozenset[str]:
    """Names of the segments that some version needs and that are not what was written.

    Args:
        thorough: Read every file of the latest version.
    """
    folder = folder_of(manifest.space, manifest.name)
    sizes = lake.storage.sizes(f"{folder}/segments")
    segments = {segment.name: segment for version in manifest.versions for segment in version.segments}
    damaged = {name for name, segment in segments.items() if sizes.get(name) != segment.size}
    latest = {segment.name for segment in manifest.latest.segments} if thorough else set()
    suspected = (latest | noted(lake, manifest)) & segments.keys() - damaged
    return frozenset(damaged | {name for name in suspected if not _is_whole(lake, manifest, segments[name])})


def noted(lake: Lake, manifest: Manifest) -> set[str]:
    """Names of the segments that a read has failed on."""
    return set(lake.storage.names(f"{folder_of(manifest.space, manifest.name)}/{DAMAGED}"))


def forget(lake: Lake, manifest: Manifest, names: set[str]) -> None:
    """Take back notes: the segments are whole, or no version needs them any more."""
    for name in names:
        lake.storage.delete(f"{folder_of(manifest.space, manifest.name)}/{DAMAGED}/{name}")


def _is_whole(lake: Lake, manifest: Manifest, segment: Segment) -> bool:
    folder = f"{folder_of(manifest.space, manifest.name)}/segments"
    try:
        if manifest.kind in (KeyKind.NAMES, KeyKind.EVENTS):
            read_file(lake.storage, folder, segment)
        else:
            RowFiles(lake.storage, folder, manifest.key[0], manifest.kind).read([segment], [])
    except LakeError:
        return False
    return True
