"""The lake: every version of every asset's rows, immutable and verified on reading.

::

    <lake>/assets/GOLD/manifest.json             replaced atomically; manifest.previous.json is the one before
    <lake>/assets/GOLD/segments/….parquet        immutable, named after their content
    <lake>/assets/GOLD/quarantine/….json         what the gate refused, and why
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from brain.core.errors import LakeError, StorageUnavailable
from brain.core.keys import Sha256
from brain.lake.content import chain_start, extend_chain
from brain.lake.manifest import Manifest, Revision, Segment, Version, seal_of
from brain.lake.rows import Rows, mask_unknown
from brain.lake.segments import read_segments
from brain.lake.storage import open_storage
from brain.usecases.direction.names import DATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    import pandas as pd

    from brain.core.moment import Moment

_LOG = logging.getLogger(__name__)
_FOLDER_LIMIT = 150
ASSETS = "assets"


@dataclass(frozen=True)
class Snapshot:
    """One asset's rows as they were known at one time.

    Args:
        version: Counts the asset's versions from 1.
        watermark: Date of the newest row.
        rows: Number of rows.
        sha256: Hash of the rows and column names, whatever files they lie in.
        columns: Data type by column name.
        source_tables: Tables the rows were read from, the asset's own first.
        interval_end: End of the data interval that made the version.
        revised: Rows behind the previous version's watermark had changed.
        warnings: Findings of the quality gate that did not stop it.
        cut: Set on a view of an older day that no stored version holds: later rows are left out.
    """

    asset: str
    version: int
    watermark: date
    rows: int
    sha256: Sha256
    columns: Mapping[str, str]
    source_tables: tuple[str, ...]
    interval_end: datetime
    revised: bool
    warnings: int
    segments: tuple[Segment, ...]
    cut: date | None = None


class Lake:
    """Snapshots below a local path or any fsspec URL."""

    def __init__(self, url: str) -> None:
        self.storage = open_storage(url)

    def assets(self) -> list[str]:
        """Names of the assets that have a snapshot."""
        folders = self.storage.names(ASSETS)
        manifests = (self._load(f"{ASSETS}/{folder}") for folder in folders)
        return sorted(manifest.asset for manifest in manifests if manifest)

    def manifest(self, asset: str) -> Manifest | None:
        """All versions of the asset; None if it was never extracted.

        Raises:
            LakeError: Neither the manifest nor the one before it can be read.
        """
        return self._load(folder_of(asset))

    def latest(self, asset: str) -> Snapshot | None:
        """The newest snapshot that passed the gate."""
        manifest = self.manifest(asset)
        return snapshot_of(asset, manifest.latest) if manifest else None

    def version(self, asset: str, version: int) -> Snapshot | None:
        """The snapshot with this number, unless retention has removed it."""
        manifest = self.manifest(asset)
        found = [v for v in manifest.versions if v.version == version] if manifest else []
        return snapshot_of(asset, found[0]) if found else None

    def find(self, asset: str, sha256: str) -> Snapshot | None:
        """The newest snapshot with this content hash: the rows a model was trained on."""
        manifest = self.manifest(asset)
        found = [v for v in manifest.versions if v.sha256 == sha256] if manifest else []
        return snapshot_of(asset, found[-1]) if found else None

    def as_of(self, asset: str, day: date) -> Snapshot | None:
        """What was known on `day`, or, where no version of that day is kept, the rows up to `day`.

        A day before the first version, or one whose version retention has thinned out, is served from the next version
        with later rows left out and returns that were unknown on `day` blanked. None if there is no row by then.
        """
        manifest = self.manifest(asset)
        if manifest is None:
            return None
        known = [v for v in manifest.versions if _last_day(v) <= day]
        later = [v for v in manifest.versions if _last_day(v) > day]
        if known and (not later or later[0].version == known[-1].version + 1):
            return snapshot_of(asset, known[-1])
        return self._cut(snapshot_of(asset, later[0]), day)

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None, last: int | None = None) -> pd.DataFrame:
        """The snapshot's rows, ascending by date.

        Args:
            columns: Columns besides ``Date``; all by default.
            last: Only the newest rows; older files are then not opened.

        Returns:
            ``Date`` as datetime64[us] and float64 columns.

        Raises:
            LakeError: A file is gone or altered, or a column is not in the snapshot.
        """
        return self.read_rows(snapshot, columns, last).to_frame()

    def read_rows(self, snapshot: Snapshot, columns: Sequence[str] | None = None, last: int | None = None) -> Rows:
        """As `read`, without making a frame of the rows."""
        names = [name for name in snapshot.columns if name != DATE] if columns is None else list(columns)
        names = [name for name in names if name != DATE]
        if missing := [name for name in names if name not in snapshot.columns]:
            raise LakeError(
                snapshot.asset,
                found=f"no column {', '.join(missing)} in version {snapshot.version}",
                expected=f"one of {', '.join(snapshot.columns)}",
                remedy="Extract the asset again if its table has gained the column.",
            )
        folder = f"{folder_of(snapshot.asset)}/segments"
        if snapshot.cut:
            segments = [s for s in snapshot.segments if s.first <= snapshot.cut]
            rows = mask_unknown(read_segments(self.storage, folder, segments, names).until(snapshot.cut))
        else:
            rows = read_segments(self.storage, folder, _newest(snapshot.segments, last), names)
        return rows if last is None else rows.part(max(0, len(rows) - last))

    def revisions(self, asset: str, since: str) -> tuple[Revision, ...]:
        """Corrections that came after the snapshot with the content hash `since`: what its models have not seen.

        Empty when nothing was corrected; also when the hash is unknown here (see `find`).
        """
        manifest = self.manifest(asset)
        versions = manifest.versions if manifest else ()
        seen = max((v.version for v in versions if v.sha256 == since), default=None)
        return tuple(v.revision for v in versions if seen is not None and v.version > seen and v.revision)

    @contextlib.contextmanager
    def writing(self, asset: str, expected: Manifest | None) -> Iterator[None]:
        """Keep other writers out while files and then the manifest are written, provided `expected` still is current.

        Raises:
            StorageUnavailable: Another run has written since `expected` was read.
        """
        folder = folder_of(asset)
        with self.storage.locked(f"{folder}/lock"):
            if self._seal(folder) != (expected.seal if expected else ""):
                raise StorageUnavailable(
                    asset,
                    found="a manifest that another run has just replaced",
                    expected="one run of an asset at a time",
                    remedy="Run the extraction again.",
                )
            yield

    def replace_manifest(self, manifest: Manifest) -> None:
        """Make `manifest` its asset's manifest; the one before is kept beside it. Call inside `writing`.

        Raises:
            StorageUnavailable: The disk is full, or the storage does not answer.
        """
        name, content = f"{folder_of(manifest.asset)}/manifest.json", manifest.dump()
        if not self._is_whole(name):
            self.storage.delete(name)  # what is kept as the previous one is better
        self.storage.replace(name, content, f"{folder_of(manifest.asset)}/manifest.previous.json")

    def quarantine(self, asset: str, moment: Moment, report: Mapping[str, Any]) -> str:
        """Keep the report of rows the gate refused; returns its address."""
        name = f"{folder_of(asset)}/quarantine/{moment.slug}.json"
        self.storage.write(name, json.dumps(report, indent=1, default=str).encode())
        return self.storage.describe(name)

    def quarantined(self, asset: str) -> list[dict[str, Any]]:
        """The asset's quarantine reports, oldest first."""
        folder = f"{folder_of(asset)}/quarantine"
        return [json.loads(self.storage.read(f"{folder}/{name}")) for name in self.storage.names(folder)]

    def _is_whole(self, name: str) -> bool:
        try:
            return bool(seal_of(self.storage.read(name)))
        except FileNotFoundError:
            return False

    def _seal(self, folder: str) -> str:
        """The hash of the manifest that `_load` would return; empty if there is none."""
        for name in ("manifest.json", "manifest.previous.json"):
            try:
                seal = seal_of(self.storage.read(f"{folder}/{name}"))
            except FileNotFoundError:
                continue
            if seal:
                return seal
        return ""

    def _load(self, folder: str) -> Manifest | None:
        damage: LakeError | None = None
        for name in (f"{folder}/manifest.json", f"{folder}/manifest.previous.json"):
            try:
                return Manifest.load(self.storage.read(name), self.storage.describe(name))
            except FileNotFoundError:
                continue
            except LakeError as error:
                _LOG.warning("%s", error)
                damage = damage or error
        if damage:
            raise damage
        return None

    def _cut(self, snapshot: Snapshot, day: date) -> Snapshot | None:
        rows = self.read_rows(replace(snapshot, cut=day))
        if not len(rows):
            return None
        chain = extend_chain(chain_start(rows.columns), rows)
        watermark: date = rows.dates[-1].astype(object)
        return replace(snapshot, cut=day, rows=len(rows), watermark=watermark, sha256=chain)


def folder_of(asset: str) -> str:
    """The asset's folder; any name is safe, and different names have different folders."""
    encoded = quote(asset, safe="").replace(".", "%2E").replace("~", "%7E")
    if len(encoded) > _FOLDER_LIMIT:
        encoded = f"{encoded[:80]}~{hashlib.sha256(asset.encode()).hexdigest()}"
    return f"{ASSETS}/{encoded}"


def snapshot_of(asset: str, version: Version) -> Snapshot:
    """The face of a version in the manifest."""
    return Snapshot(
        asset=asset,
        version=version.version,
        watermark=version.watermark,
        rows=version.rows,
        sha256=version.sha256,
        columns={DATE: "datetime64[us]", **dict.fromkeys(version.columns, "float64")},
        source_tables=version.source_tables,
        interval_end=version.interval_end,
        revised=version.revision is not None,
        warnings=version.warnings,
        segments=version.segments,
    )


def _last_day(version: Version) -> date:
    return version.interval_end.astimezone(UTC).date()


def _newest(segments: Sequence[Segment], last: int | None) -> Sequence[Segment]:
    if last is None:
        return segments
    rows, start = 0, len(segments)
    while start and rows < last:
        start -= 1
        rows += segments[start].rows
    return segments[start:]
