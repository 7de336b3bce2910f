"""What the lake forgets, what it never forgets, and that its content does not change meanwhile."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from brain.core.moment import Moment
from brain.core.source_table import KeyKind
from brain.lake.lake import Lake
from brain.lake.manifest import Version
from brain.lake.retention import Tidied, tidy_table, tidy_unfinished
from brain.lake.row_content import SMALL_ROWS
from brain.lake.snapshot import folder_of
from tests.extract.conftest import Market, asset_frame, extract, last_dates, spec, table_of, until

DAYS = last_dates(asset_frame(), 300)
NOW = DAYS[-1]


def play(sqlite: Market, lake: Lake, *known: int, **settings: Any) -> None:
    for count in known:
        sqlite.put("GOLD", asset_frame(known=count))
        assert extract(sqlite, lake, DAYS[count - 1], spec(**settings)).ok


def tidy(lake: Lake, trained_on: dict[str, dt.datetime] | None = None, **settings: Any) -> Tidied:
    return tidy_table(lake, table_of(**settings), until(NOW), trained_on or {})


def versions(lake: Lake) -> tuple[Version, ...]:
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    return manifest.versions


def files(lake: Lake) -> set[str]:
    return {path.name for path in (Path(lake.storage.root) / folder_of("assets", "GOLD") / "segments").iterdir()}


def test_young_versions_all_stay(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 298, 299, 300)
    assert tidy(lake) == Tidied("GOLD")
    assert len(versions(lake)) == 3


def test_old_versions_thin_out_to_the_last_of_each_month(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 200, 205, 210, 230, 300)
    tidied = tidy(lake, retention={"snapshot_days": 30})
    assert [DAYS[n - 1].isoformat()[:7] for n in (200, 205, 210, 230)] == ["2020-10"] * 3 + ["2020-11"]
    assert tidied.versions == (1, 2)
    assert [version.version for version in versions(lake)] == [3, 4, 5]
    assert files(lake) == {segment.name for version in versions(lake) for segment in version.segments}


def test_a_thinned_day_is_served_without_its_later_rows(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 200, 205, 210, 300)
    before = lake.as_of("assets", "GOLD", DAYS[199])
    tidy(lake, retention={"snapshot_days": 30})
    after = lake.as_of("assets", "GOLD", DAYS[199])
    assert before is not None
    assert after is not None
    assert (before.cut, after.cut) == (None, DAYS[199])
    assert after.data_sha256 == before.data_sha256
    pd.testing.assert_frame_equal(lake.read(after), asset_frame(known=200))


def test_the_last_version_before_a_correction_stays(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 200)
    corrected = asset_frame(known=201)
    corrected.loc[195, "vola"] = 5.0
    sqlite.put("GOLD", corrected)
    assert extract(sqlite, lake, DAYS[200]).status == "corrected"
    sqlite.put("GOLD", asset_frame(known=202).assign(vola=asset_frame()["vola"].where(corrected["vola"].isna(), 5.0)))
    extract(sqlite, lake, DAYS[201])
    assert 1 not in tidy(lake, retention={"snapshot_days": 1}).versions


@pytest.mark.parametrize(("trained", "kept"), [(dt.timedelta(days=100), True), (dt.timedelta(days=800), False)])
def test_what_a_champion_was_trained_on_stays_within_its_audit_window(
    sqlite: Market, lake: Lake, trained: dt.timedelta, kept: bool
) -> None:
    play(sqlite, lake, 200, 205, 210, 300)
    sha256 = versions(lake)[0].data_sha256
    tidy(lake, {sha256: until(NOW).at - trained}, retention={"snapshot_days": 30})
    found = lake.find("assets", "GOLD", sha256)
    assert (found is not None) is kept
    if found is not None:
        pd.testing.assert_frame_equal(lake.read(found), asset_frame(known=200))


def test_rows_beyond_the_retention_go_with_the_versions_that_hold_them(sqlite: Market, lake: Lake) -> None:
    keep = {"retention": {"keep": "9m"}}
    play(sqlite, lake, 200, 260)
    sha256 = versions(lake)[1].data_sha256
    play(sqlite, lake, 300, **keep)
    tidied = tidy(lake, {sha256: until(NOW).at}, **keep)
    assert tidied.versions == (1,)
    assert [version.version for version in versions(lake)] == [2, 3]
    latest = lake.latest("assets", "GOLD")
    assert latest is not None
    assert lake.read(latest)["Date"].iloc[0] == pd.Timestamp("2020-04-01")
    protected = lake.find("assets", "GOLD", sha256)
    assert protected is not None
    pd.testing.assert_frame_equal(lake.read(protected), asset_frame(known=260))


def test_many_files_are_merged_and_the_content_stays(
    sqlite: Market, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brain.lake.retention.MANY_SEGMENTS", 1)
    monkeypatch.setitem(SMALL_ROWS, KeyKind.DAY, 0)
    play(sqlite, lake, 100, 160, 230, 300)
    before = versions(lake)[-1]
    tidy(lake)
    after = versions(lake)[-1]
    assert len(after.segments) < len(before.segments)
    assert after.data_sha256 == before.data_sha256
    latest = lake.latest("assets", "GOLD")
    assert latest is not None
    pd.testing.assert_frame_equal(lake.read(latest), asset_frame())
    play(sqlite, lake, 300)
    assert versions(lake)[-1] == after


def test_files_that_a_crashed_run_left_are_deleted(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 300)
    lake.storage.write(f"{folder_of('assets', 'GOLD')}/segments/left.parquet", b"")
    assert tidy(lake).files == 1
    assert "left.parquet" not in files(lake)


def test_files_that_a_killed_writer_left_half_written_go_a_day_later(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 300)
    kept = sorted(Path(lake.storage.root).rglob("*"))
    left = Path(lake.storage.root, folder_of("assets", "GOLD"), "manifest.json.4711.writing")
    left.write_bytes(b"{")
    written = Moment(dt.datetime.fromtimestamp(left.stat().st_mtime, dt.UTC))
    assert tidy_unfinished(lake, written) == 0
    assert tidy_unfinished(lake, Moment(written.at + dt.timedelta(days=1, seconds=1))) == 1
    assert sorted(Path(lake.storage.root).rglob("*")) == kept


def test_an_asset_that_was_never_extracted_has_nothing_to_tidy(lake: Lake) -> None:
    assert tidy(lake) == Tidied("GOLD")
