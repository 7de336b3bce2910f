"""A snapshot, and where the lake keeps it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from brain.core.source_table import KeyKind
from brain.lake.columns import Column, ColumnType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from brain.core.keys import Sha256
    from brain.core.moment import Moment
    from brain.lake.manifest import Manifest, Segment, Version

_FOLDER_LIMIT = 150
_KEY_TYPES = {KeyKind.DAY: ColumnType.DATE, KeyKind.TIME: ColumnType.TIME}


@dataclass(frozen=True)
class Snapshot:
    """One table's rows as they were known at one time.

    Args:
        space: The lake folder it lies in.
        name: What it is called there.
        key: Its key columns.
        kind: What the key is.
        version: Counts the table's versions from 1.
        watermark: Date of the newest row, or its timestamp as a `datetime`; of a keyed table the day it was read for.
        rows: Number of rows.
        data_sha256: Hash of the rows and columns, whatever files they lie in.
        columns: Every column by its name, the key among them.
        source_tables: Tables the rows were read from, its own first.
        moment: Of the run that made the version.
        revised: Rows behind the previous version's watermark had changed.
        warnings: Findings of the quality gate that did not stop it.
        cut: Set on a view of an older time that no stored version holds: later rows are left out.
    """

    space: str
    name: str
    key: tuple[str, ...]
    kind: KeyKind
    version: int
    watermark: date
    rows: int
    data_sha256: Sha256
    columns: Mapping[str, Column]
    source_tables: tuple[str, ...]
    moment: Moment
    revised: bool
    warnings: int
    segments: tuple[Segment, ...]
    cut: date | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the columns that are no part of the key."""
        return tuple(name for name in self.columns if name not in self.key)


def snapshot_of(manifest: Manifest, version: Version) -> Snapshot:
    """The face of a version in the manifest."""
    key = [Column(name, _KEY_TYPES[manifest.kind]) for name in manifest.key if manifest.kind in _KEY_TYPES]
    return Snapshot(
        space=manifest.space,
        name=manifest.name,
        key=manifest.key,
        kind=manifest.kind,
        version=version.version,
        watermark=version.watermark,
        rows=version.rows,
        data_sha256=version.data_sha256,
        columns={column.name: column for column in (*key, *version.columns)},
        source_tables=version.source_tables,
        moment=version.moment,
        revised=version.revision is not None,
        warnings=version.warnings,
        segments=version.segments,
    )


def folder_name(name: str) -> str:
    """A folder's or file's name for `name`; any name is safe, and different names have different folders."""
    encoded = quote(name, safe="", errors="surrogatepass").replace(".", "%2E").replace("~", "%7E")
    if len(encoded) > _FOLDER_LIMIT:
        encoded = f"{encoded[:80]}~{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()}"
    return encoded


def folder_of(space: str, name: str) -> str:
    """The folder of a table's snapshots."""
    return f"{space}/{folder_name(name)}"
