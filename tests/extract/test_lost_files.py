"""Files of a snapshot that are lost, cut off or altered are made anew by the next extraction that can notice it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import LakeError
from brain.lake.lake import Lake
from tests.extract.conftest import Market, asset_frame, extract, last_dates, spec
from tests.extract.customers import CUSTOMERS, many, put, read, snapshot_rows
from tests.lake.test_storage import put_in_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.lake.manifest import Manifest

pytestmark = pytest.mark.slow

ROWS = 600
DAYS = last_dates(asset_frame(ROWS), ROWS)
LAST = DAYS[-1]


@pytest.fixture
def lake(sqlite: Market, tmp_path: Path) -> Lake:
    """GOLD and SILVER on three days."""
    lake = Lake(str(tmp_path / "lake"))
    for name in ("GOLD", "SILVER"):
        for known in (590, 595, ROWS):
            sqlite.put(name, asset_frame(ROWS, known=known))
            assert extract(sqlite, lake, DAYS[known - 1], spec(name)).ok
    return lake


def manifest_of(lake: Lake) -> Manifest:
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    return manifest


def paths(lake: Lake) -> Sequence[Path]:
    folder = Path(lake.storage.root) / "assets" / "GOLD" / "segments"
    return [folder / segment.name for segment in manifest_of(lake).latest.segments]


def rows_of(lake: Lake, day: date = LAST) -> pd.DataFrame:
    snapshot = lake.as_of("assets", "GOLD", day)
    assert snapshot is not None
    return lake.read(snapshot)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0, -1], ids=["the oldest file", "the newest file"])
@pytest.mark.parametrize("what", ["gone", "cut off", "a folder", "a pipe", "a loop of links", "4 TB of nothing"])
def test_a_lost_file_is_made_anew_by_the_next_extraction(sqlite: Market, lake: Lake, place: int, what: str) -> None:
    true, sha256, before = rows_of(lake), manifest_of(lake).latest.data_sha256, rows_of(lake, DAYS[594])
    path = paths(lake)[place]
    if what == "gone":
        path.unlink()
    elif what == "cut off":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        put_in_place(path, what)
    report = extract(sqlite, lake, LAST)
    assert (report.status, report.corrected_dates) == ("rewritten", ())
    assert path.name in report.reason
    pd.testing.assert_frame_equal(rows_of(lake), true)
    assert manifest_of(lake).latest.data_sha256 == sha256
    pd.testing.assert_frame_equal(rows_of(lake, DAYS[594]), before)
    assert extract(sqlite, lake, LAST).status == "unchanged"


def test_an_altered_file_of_the_same_size_is_made_anew_after_a_read_has_failed_on_it(
    sqlite: Market, lake: Lake
) -> None:
    true = rows_of(lake)
    flip(paths(lake)[0])
    assert extract(sqlite, lake, LAST).status == "unchanged"
    with pytest.raises(LakeError):
        rows_of(lake)
    assert extract(sqlite, lake, LAST).status == "rewritten"
    pd.testing.assert_frame_equal(rows_of(lake), true)
    assert extract(sqlite, lake, LAST).status == "unchanged"


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "due"])
def test_a_full_check_reads_every_file(sqlite: Market, lake: Lake, asked: bool) -> None:
    true = rows_of(lake)
    flip(paths(lake)[0])
    day = LAST if asked else LAST + timedelta(days=30)
    assert extract(sqlite, lake, day, full=asked).status == "rewritten"
    pd.testing.assert_frame_equal(rows_of(lake), true)


def test_a_note_on_a_file_that_is_whole_changes_nothing(sqlite: Market, lake: Lake) -> None:
    note = f"assets/GOLD/damaged/{paths(lake)[0].name}"
    lake.storage.write(note, b"")
    assert extract(sqlite, lake, LAST).status == "unchanged"
    assert lake.storage.names("assets/GOLD/damaged") == []


def test_a_correction_elsewhere_is_told_and_rows_of_the_lost_file_are_not(sqlite: Market, lake: Lake) -> None:
    frame = asset_frame(ROWS)
    frame["momentum"] += np.where(frame.index == ROWS - 3, 1.0, 0.0)
    sqlite.put("GOLD", frame)
    paths(lake)[0].unlink()
    report = extract(sqlite, lake, LAST)
    assert (report.status, report.corrected_dates) == ("corrected", (DAYS[ROWS - 3],))
    pd.testing.assert_series_equal(rows_of(lake)["momentum"], frame["momentum"])


def test_all_rows_of_a_lost_file_count_as_corrected_where_one_was(sqlite: Market, lake: Lake) -> None:
    lost = manifest_of(lake).latest.segments[0]
    frame = asset_frame(ROWS)
    frame["momentum"] += np.where(frame.index == 5, 1.0, 0.0)
    sqlite.put("GOLD", frame)
    paths(lake)[0].unlink()
    report = extract(sqlite, lake, LAST)
    assert (report.status, report.corrected) == ("corrected", lost.rows)
    pd.testing.assert_series_equal(rows_of(lake)["momentum"], frame["momentum"])


def test_rows_that_vanish_with_the_file_that_held_them_are_a_loss(sqlite: Market, lake: Lake) -> None:
    lost = manifest_of(lake).latest.segments[0]
    frame = asset_frame(ROWS)
    sqlite.put("GOLD", frame[np.arange(ROWS) >= lost.rows])
    paths(lake)[0].unlink()
    report = extract(sqlite, lake, LAST)
    assert report.status == "failed"
    assert f"{lost.rows} of {ROWS} known rows gone" in report.reason


@pytest.mark.parametrize("change", [False, True], ids=["unchanged", "with a changed row"])
def test_a_lost_file_of_a_keyed_table_is_made_anew(sqlite: Market, tmp_path: Path, change: bool) -> None:
    lake = Lake(str(tmp_path / "keyed"))
    rows = many()
    put(sqlite, rows)
    assert read(sqlite, lake).ok
    manifest = lake.manifest(CUSTOMERS.space, CUSTOMERS.name)
    assert manifest is not None
    (segment,) = manifest.latest.segments
    lake.storage.delete(f"{CUSTOMERS.space}/{CUSTOMERS.name}/segments/{segment.name}")
    if change:
        put(sqlite, [(*rows[0][:2], -1, *rows[0][3:]), *rows[1:]])
    report = read(sqlite, lake, day=1)
    assert report.status == ("corrected" if change else "rewritten"), report.reason
    assert (report.rows_new, report.rows_vanished) == (0, 0)
    assert len(snapshot_rows(lake, report)) == len(rows)
    assert read(sqlite, lake, day=1).status == "unchanged"
