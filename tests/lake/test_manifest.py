"""A manifest is read back as it was written, or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from brain.core.errors import LakeError
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.core.source_table import KeyKind
from brain.lake.columns import Column, ColumnType
from brain.lake.manifest import _SEAL, Manifest, Revision, Segment, Version

SEGMENT = Segment("a.parquet", 3, date(2020, 1, 1), date(2020, 1, 3), Sha256("c" * 64), Sha256("d" * 64), 99)
VERSION = Version(
    version=1,
    watermark=date(2020, 1, 3),
    rows=3,
    data_sha256=Sha256("c" * 64),
    columns=(Column("Close"), Column('odd "name", "sha256": "', ColumnType.TEXT), Column("RETURNS5", rows_ahead=5)),
    source_tables=("GOLD", "DXY"),
    moment=Moment(datetime(2020, 1, 4, 6, tzinfo=UTC)),
    status="new",
    segments=(SEGMENT,),
    revision=Revision(date(2020, 1, 1), date(2020, 1, 2), 2, ("Close",)),
    warnings=2,
)
MANIFEST = Manifest("assets", "GÖLD", KeyKind.DAY, ("Date",), (VERSION,), date(2020, 1, 4), 7)


def test_it_is_read_back_as_it_was_written() -> None:
    assert Manifest.load(MANIFEST.dump(), "here") == MANIFEST


@pytest.mark.parametrize("kept", [0, 1, 50, 200, -90, -4, -2])
def test_a_cut_off_manifest_is_refused(kept: int) -> None:
    with pytest.raises(LakeError, match="bytes that do not end with their own hash"):
        Manifest.load(MANIFEST.dump()[:kept], "here")


def test_an_altered_manifest_is_refused() -> None:
    with pytest.raises(LakeError, match="here"):
        Manifest.load(MANIFEST.dump().replace(b"2020-01-03", b"2020-01-02"), "here")


def test_times_are_read_back_to_the_microsecond() -> None:
    first, last = datetime(2020, 1, 1, 9, 30, 0, 1), datetime(2020, 1, 3, 16)  # noqa: DTZ001
    segment = replace(SEGMENT, first=first, last=last)
    revision = Revision(first, last, 2, ())
    version = replace(VERSION, watermark=last, segments=(segment,), revision=revision)
    times = replace(MANIFEST, kind=KeyKind.TIME, key=("at",), versions=(version,))
    assert Manifest.load(times.dump(), "here") == times


def test_a_manifest_of_a_later_format_is_refused() -> None:
    text, _, _ = MANIFEST.dump().replace(b'"format": 3', b'"format": 9').rpartition(_SEAL.encode())
    later = text + f'{_SEAL}{hashlib.sha256(text).hexdigest()}"}}'.encode()
    with pytest.raises(LakeError, match="found format 9; expected a complete manifest of format 3"):
        Manifest.load(later, "here")
