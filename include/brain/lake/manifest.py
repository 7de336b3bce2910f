"""The manifest of one table: which versions the lake holds, made of which files.

Format 3 is a JSON object: ``space``, ``name``, ``kind`` and ``key`` of the table; a ``counter`` that grows with every
write; ``schemas``, each a list of [column, type, rows ahead]; ``tables``, each a list of source tables; ``segments`` by
name; and ``versions``, which name their schema and tables by position and their segments by name. It ends with the hash
of what stands before it, and a signature of space, name, counter and that hash.

How to upgrade. Nothing is to be done: formats 1 and 2 are still read (`format_1.py` turns the one into the other, and
`format_2.py` that into format 3). They are not signed, so they are believed only while no signed manifest of the table
was ever seen; the next run writes format 3. To upgrade a table at once, write what was read, inside `Lake.writing`:
``lake.replace_manifest(lake.manifest(space, name))``.

For a format 4: raise `FORMAT`; add a module like `format_2.py` whose `upgraded` turns a body of format 3 into one of
format 4, and call it in `Manifest.load` after that of format 2; commit a small lake folder made by the release before
beside tests/lake/fixtures/format_1, and a test like tests/lake/test_format_1.py.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from brain.core.errors import DamagedFile, LakeError
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.core.source_table import KeyKind
from brain.lake.columns import Column
from brain.lake.unsigned import require_whole
from brain.lake.window import TIMED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from brain.core.signing import Signer

T = TypeVar("T")

FORMAT = 3
PURPOSE = "lake manifest"
_EXPECTED = f"a complete manifest of format {FORMAT} or an older one"
_SIGNED = "one signed with one of BRAIN_SIGNING_KEYS"
_SEAL = ', "sha256": "'
_SIGNATURE = '", "signature": '
_DAMAGES = (KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Segment:
    """One immutable Parquet file: a run of whole blocks, or of rows of a keyed table.

    Args:
        name: File name in the table's `segments` folder.
        rows: Number of rows.
        first: Its first date, or timestamp as a `datetime`; of a keyed table the day for which it was written.
        last: Its last one.
        chain: Content hash of the snapshot up to and with this segment; of a keyed table that of this segment's rows.
        sha256: Hash of the file's bytes.
        size: Bytes.
        before: Content hash of the snapshot before this segment; None for a keyed table, and for a segment that a
            release wrote which did not note it.
    """

    name: str
    rows: int
    first: date
    last: date
    chain: Sha256
    sha256: Sha256
    size: int
    before: Sha256 | None = None

    def to_json(self) -> list[Any]:
        """Its fields in order: a manifest holds hundreds of segments and is written every day."""
        keys = (self.first.isoformat(), self.last.isoformat())
        return [self.name, self.rows, *keys, self.chain, self.sha256, self.size, self.before]

    @classmethod
    def from_json(cls, value: Sequence[Any], key: Callable[[str], date]) -> Segment:
        name, rows, first, last, chain, sha256, size, before = value
        return cls(name, rows, key(first), key(last), chain, sha256, size, before)


@dataclass(frozen=True)
class Revision:
    """Rows behind the watermark that were not the same any more.

    Args:
        first: Earliest corrected date or timestamp.
        last: Latest corrected one.
        rows: Number of corrected, deleted or late rows.
        columns: Corrected columns; empty when whole rows came or went.
    """

    first: date
    last: date
    rows: int
    columns: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "first": self.first.isoformat(), "last": self.last.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], key: Callable[[str], date]) -> Revision:
        return cls(key(value["first"]), key(value["last"]), value["rows"], tuple(value["columns"]))


@dataclass(frozen=True)
class Version:
    """What was known of the table at one moment.

    Args:
        version: Counts the table's versions from 1.
        watermark: Key of the newest row; of a keyed table the day for which it was read.
        data_sha256: Hash of the rows and columns, whatever files they lie in.
        columns: Every column but the key of a table of days or times; all columns of a keyed table.
        status: What the extraction that made it did.
        revision: What it corrected; None for a keyed table.
        warnings: Findings of the quality gate that did not stop it.
        reached: Greatest value known of the column that tells what has changed; None where the table has none.
    """

    version: int
    watermark: date
    rows: int
    data_sha256: Sha256
    columns: tuple[Column, ...]
    source_tables: tuple[str, ...]
    moment: Moment
    status: str
    segments: tuple[Segment, ...]
    revision: Revision | None = None
    warnings: int = 0
    reached: datetime | None = None


@dataclass(frozen=True)
class Manifest:
    """All versions of one table, oldest first.

    Args:
        versions: Never empty.
        checked_in_full: Day of the run in which every row was last compared with the source.
        last_version: Highest number ever given out; numbers are not used twice.
        warned: Findings of the quality gate that stopped nothing, when it last saw every row; 0 if that is not known.
        counter: Grows with every write; 0 for one that was never signed.
        seal: Hash of the file it was read from; empty for one that has not been written yet.
    """

    space: str
    name: str
    kind: KeyKind
    key: tuple[str, ...]
    versions: tuple[Version, ...]
    checked_in_full: date
    last_version: int
    warned: int = 0
    counter: int = field(default=0, compare=False)
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

    def dump(self, signer: Signer | None = None) -> bytes:
        """The manifest as JSON that ends with the hash of what stands before it, and the signature of `signer`."""
        schemas: list[tuple[Column, ...]] = []
        tables: list[tuple[str, ...]] = []
        segments: dict[str, list[Any]] = {}
        versions = []
        for version in self.versions:
            names = [_named(segments, segment) for segment in version.segments]
            schema, table = _place(schemas, version.columns), _place(tables, version.source_tables)
            versions.append(_dumped(version, schema, table, names))
        body = {
            "format": FORMAT,
            "space": self.space,
            "name": self.name,
            "kind": self.kind,
            "key": self.key,
            "counter": self.counter,
            "last_version": self.last_version,
            "checked_in_full": self.checked_in_full.isoformat(),
            "warned": self.warned,
            "schemas": [[column.to_json() for column in schema] for schema in schemas],
            "tables": tables,
            "segments": segments,
            "versions": versions,
        }
        text = json.dumps(body)[:-1]
        seal = hashlib.sha256(text.encode()).hexdigest()
        signature = signer.sign(PURPOSE, _signed(body, seal)) if signer else None
        return f"{text}{_SEAL}{seal}{_SIGNATURE}{json.dumps(signature)}}}\n".encode()

    @classmethod
    def load(cls, content: bytes, subject: str, signer: Signer | None = None) -> Manifest:
        """The manifest in `content`; `subject` is how errors call it.

        Args:
            signer: Who must have signed it, unless it is of a format that was not signed; None believes all.

        Raises:
            DamagedFile: The content is cut off or altered.
            LakeError: It is of an unknown format, or signed with a key that is not known here.
        """
        seal = seal_of(content)
        if not seal:
            raise _broken(subject, f"{len(content)} bytes that do not end with their own hash")
        try:
            body = json.loads(content)
            number = body["format"]
            if number == FORMAT and signer is not None:
                _require_signature(body, seal, subject, signer)
            elif number in (1, 2):
                body = _upgraded(body)
                require_whole(body)
            elif number != FORMAT:
                raise LakeError(subject, found=f"format {number}", expected=_EXPECTED, remedy="Use the release of it.")
            return _loaded(body, seal)
        except _DAMAGES as error:
            raise _broken(subject, f"a manifest that cannot be read ({type(error).__name__})") from None


def seal_of(content: bytes) -> str:
    """The hash that a manifest ends with; empty if the content is cut off or altered."""
    text, _, rest = content.rpartition(_SEAL.encode())
    digest = hashlib.sha256(text).hexdigest()
    try:
        end = json.loads(b'{"sha256": "' + rest)
    except (ValueError, RecursionError):
        return ""
    return digest if text and end["sha256"] == digest and end.keys() <= {"sha256", "signature"} else ""


def _require_signature(body: Mapping[str, Any], seal: str, subject: str, signer: Signer) -> None:
    problem = signer.problem(PURPOSE, _signed(body, seal), body["signature"])
    if problem and signer.lacks_key(body["signature"]):  # a mistake in the settings must not cost a table its history
        remedy = "Put that key back among BRAIN_SIGNING_KEYS, or delete the table's folder and extract it again."
        raise LakeError(subject, found=problem, expected=_SIGNED, remedy=remedy)
    if problem:
        raise _broken(subject, problem, _SIGNED)


def _signed(body: Mapping[str, Any], seal: str) -> dict[str, Any]:
    """What the signature covers; the hash covers all the rest."""
    return {"space": body["space"], "name": body["name"], "counter": body["counter"], "sha256": seal}


def _upgraded(body: Mapping[str, Any]) -> Mapping[str, Any]:
    from brain.lake import format_1, format_2

    if body["format"] == 1:
        body = format_1.upgraded(body)
    return format_2.upgraded(body)


def _named(segments: dict[str, list[Any]], segment: Segment) -> str:
    """The name of `segment` among `segments`, added if it is new; equal rows after other ones are another segment."""
    value, name = segment.to_json(), segment.name
    if segments.setdefault(name, value) != value:
        name = f"{name} after {segment.before}"
        segments.setdefault(name, value)
    return name


def _place(known: list[T], value: T) -> int:
    """The position of `value`, added if it is new; mostly it is the first one itself, so that nothing is compared."""
    if value not in known:
        known.append(value)
    return known.index(value)


def _dumped(version: Version, schema: int, tables: int, segments: Sequence[str]) -> dict[str, Any]:
    return {
        "version": version.version,
        "watermark": version.watermark.isoformat(),
        "rows": version.rows,
        "data_sha256": version.data_sha256,
        "schema": schema,
        "tables": tables,
        "moment": version.moment.at.isoformat(),
        "status": version.status,
        "warnings": version.warnings,
        "revision": version.revision.to_json() if version.revision else None,
        "segments": segments,
        **({} if version.reached is None else {"reached": version.reached.isoformat()}),
    }


def _loaded(body: Mapping[str, Any], seal: str) -> Manifest:
    kind = KeyKind(body["kind"])
    key: Callable[[str], date] = datetime.fromisoformat if kind in TIMED else date.fromisoformat
    segments = {name: Segment.from_json(value, key) for name, value in body["segments"].items()}
    schemas = [tuple(map(Column.from_json, schema)) for schema in body["schemas"]]
    tables = [tuple(names) for names in body["tables"]]

    def version(value: Mapping[str, Any]) -> Version:
        return Version(
            version=value["version"],
            watermark=key(value["watermark"]),
            rows=value["rows"],
            data_sha256=Sha256(value["data_sha256"]),
            columns=schemas[value["schema"]],
            source_tables=tables[value["tables"]],
            moment=Moment(datetime.fromisoformat(value["moment"])),
            status=value["status"],
            segments=tuple(segments[name] for name in value["segments"]),
            revision=Revision.from_json(value["revision"], key) if value["revision"] else None,
            warnings=value["warnings"],
            reached=datetime.fromisoformat(value["reached"]) if value.get("reached") else None,
        )

    return Manifest(
        space=body["space"],
        name=body["name"],
        kind=kind,
        key=tuple(body["key"]),
        versions=tuple(map(version, body["versions"])),
        checked_in_full=date.fromisoformat(body["checked_in_full"]),
        last_version=body["last_version"],
        warned=body.get("warned", 0),  # manifests from before it was noted
        counter=body["counter"],
        seal=seal,
    )


def _broken(subject: str, found: str, expected: str = _EXPECTED) -> DamagedFile:
    return DamagedFile(
        subject,
        found=found,
        expected=expected,
        remedy="The previous manifest is used if it is whole; if not, the next extraction reads the table anew.",
    )
