"""A lake that knows the future is again what it was before, and goes on from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from brain.core.errors import StorageUnavailable
from brain.lake.lake import Lake
from brain.lake.taking_back import runs_after, take_back, versions_after
from tests.extract.conftest import Market, asset_frame, extract, last_dates, until

DAYS = last_dates(asset_frame(), 300)
FUTURE, NOW, LATER = "2037-01-01", until(DAYS[296]), DAYS[299]


def play(sqlite: Market, lake: Lake, *steps: tuple[int, str]) -> None:
    for known, day in steps:
        sqlite.put("GOLD", asset_frame(known=known))
        assert extract(sqlite, lake, day).ok


def files(lake: Lake) -> list[Path]:
    return sorted(path for path in Path(lake.storage.root).rglob("*") if path.is_file() and path.name != "lock")


def test_the_state_before_is_the_newest_again(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, (290, str(DAYS[289])), (295, str(DAYS[294])))
    before, segments = lake.latest("assets", "GOLD"), files(lake)
    play(sqlite, lake, (296, FUTURE), (297, "2038-01-01"))
    assert take_back(lake, "assets", "GOLD", NOW) == (3, 4)
    assert lake.latest("assets", "GOLD") == before
    assert files(lake) == segments
    assert before is not None
    lake.read(before)


def test_extraction_goes_on_and_ends_with_the_hash_of_a_full_read(sqlite: Market, lake: Lake, tmp_path: Path) -> None:
    play(sqlite, lake, (290, str(DAYS[289])), (296, FUTURE))
    sqlite.put("GOLD", asset_frame())
    assert not extract(sqlite, lake, LATER).ok
    take_back(lake, "assets", "GOLD", NOW)
    report = extract(sqlite, lake, LATER)
    whole = extract(sqlite, Lake(str(tmp_path / "other")), LATER)
    assert report.snapshot is not None
    assert whole.snapshot is not None
    assert (report.status, report.rows_new, report.rows_read) == ("appended", 10, 300)  # every row was compared
    assert report.snapshot.data_sha256 == whole.snapshot.data_sha256
    assert report.snapshot.version == 3  # no number is used twice


def test_where_the_only_version_is_of_the_future_nothing_is_left(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, (296, FUTURE))
    assert take_back(lake, "assets", "GOLD", NOW) == (1,)
    assert lake.manifest("assets", "GOLD") is None
    assert lake.names("assets") == []
    assert files(lake) == []
    sqlite.put("GOLD", asset_frame())
    assert extract(sqlite, lake, LATER).status == "new"


def test_a_damaged_manifest_does_not_bring_the_future_back(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, (290, str(DAYS[289])), (296, FUTURE))
    take_back(lake, "assets", "GOLD", NOW)
    Path(lake.storage.root, "assets/GOLD/manifest.json").write_bytes(b"{")
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    assert [version.version for version in manifest.versions] == [1]


def test_twice_is_as_once(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, (290, str(DAYS[289])), (296, FUTURE))
    take_back(lake, "assets", "GOLD", NOW)
    once = {path: path.read_bytes() for path in files(lake)}
    assert versions_after(lake, "assets", "GOLD", NOW) == ()
    assert take_back(lake, "assets", "GOLD", NOW) == ()
    assert {path: path.read_bytes() for path in files(lake)} == once


def test_what_a_crash_left_of_a_repair_is_finished_by_the_next(
    sqlite: Market, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(sqlite, lake, (296, FUTURE))
    with monkeypatch.context() as patched:
        patched.setattr(lake.storage, "delete_folder", _dies)
        with pytest.raises(StorageUnavailable):
            take_back(lake, "assets", "GOLD", NOW)
    assert lake.manifest("assets", "GOLD") is None
    sqlite.put("GOLD", asset_frame())
    assert extract(sqlite, lake, LATER).status == "new"


def _dies(folder: str) -> None:
    raise StorageUnavailable(folder, found="a crash", expected="none", remedy="Run it again.")


def test_folders_of_later_runs_and_days_are_found(lake: Lake) -> None:
    names = (NOW.slug, f"{NOW.day:%Y%m%d}", "20370101T000000Z", "20370101", "index.html", f"{NOW.day:%Y%m%d}T235959Z")
    for name in names:
        lake.storage.write(f"scores/{name}/x.json", b"{}")
    assert runs_after(lake, ["scores", "none"], NOW) == [f"scores/{name}" for name in sorted((*names[2:4], names[5]))]
