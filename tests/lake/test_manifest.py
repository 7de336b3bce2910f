"""A manifest is read back as it was written, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from brain.core.errors import LakeError
from brain.core.keys import Sha256
from brain.lake.manifest import Manifest, Revision, Segment, Version

SEGMENT = Segment("a.parquet", 3, date(2020, 1, 1), date(2020, 1, 3), Sha256("c" * 64), Sha256("d" * 64), 99)
VERSION = Version(
    version=1,
    watermark=date(2020, 1, 3),
    rows=3,
    sha256=Sha256("c" * 64),
    columns=("Close", 'odd "name", "sha256": "'),
    source_tables=("GOLD", "DXY"),
    interval_end=datetime(2020, 1, 4, 6, tzinfo=UTC),
    verdict="new",
    segments=(SEGMENT,),
    revision=Revision(1, date(2020, 1, 1), date(2020, 1, 2), 2, ("Close",)),
    warnings=2,
)
MANIFEST = Manifest("GÖLD", (VERSION,), date(2020, 1, 4), 7)


def test_it_is_read_back_as_it_was_written() -> None:
    assert Manifest.load(MANIFEST.dump(), "here") == MANIFEST


@pytest.mark.parametrize("kept", [0, 1, 50, 200, -90, -4, -2])
def test_a_cut_off_manifest_is_refused(kept: int) -> None:
    with pytest.raises(LakeError, match="bytes that do not end with their own hash"):
        Manifest.load(MANIFEST.dump()[:kept], "here")


def test_an_altered_manifest_is_refused() -> None:
    with pytest.raises(LakeError, match="here"):
        Manifest.load(MANIFEST.dump().replace(b"2020-01-03", b"2020-01-02"), "here")
