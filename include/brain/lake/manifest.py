"""The manifest of one asset: which versions the lake holds, made of which files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from brain.core.errors import LakeError
from brain.core.keys import Sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMAT = 1
_SEAL = ', "sha256": "'


@dataclass(frozen=True)
class Segment:
    """One immutable Parquet file: a run of whole calendar quarters.

    Args:
        name: File name in the asset's `segments` folder.
        rows: Number of rows.
        first: Its first date.
        last: Its last date.
        chain: Content hash of the snapshot up to and with this segment.
        sha256: Hash of the file's bytes.
        size: Bytes.
    """

    name: str
    rows: int
    first: date
    last: date
    chain: Sha256
    sha256: Sha256
    size: int

    def to_json(self) -> list[Any]:
        """Its fields in order: a manifest holds hundreds of segments and is written every day."""
        days = (self.first.isoformat(), self.last.isoformat())
        return [self.name, self.rows, *days, self.chain, self.sha256, self.size]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Segment:
        name, rows, first, last, chain, sha256, size = value
        return cls(name, rows, date.fromisoformat(first), date.fromisoformat(last), chain, sha256, size)


@dataclass(frozen=True)
class Revision:
    """Rows behind the watermark that were not the same any more.

    Args:
        version: The first version with the corrected rows.
        first: Earliest corrected date.
        last: Latest corrected date.
        rows: Number of corrected, deleted or late dates.
        columns: Corrected columns; empty when whole rows came or went.
    """

    version: int
    first: date
    last: date
    rows: int
    columns: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "first": self.first.isoformat(), "last": self.last.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Revision:
        days = {name: date.fromisoformat(value[name]) for name in ("first", "last")}
        return cls(**{**value, **days, "columns": tuple(value["columns"])})


@dataclass(frozen=True)
class Version:
    """What was known of the asset at the end of one data interval."""

    version: int
    watermark: date
    rows: int
    sha256: Sha256
    columns: tuple[str, ...]
    source_tables: tuple[str, ...]
    interval_end: datetime
    verdict: str
    segments: tuple[Segment, ...]
    revision: Revision | None = None
    warnings: int = 0


@dataclass(frozen=True)
class Manifest:
    """All versions of one asset, oldest first.

    Args:
        asset: The asset's name.
        versions: Never empty.
        checked_in_full: Last day of the interval at which every row was last compared with the source.
        last_version: Highest number ever given out; numbers are not used twice.
        seal: Hash of the file it was read from; empty for one that has not been written yet.
    """

    asset: str
    versions: tuple[Version, ...]
    checked_in_full: date
    last_version: int
    seal: str = field(default="", compare=False)

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    @property
    def segments(self) -> set[str]:
        """Names of the files that some version needs."""
        return {segment.name for version in self.versions for segment in version.segments}

    def with_version(self, version: Version, checked_in_full: date) -> Manifest:
        return replace(
            self,
            versions=(*self.versions, version),
            checked_in_full=checked_in_full,
            last_version=max(self.last_version, version.version),
        )

    def with_versions(self, versions: Iterable[Version]) -> Manifest:
        return replace(self, versions=tuple(versions))

    def dump(self) -> bytes:
        """The manifest as JSON that ends with the hash of what stands before it."""
        schemas: dict[tuple[str, ...], int] = {}
        tables: dict[tuple[str, ...], int] = {}
        segments: dict[str, list[Any]] = {}
        versions = []
        for version in self.versions:
            for segment in version.segments:
                if segment.name not in segments:
                    segments[segment.name] = segment.to_json()
            versions.append(
                {
                    "version": version.version,
                    "watermark": version.watermark.isoformat(),
                    "rows": version.rows,
                    "sha256": version.sha256,
                    "schema": schemas.setdefault(version.columns, len(schemas)),
                    "tables": tables.setdefault(version.source_tables, len(tables)),
                    "interval_end": version.interval_end.isoformat(),
                    "verdict": version.verdict,
                    "warnings": version.warnings,
                    "revision": version.revision.to_json() if version.revision else None,
                    "segments": [segment.name for segment in version.segments],
                }
            )
        body = {
            "format": FORMAT,
            "asset": self.asset,
            "last_version": self.last_version,
            "checked_in_full": self.checked_in_full.isoformat(),
            "schemas": list(schemas),
            "tables": list(tables),
            "segments": segments,
            "versions": versions,
        }
        text = json.dumps(body)[:-1]
        return f'{text}{_SEAL}{hashlib.sha256(text.encode()).hexdigest()}"}}\n'.encode()

    @classmethod
    def load(cls, content: bytes, subject: str) -> Manifest:
        """The manifest in `content`; `subject` is how errors call it.

        Raises:
            LakeError: The content is cut off, altered or of another format.
        """
        seal = seal_of(content)
        if not seal:
            raise _broken(subject, f"{len(content)} bytes that do not end with their own hash")
        body = json.loads(content)
        if body["format"] != FORMAT:
            raise _broken(subject, f"format {body['format']}")
        segments = {name: Segment.from_json(value) for name, value in body["segments"].items()}
        schemas = [tuple(schema) for schema in body["schemas"]]
        tables = [tuple(names) for names in body["tables"]]
        versions = tuple(_version(value, schemas, tables, segments) for value in body["versions"])
        checked = date.fromisoformat(body["checked_in_full"])
        return cls(body["asset"], versions, checked, body["last_version"], seal)


def seal_of(content: bytes) -> str:
    """The hash that a manifest ends with; empty if the content is cut off or altered."""
    text, _, rest = content.rpartition(_SEAL.encode())
    digest = hashlib.sha256(text).hexdigest()
    return digest if text and rest.strip() == f'{digest}"}}'.encode() else ""


def _version(
    value: Mapping[str, Any],
    schemas: list[tuple[str, ...]],
    tables: list[tuple[str, ...]],
    segments: Mapping[str, Segment],
) -> Version:
    return Version(
        version=value["version"],
        watermark=date.fromisoformat(value["watermark"]),
        rows=value["rows"],
        sha256=Sha256(value["sha256"]),
        columns=schemas[value["schema"]],
        source_tables=tables[value["tables"]],
        interval_end=datetime.fromisoformat(value["interval_end"]),
        verdict=value["verdict"],
        segments=tuple(segments[name] for name in value["segments"]),
        revision=Revision.from_json(value["revision"]) if value["revision"] else None,
        warnings=value["warnings"],
    )


def _broken(subject: str, found: str) -> LakeError:
    return LakeError(
        subject,
        found=found,
        expected=f"a complete manifest of format {FORMAT}",
        remedy="The previous manifest is used if there is one; if not, delete the asset's folder and extract again.",
    )
