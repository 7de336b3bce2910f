"""Snapshots are immutable, verified, and readable as of any past day."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import uuid
from pathlib import Path

import pandas as pd
import pytest

from brain.core.errors import LakeError, StorageUnavailable
from brain.lake.lake import Lake
from brain.lake.snapshot import Snapshot, folder_of
from tests.extract.conftest import Market, asset_frame, extract, last_dates, spec

DAYS = last_dates(asset_frame(), 300)


@pytest.fixture
def days(sqlite: Market, lake: Lake) -> dict[int, Snapshot]:
    """Versions made on the days of rows 290, 295 and 300 (counted from 1)."""
    made = {}
    for known in (290, 295, 300):
        sqlite.put("GOLD", asset_frame(known=known))
        report = extract(sqlite, lake, DAYS[known - 1])
        assert report.snapshot is not None
        made[known] = report.snapshot
    return made


def segment_paths(lake: Lake, snapshot: Snapshot) -> list[Path]:
    folder = Path(lake.storage.root) / folder_of(snapshot.space, snapshot.name) / "segments"
    return [folder / segment.name for segment in snapshot.segments]


def test_every_version_reads_as_it_was(lake: Lake, days: dict[int, Snapshot]) -> None:
    for known, snapshot in days.items():
        pd.testing.assert_frame_equal(lake.read(snapshot), asset_frame(known=known))


@pytest.mark.parametrize(("row", "known"), [(290, 290), (294, 290), (295, 295), (299, 295), (300, 300)])
def test_a_past_day_is_served_from_what_was_known_then(
    lake: Lake, days: dict[int, Snapshot], row: int, known: int
) -> None:
    assert lake.as_of("assets", "GOLD", DAYS[row - 1]) == days[known]


def test_a_day_before_the_first_version_is_cut_from_it(
    lake: Lake, sqlite: Market, days: dict[int, Snapshot], tmp_path: Path
) -> None:
    cut = lake.as_of("assets", "GOLD", DAYS[199])
    assert cut is not None
    assert (cut.cut, cut.rows, cut.watermark) == (DAYS[199], 200, DAYS[199])
    pd.testing.assert_frame_equal(lake.read(cut), asset_frame(known=200))
    pd.testing.assert_frame_equal(lake.read(cut, last=3), asset_frame(known=200)[-3:].reset_index(drop=True))
    then = extract(sqlite, Lake(str(tmp_path / "then")), DAYS[199])
    assert then.snapshot is not None
    assert then.snapshot.data_sha256 == cut.data_sha256


def test_a_day_before_the_first_version_is_read_from_one_that_reaches_it(sqlite: Market, lake: Lake) -> None:
    for known in (250, 300):
        sqlite.put("GOLD", asset_frame(known=known))
        extract(sqlite, lake, DAYS[299])
    for row in (200, 250, 280):
        cut = lake.as_of("assets", "GOLD", DAYS[row - 1])
        assert cut is not None
        assert cut.watermark == DAYS[row - 1]
        pd.testing.assert_frame_equal(lake.read(cut), asset_frame(known=row))


def test_a_day_before_the_first_row_has_nothing(lake: Lake, days: dict[int, Snapshot]) -> None:
    assert lake.as_of("assets", "GOLD", dt.date(2019, 1, 1)) is None
    assert lake.as_of("assets", "SILVER", DAYS[0]) is None


def test_a_snapshot_is_found_by_its_hash(lake: Lake, days: dict[int, Snapshot]) -> None:
    assert lake.find("assets", "GOLD", days[295].data_sha256) == days[295]
    assert lake.find("assets", "GOLD", "0" * 64) is None
    assert lake.find("assets", "SILVER", days[295].data_sha256) is None


def test_columns_and_newest_rows_can_be_read_alone(lake: Lake, days: dict[int, Snapshot]) -> None:
    read = lake.read(days[300], ["Close", "momentum"], last=2)
    expected = asset_frame()[["Date", "Close", "momentum"]][-2:].reset_index(drop=True)
    pd.testing.assert_frame_equal(read, expected)


def test_the_newest_rows_do_not_open_older_files(lake: Lake, days: dict[int, Snapshot]) -> None:
    segment_paths(lake, days[300])[0].unlink()
    assert len(lake.read(days[300], last=5)) == 5


def test_an_unknown_column_is_named(lake: Lake, days: dict[int, Snapshot]) -> None:
    with pytest.raises(LakeError, match="no column skew in version 3"):
        lake.read(days[300], ["skew"])


def test_an_altered_file_is_not_read(lake: Lake, days: dict[int, Snapshot]) -> None:
    path = segment_paths(lake, days[300])[-1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(LakeError, match="another hash"):
        lake.read(days[300])


def test_a_lost_file_is_named(lake: Lake, days: dict[int, Snapshot]) -> None:
    path = segment_paths(lake, days[300])[0]
    path.unlink()
    with pytest.raises(LakeError, match=path.name):
        lake.read(days[300])


def test_a_half_written_manifest_gives_way_to_the_one_before(lake: Lake, days: dict[int, Snapshot]) -> None:
    path = Path(lake.storage.root) / folder_of("assets", "GOLD") / "manifest.json"
    path.write_bytes(path.read_bytes()[:-700])
    assert lake.latest("assets", "GOLD") == days[295]


def test_two_broken_manifests_are_an_error(lake: Lake, days: dict[int, Snapshot]) -> None:
    for path in (Path(lake.storage.root) / folder_of("assets", "GOLD")).glob("manifest*"):
        path.write_bytes(b"{")
    with pytest.raises(LakeError, match=r"manifest\.json"):
        lake.latest("assets", "GOLD")


def test_a_run_that_was_overtaken_does_not_overwrite(lake: Lake, days: dict[int, Snapshot]) -> None:
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    old = dataclasses.replace(manifest, seal="0" * 64)
    with pytest.raises(StorageUnavailable, match="another run"), lake.writing("assets", "GOLD", old):
        pytest.fail("the lock was given on an old manifest")
    assert lake.latest("assets", "GOLD") == days[300]


def test_two_runs_at_once_make_one_version_each_or_fail(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    reports: list[str] = []
    runs = [threading.Thread(target=lambda: reports.append(extract(sqlite, lake).status)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert reports.count("new") == 1
    assert set(reports) <= {"new", "unchanged", "failed"}
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    assert len(manifest.versions) == 1


ODD_NAMES = [
    "../../etc",
    "a/b",
    ".",
    "..",
    "ÅÄÖ 金",
    'x"; DROP TABLE "GOLD"; --',
    "a~b",
    "%2F",
    "a\nb",
    "Z" * 63,
    "金" * 21,
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_any_name_is_a_folder_of_its_own(lake: Lake, sqlite: Market, name: str) -> None:
    sqlite.put("GOLD", asset_frame())
    extract(sqlite, lake, asset=spec(name, "GOLD"))
    extract(sqlite, lake, asset=spec("GOLD"))
    assert lake.names("assets") == sorted([name, "GOLD"])
    folders = {path.name for path in (Path(lake.storage.root) / "assets").iterdir()}
    assert len(folders) == 2
    assert {path.name for path in Path(lake.storage.root).iterdir()} == {"assets"}


def test_a_lake_behind_an_fsspec_url_is_the_same_lake(sqlite: Market) -> None:
    lake = Lake(f"memory://{uuid.uuid4()}/lake")
    for known in (290, 300):
        sqlite.put("GOLD", asset_frame(known=known))
        report = extract(sqlite, lake, DAYS[known - 1])
    assert report.status == "appended"
    assert report.snapshot is not None
    assert lake.names("assets") == ["GOLD"]
    pd.testing.assert_frame_equal(lake.read(report.snapshot), asset_frame())
    early = lake.as_of("assets", "GOLD", DAYS[289])
    assert early is not None
    pd.testing.assert_frame_equal(lake.read(early), asset_frame(known=290))


def test_duckdb_reads_the_files_without_us(lake: Lake, days: dict[int, Snapshot]) -> None:
    import duckdb

    files = [str(path) for path in segment_paths(lake, days[300])]
    query = "SELECT count(*), max(Date), sum(Close) FROM read_parquet($1)"
    with duckdb.connect() as connection:
        found = connection.execute(query, [files]).fetchone()
    assert found is not None
    assert found[0] == 300
    assert found[2] == pytest.approx(asset_frame()["Close"].sum())
