"""The lake: every version of every table's rows, immutable and verified on reading.

::

    <lake>/<space>/<name>/manifest.json          signed, replaced atomically; manifest.previous.json is the one before
    <lake>/<space>/<name>/segments/….parquet     immutable, named after their content
    <lake>/<space>/<name>/quarantine/….json      what the gate refused, and why

A space is a folder of a use case's own, such as ``assets``; ``quality`` and what steps keep for single runs lie beside.
"""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from brain.core.counters import Counters
from brain.core.errors import DamagedFile, LakeError, StorageUnavailable
from brain.core.moment import Moment
from brain.core.source_table import KeyKind
from brain.lake.columns import ahead_of, to_frame
from brain.lake.content import chain_start, extend_chain
from brain.lake.events import hash_of, until
from brain.lake.keyed import read_segments
from brain.lake.manifest import Manifest, Version
from brain.lake.rows import mask_unknown
from brain.lake.segments import RowFiles, newest
from brain.lake.signed_files import signed, unsigned
from brain.lake.snapshot import Snapshot, folder_of, snapshot_of
from brain.lake.storage import open_storage
from brain.lake.window import newest_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    import pandas as pd
    import pyarrow as pa

    from brain.core.signing import Signer
    from brain.lake.rows import Rows

_LOG = logging.getLogger(__name__)


class Lake:
    """Snapshots below a local path or any fsspec URL.

    Args:
        signer: Signs what is written, and must have signed what is read; None neither signs nor asks.
        counters: The highest counter ever seen of each manifest; by default what this object has seen.
    """

    def __init__(self, url: str, signer: Signer | None = None, counters: Counters | None = None) -> None:
        self.storage = open_storage(url)
        self._signer = signer
        self._counters = counters or Counters()
        self._replaced: set[str] = set()

    def names(self, space: str) -> list[str]:
        """Names of the tables in `space` that have a snapshot; one that is refused is left out, with a warning."""
        manifests = (self._sound(f"{space}/{folder}") for folder in self.storage.names(space))
        return sorted(manifest.name for manifest in manifests if manifest)

    def manifest(self, space: str, name: str) -> Manifest | None:
        """All versions of the table; None if it was never extracted.

        Raises:
            LakeError: Neither the manifest nor the one before it can be read, or both are older than one that was seen.
        """
        manifest = self._load(folder_of(space, name))
        if manifest is not None and self.is_older(manifest):
            raise LakeError(
                name,
                found=f"an old manifest that was put back (counter {manifest.counter})",
                expected=f"counter {self._last(manifest)} or a later one",
                remedy=f"Extract it again (`brain extract {name}`): every row is compared with the source then.",
            )
        return manifest

    def manifest_to_extend(self, space: str, name: str) -> Manifest | None:
        """As `manifest`, also one that is older than one that was seen, see `is_older`: what was signed is true.

        None too where nothing is left of the manifests: the table is then extracted as if for the first time.

        Raises:
            LakeError: A manifest may be whole and cannot be judged: no access, another key, a later format.
        """
        folder = folder_of(space, name)
        try:
            return self._load(folder)
        except LakeError:
            if self._is_lost(folder):
                return None
            raise

    def first_version(self, space: str, name: str) -> int:
        """The number of a table's first version: beyond all that a manifest which is lost may have given.

        No more than its counter, which grew with every version.
        """
        folder = folder_of(space, name)
        return 1 + (self._counters.last(_counted(folder)) if self._is_lost(folder) else 0)

    def is_older(self, manifest: Manifest) -> bool:
        """Whether a later manifest of the table was seen: this one was put back, or a power cut took the later one."""
        return manifest.counter < self._last(manifest)

    def is_current(self, manifest: Manifest) -> bool:
        """Whether the manifest is signed and the newest: one that is not is to be written anew."""
        return (manifest.counter > 0 or self._signer is None) and not self.is_older(manifest)

    def latest(self, space: str, name: str) -> Snapshot | None:
        """The newest snapshot that passed the gate."""
        manifest = self.manifest(space, name)
        return snapshot_of(manifest, manifest.latest) if manifest else None

    def find(self, space: str, name: str, data_sha256: str) -> Snapshot | None:
        """The newest snapshot with this content hash: the rows a model was trained on."""
        manifest = self.manifest(space, name)
        found = [v for v in manifest.versions if v.data_sha256 == data_sha256] if manifest else []
        return snapshot_of(manifest, found[-1]) if manifest and found else None

    def as_of(self, space: str, name: str, when: Moment | date) -> Snapshot | None:
        """What was known at `when`, or at the end of that day; None if nothing was.

        A time before the first version, or one whose version retention has thinned out, is served from the next version
        with later rows left out and values that were unknown then blanked; before the first version, from the first one
        that reaches the time. Rows of a keyed table do not say since when they are there: of such a table it is the
        newest version known then. A table of events is served from a later version without the later lines only
        where there is no earlier one.
        """
        manifest = self.manifest(space, name)
        if manifest is None:
            return None
        moment = when if isinstance(when, Moment) else Moment(datetime.combine(when, time.max, UTC))
        known = [v for v in manifest.versions if _known(manifest, v, moment)]
        later = [v for v in manifest.versions if not _known(manifest, v, moment)]
        if manifest.kind is KeyKind.NAMES or (known and manifest.kind is KeyKind.EVENTS):
            return snapshot_of(manifest, known[-1]) if known else None
        if known and (not later or later[0].version == known[-1].version + 1):
            return snapshot_of(manifest, known[-1])
        cut = newest_key(manifest.kind, moment)
        reaching = (v for v in later if not known and v.watermark >= cut)
        reached = snapshot_of(manifest, next(reaching, later[0]))
        return self._cut_events(reached, cut) if manifest.kind is KeyKind.EVENTS else self._cut(reached, cut)

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None, last: int | None = None) -> pd.DataFrame:
        """The snapshot's rows, ascending by key.

        Args:
            columns: Columns besides the key; all by default.
            last: Only the newest rows; older files are then not opened. Only for a table of days or times.

        Returns:
            Of a table of days or times the key as datetime64[us] and float64 columns; of any other see
            `brain.lake.columns.to_frame`.

        Raises:
            LakeError: A file is gone or altered, or a column is not in the snapshot.
        """
        if snapshot.kind in (KeyKind.NAMES, KeyKind.EVENTS):
            if last is not None:
                raise ValueError(f"{snapshot.name} has no newest rows: it is a table of kind {snapshot.kind}")
            return to_frame(self.read_table(snapshot, columns))
        return self.read_rows(snapshot, columns, last).to_frame(snapshot.key[0])

    def read_rows(self, snapshot: Snapshot, columns: Sequence[str] | None = None, last: int | None = None) -> Rows:
        """As `read`, of a table of days or times, without making a frame of the rows."""
        names = _values(snapshot, columns)
        files = self._files(snapshot)
        if snapshot.cut is None:
            rows = files.read(snapshot.segments if last is None else newest(snapshot.segments, last), names)
        else:
            segments = [s for s in snapshot.segments if s.first <= snapshot.cut]
            if last is not None:  # of the last one only a part may be left
                segments = [*newest(segments[:-1], last), *segments[-1:]]
            ahead = ahead_of(snapshot.columns.values())
            rows = mask_unknown(files.read(segments, names).until(snapshot.cut), ahead.__getitem__)
        return rows if last is None else rows.part(max(0, len(rows) - last))

    def read_table(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> pa.Table:
        """As `read`, of a keyed table or one of events, in Arrow: with NULLs told from NaN, and dates from times."""
        names = [*snapshot.key, *_values(snapshot, columns)]
        folder = f"{folder_of(snapshot.space, snapshot.name)}/segments"
        rows = read_segments(self.storage, folder, snapshot.segments, [*snapshot.columns.values()], names)
        return rows if snapshot.cut is None else until(rows, snapshot.key[0], snapshot.cut)

    @contextlib.contextmanager
    def writing(self, space: str, name: str, expected: Manifest | None) -> Iterator[None]:
        """Keep other writers out while files and then the manifest are written, provided `expected` still is current.

        Raises:
            StorageUnavailable: Another run has written since `expected` was read.
        """
        folder = folder_of(space, name)
        with self.storage.locked(f"{folder}/lock", f"{folder}/manifest.json"):
            present = self._sound(folder)
            if (present.seal if present else "") != (expected.seal if expected else ""):
                raise StorageUnavailable(
                    name,
                    found="a manifest that another run has just replaced",
                    expected="one run of a table at a time",
                    remedy="Run the extraction again.",
                )
            yield

    def replace_manifest(self, manifest: Manifest) -> None:
        """Make `manifest` its table's manifest; the one before is kept beside it. Call inside `writing`.

        Raises:
            StorageUnavailable: The disk is full, or the storage does not answer.
        """
        folder = folder_of(manifest.space, manifest.name)
        counter = max(manifest.counter, self._last(manifest)) + 1
        content = replace(manifest, counter=counter).dump(self._signer)
        name = f"{folder}/manifest.json"
        if not self._is_whole(name, folder):
            self.storage.delete(name)  # what is kept as the previous one is better
        self.storage.replace(name, content, f"{folder}/manifest.previous.json")
        self._counters.saw(_counted(folder), counter)
        self._replaced.add(name)

    def keep_counters(self) -> None:
        """Remember the counters of the manifests that were written and read, for good.

        A manifest is on the disk before its counter is kept: a power cut may take it together with its counter only.

        Raises:
            ServerUnreachable: What keeps the counters does not answer.
        """
        self.storage.sync(self._replaced)
        self._replaced.clear()
        self._counters.keep()

    def write_signed(self, name: str, content: bytes) -> None:
        """Write a file that another step reads with `read_signed`."""
        self.storage.write(name, signed(name, content, self._signer))

    def read_signed(self, name: str) -> bytes:
        """A file of that name, as `write_signed` was given it.

        Raises:
            FileNotFoundError: There is no such file.
            LakeError: It was altered, or written under another name.
        """
        return unsigned(name, self.storage.read(name), self._signer, self.storage.describe(name))

    def quarantine(self, space: str, name: str, moment: Moment, report: Mapping[str, Any]) -> str:
        """Keep the report of rows the gate refused; returns its address."""
        path = f"{folder_of(space, name)}/quarantine/{moment.slug}.json"
        self.storage.write(path, json.dumps(report, indent=1, default=str).encode())
        return self.storage.describe(path)

    def _is_lost(self, folder: str) -> bool:
        """Whether there were manifests, and no part of one can be believed."""
        lost = 0
        for name in _manifests(folder):
            try:
                self._read(name, folder)
            except FileNotFoundError:
                continue
            except DamagedFile:
                lost += 1
                continue
            except LakeError:
                return False
            return False
        return lost > 0

    def _is_whole(self, name: str, folder: str) -> bool:
        try:
            self._read(name, folder)
        except (FileNotFoundError, LakeError):
            return False
        return True

    def _sound(self, folder: str) -> Manifest | None:
        """The manifest that `_load` would return; None also where it refuses them all."""
        try:
            return self._load(folder)
        except LakeError:
            return None  # and a warning was logged

    def _load(self, folder: str) -> Manifest | None:
        damage: LakeError | None = None
        older: Manifest | None = None
        for name in _manifests(folder):
            try:
                manifest = self._read(name, folder)
            except FileNotFoundError:
                continue
            except LakeError as error:
                _LOG.warning("%s", error)
                damage = damage or error
                continue
            if not self.is_older(manifest):
                self._counters.saw(_counted(folder), manifest.counter)
                return manifest
            _LOG.warning("%s: an old manifest that was put back", self.storage.describe(name))
            older = max(older or manifest, manifest, key=lambda found: found.counter)
        if older is None and damage:
            raise damage
        return older

    def _read(self, name: str, folder: str) -> Manifest:
        subject = self.storage.describe(name)
        manifest = Manifest.load(self.storage.read(name), subject, self._signer)
        if folder_of(manifest.space, manifest.name) != folder:
            raise LakeError(
                subject,
                found=f"the manifest of {manifest.space}/{manifest.name}",
                expected=f"that of the table whose folder is {folder}",
                remedy="It was not used. Put the folders back, or delete this one and extract the table again.",
            )
        if not manifest.counter and self._signer is not None and not self.is_older(manifest):
            _LOG.warning("%s: not signed, as releases before 0.3 wrote it; the next run signs it", subject)
        return manifest

    def _last(self, manifest: Manifest) -> int:
        return self._counters.last(_counted(folder_of(manifest.space, manifest.name)))

    def _files(self, snapshot: Snapshot) -> RowFiles:
        folder = f"{folder_of(snapshot.space, snapshot.name)}/segments"
        return RowFiles(self.storage, folder, snapshot.key[0], snapshot.kind)

    def _cut_events(self, snapshot: Snapshot, cut: date) -> Snapshot | None:
        """The snapshot of a table of events without the lines after `cut`."""
        view = replace(snapshot, cut=cut)
        rows = self.read_table(view)
        if not rows.num_rows:
            return None
        watermark = rows.column(snapshot.key[0])[-1].as_py()
        return replace(view, rows=rows.num_rows, watermark=watermark, data_sha256=hash_of(rows))

    def _cut(self, snapshot: Snapshot, cut: date) -> Snapshot | None:
        """The snapshot without the rows after `cut`; reads only the files that the cut or a blanked value touches."""
        inside = [segment for segment in snapshot.segments if segment.last <= cut]
        ahead = max(ahead_of(snapshot.columns.values()).values())
        whole = inside[: len(inside) - len(newest(inside, ahead))]
        rows = self.read_rows(replace(snapshot, segments=snapshot.segments[len(whole) :], cut=cut))
        if not len(rows) and not whole:
            return None
        chain = extend_chain(whole[-1].chain if whole else chain_start(rows), rows)
        watermark: date = rows.keys[-1].astype(object) if len(rows) else whole[-1].last
        count = sum(segment.rows for segment in whole) + len(rows)
        return replace(snapshot, cut=cut, rows=count, watermark=watermark, data_sha256=chain)


def _manifests(folder: str) -> tuple[str, str]:
    """The newest manifest of a table, and the one before."""
    return f"{folder}/manifest.json", f"{folder}/manifest.previous.json"


def _counted(folder: str) -> str:
    """What the counter of a folder's manifest is called among all counters."""
    return f"manifest {folder}"


def _known(manifest: Manifest, version: Version, moment: Moment) -> bool:
    """Whether the version was there at `moment`; what a day's last run knew counts for the whole day."""
    if manifest.kind is KeyKind.DAY:
        return version.moment.day <= moment.day
    return version.moment <= moment


def _values(snapshot: Snapshot, columns: Sequence[str] | None) -> list[str]:
    """The columns to read besides the key."""
    if columns is None:
        return list(snapshot.values)
    names = [name for name in columns if name not in snapshot.key]
    if missing := [name for name in names if name not in snapshot.columns]:
        raise LakeError(
            snapshot.name,
            found=f"no column {', '.join(missing)} in version {snapshot.version}",
            expected=f"one of {', '.join(snapshot.columns)}",
            remedy="Extract the table again if it has gained the column.",
        )
    return names
