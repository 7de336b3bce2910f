"""Extraction reads what is new, sees what was corrected, and leaves the lake as a full read would."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from brain.extract.report import ExtractionReport
from brain.lake.lake import Lake
from brain.quality.result import Finding, GateResult
from tests.extract.conftest import HORIZONS, Market, asset_frame, extract, spec


def day(frame: pd.DataFrame, row: int) -> dt.date:
    return pd.Timestamp(frame["Date"].iloc[row]).date()


def play(market: Market, lake: Lake, known: int, **options: object) -> ExtractionReport:
    """The table as of its row number `known`, extracted on that day."""
    frame = asset_frame(known=known)
    market.put("GOLD", frame)
    return extract(market, lake, day(frame, -1), **options)  # type: ignore[arg-type]


def test_the_first_extraction_holds_the_table(market: Market, lake: Lake) -> None:
    report = play(market, lake, 300)
    assert (report.status, report.rows_read, report.rows_new) == ("new", 300, 300)
    assert report.snapshot is not None
    pd.testing.assert_frame_equal(lake.read(report.snapshot), asset_frame())


def test_nothing_new_makes_no_version(market: Market, lake: Lake) -> None:
    first = play(market, lake, 300)
    again = play(market, lake, 300)
    assert (again.status, again.rows_new, again.snapshot) == ("unchanged", 0, first.snapshot)


def test_another_day_appends_its_row_and_completes_older_returns(market: Market, lake: Lake) -> None:
    play(market, lake, 299)
    report = play(market, lake, 300)
    assert (report.status, report.rows_new, report.completed) == ("appended", 1, len(HORIZONS))
    assert report.corrected_dates == ()
    assert report.rows_read < 150


def test_day_by_day_ends_with_the_hash_of_a_full_read(market: Market, lake: Lake, tmp_path: Path) -> None:
    for known in (200, 201, 205, 260, 261, 300):
        report = play(market, lake, known)
    whole = extract(market, Lake(str(tmp_path / "other")), day(asset_frame(), -1))
    assert report.snapshot is not None
    assert whole.snapshot is not None
    assert report.snapshot.data_sha256 == whole.snapshot.data_sha256
    pd.testing.assert_frame_equal(lake.read(report.snapshot), asset_frame())


def test_rows_after_the_interval_are_not_seen_nor_the_returns_that_need_them(market: Market, lake: Lake) -> None:
    market.put("GOLD", asset_frame())
    report = extract(market, lake, day(asset_frame(), 249))
    assert report.snapshot is not None
    pd.testing.assert_frame_equal(lake.read(report.snapshot), asset_frame(known=250))


def test_a_correction_in_the_overlap_rewrites_and_is_reported(market: Market, lake: Lake) -> None:
    frame = asset_frame()
    play(market, lake, 300)
    frame.loc[290, "momentum"] = 7.0
    market.put("GOLD", frame)
    report = extract(market, lake, day(frame, -1))
    assert (report.status, report.corrected_dates, report.corrected_columns) == (
        "corrected",
        (day(frame, 290),),
        ("momentum",),
    )
    assert report.snapshot is not None
    assert report.snapshot.revised
    pd.testing.assert_frame_equal(lake.read(report.snapshot), frame)


@pytest.mark.parametrize("change", ["changed", "deleted", "late"])
def test_a_revision_outside_the_overlap_is_found(market: Market, lake: Lake, change: str) -> None:
    """Rows that came or went by the next run, which counts them; changed values by the full check."""
    frame = asset_frame()
    late = frame.drop(index=10).reset_index(drop=True)
    market.put("GOLD", late if change == "late" else frame)
    extract(market, lake, "2021-03-01")
    if change == "changed":
        frame.loc[10, "Close"] = 1.0
    elif change == "deleted":
        frame = late
    market.put("GOLD", frame)
    report = extract(market, lake, "2021-03-02")
    if change == "changed":
        assert report.status == "unchanged"
        report = extract(market, lake, "2021-03-08")
    assert report.status == "corrected"
    assert [d.isoformat() for d in report.corrected_dates] == ["2020-01-15"]
    assert report.corrected_columns == (("Close",) if change == "changed" else ())
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    assert [version.revision for version in manifest.versions[:-1]] == [None]
    revision = manifest.latest.revision
    assert revision is not None
    assert (revision.first.isoformat(), revision.rows) == ("2020-01-15", 1)


def test_a_correction_in_the_overlap_makes_the_whole_table_be_read(sqlite: Market, lake: Lake) -> None:
    frame = asset_frame()
    play(sqlite, lake, 299)
    frame.loc[[20, 290], "momentum"] = 7.0
    sqlite.put("GOLD", frame)
    report = extract(sqlite, lake, day(frame, -1))
    assert report.corrected_dates == (day(frame, 20), day(frame, 290))
    assert report.rows_read > 310, "the overlap, then all"
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    assert manifest.checked_in_full == day(frame, 299)


def test_a_return_that_becomes_empty_again_is_a_correction(sqlite: Market, lake: Lake) -> None:
    frame = asset_frame()
    play(sqlite, lake, 300)
    frame.loc[290, "RETURNS1"] = None
    sqlite.put("GOLD", frame)
    report = extract(sqlite, lake, day(frame, -1))
    assert (report.status, report.corrected_columns) == ("corrected", ("RETURNS1",))


def test_a_return_filled_in_later_than_it_was_known_is_a_correction(sqlite: Market, lake: Lake) -> None:
    frame = asset_frame()
    holed = frame.copy()
    holed.loc[290, "RETURNS1"] = None
    sqlite.put("GOLD", holed)
    extract(sqlite, lake, day(frame, -1))
    sqlite.put("GOLD", frame)
    report = extract(sqlite, lake, day(frame, -1))
    assert (report.status, report.corrected_columns, report.completed) == ("corrected", ("RETURNS1",), 0)


def test_vanished_newest_rows_move_the_watermark_back(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 300)
    sqlite.put("GOLD", asset_frame(known=298))
    report = extract(sqlite, lake, day(asset_frame(), -1))
    assert (report.status, report.watermark) == ("corrected", day(asset_frame(), 297))
    assert set(report.corrected_dates) >= {day(asset_frame(), 298), day(asset_frame(), 299)}


def test_a_half_loaded_table_is_refused(sqlite: Market, lake: Lake) -> None:
    before = play(sqlite, lake, 300)
    sqlite.put("GOLD", asset_frame(known=150))
    report = extract(sqlite, lake, day(asset_frame(), -1))
    assert report.status == "failed"
    assert "150 of 300 known rows gone" in report.reason
    assert report.snapshot == before.snapshot


def test_new_and_lost_columns_rewrite_without_being_corrections(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 300)
    sqlite.put("GOLD", asset_frame().rename(columns={"vola": "skew"}))
    report = extract(sqlite, lake, day(asset_frame(), -1))
    assert (report.status, report.added_columns, report.removed_columns) == ("rewritten", ("skew",), ("vola",))
    assert report.snapshot is not None
    assert not report.snapshot.revised
    assert "skew" in report.snapshot.columns


def test_reordered_columns_are_no_change(sqlite: Market, lake: Lake) -> None:
    first = play(sqlite, lake, 300)
    frame = asset_frame()
    sqlite.put("GOLD", frame[["Date", *reversed(list(frame.columns[1:]))]])
    report = extract(sqlite, lake, day(frame, -1))
    assert (report.status, report.snapshot) == ("unchanged", first.snapshot)


def test_an_interval_before_the_newest_is_served_from_the_lake(sqlite: Market, lake: Lake) -> None:
    early = play(sqlite, lake, 290)
    play(sqlite, lake, 300)
    manifest = lake.manifest("assets", "GOLD")
    sqlite.put("GOLD", asset_frame(seed=1))
    report = extract(sqlite, lake, day(asset_frame(), 294))
    assert (report.status, report.rows_read, report.ok) == ("replayed", 0, True)
    assert report.snapshot == lake.as_of("assets", "GOLD", day(asset_frame(), 294))
    assert early.snapshot is not None
    assert report.snapshot is not None
    assert report.snapshot.data_sha256 == early.snapshot.data_sha256
    assert lake.manifest("assets", "GOLD") == manifest


def test_the_same_interval_again_gives_the_same(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 299)
    first = play(sqlite, lake, 300)
    manifest = lake.manifest("assets", "GOLD")
    again = play(sqlite, lake, 300)
    assert again.snapshot == first.snapshot
    assert lake.manifest("assets", "GOLD") == manifest


def test_a_wider_overlap_sees_an_older_correction(sqlite: Market, lake: Lake) -> None:
    frame = asset_frame()
    play(sqlite, lake, 300)
    frame.loc[20, "vola"] = 9.0
    sqlite.put("GOLD", frame)
    report = extract(sqlite, lake, day(frame, -1), spec(extraction={"overlap_rows": 290}))
    assert (report.status, report.corrected_columns) == ("corrected", ("vola",))


def test_sealed_quarters_are_written_once(sqlite: Market, lake: Lake) -> None:
    first = play(sqlite, lake, 290)
    second = play(sqlite, lake, 291)
    assert first.snapshot is not None
    assert second.snapshot is not None
    assert len(second.snapshot.segments) > 1
    assert first.snapshot.segments[0] == second.snapshot.segments[0]


def test_a_month_of_days_leaves_few_segments(sqlite: Market, lake: Lake) -> None:
    for known in range(180, 300, 15):
        report = play(sqlite, lake, known)
    assert report.snapshot is not None
    assert len(report.snapshot.segments) == 2


def test_rows_beyond_the_retention_are_dropped_by_whole_quarters(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 300)
    report = extract(sqlite, lake, "2021-02-24", spec(retention={"keep": "6m"}))
    assert (report.status, report.corrected_dates) == ("rewritten", ())
    assert report.snapshot is not None
    kept = lake.read(report.snapshot)
    assert kept["Date"].iloc[0] == pd.Timestamp("2020-07-01")
    assert report.purged == 300 - len(kept)


def test_rows_that_come_late_or_vanish_are_not_counted_as_beyond_the_retention(sqlite: Market, lake: Lake) -> None:
    frame = asset_frame()
    sqlite.put("GOLD", frame.drop(index=280).iloc[:298])
    extract(sqlite, lake, day(frame, 298))
    sqlite.put("GOLD", frame.drop(index=[284, 285]))
    report = extract(sqlite, lake, day(frame, 299), spec(retention={"keep": "6m"}))
    assert (report.rows_new, report.corrected_dates) == (1, tuple(day(frame, row) for row in (280, 284, 285)))
    assert report.snapshot is not None
    assert report.purged == 300 - 2 - len(lake.read(report.snapshot))


def test_columns_that_are_no_numbers_are_left_out_and_named(sqlite: Market, lake: Lake) -> None:
    import sqlalchemy as sa

    frame = asset_frame().assign(sector="metal")
    sqlite.put("GOLD", frame, {"sector": sa.Text()})
    report = extract(sqlite, lake, "2021-03-01")
    assert report.left_out == ("sector",)
    assert report.snapshot is not None
    assert "sector" not in report.snapshot.columns


def test_the_report_is_one_line_for_the_log(sqlite: Market, lake: Lake) -> None:
    report = play(sqlite, lake, 300)
    assert report.line().startswith("GOLD: new, read 300, new 300, watermark 2021-02-23, ")


def test_a_correction_is_told_in_a_few_words(sqlite: Market, lake: Lake) -> None:
    play(sqlite, lake, 300)
    frame = asset_frame()
    frame["vola"] += frame.index.isin([280, 290])
    sqlite.put("GOLD", frame)
    assert extract(sqlite, lake, day(frame, -1)).correction() == (
        f"corrected 2 rows on {day(frame, 280)} to {day(frame, 290)}"
    )


def test_a_full_check_shows_the_gate_all_rows_again_because_rules_may_have_come_since(
    postgres: Market, lake: Lake
) -> None:
    seen: list[tuple[int, bool]] = []

    def gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:
        seen.append((len(frame), unchanged))
        return GateResult("any", len(frame), ())

    for full in (False, False, True):
        play(postgres, lake, 300, full=full, gate=gate)
    assert seen[0] == seen[2] == (300, False)
    assert seen[1][1]


def test_a_warning_on_old_rows_stays_in_view_until_all_rows_pass_without(postgres: Market, lake: Lake) -> None:
    wrong = 0

    def gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:
        found = 0 if unchanged else int((frame["RETURNS5"] > 1).sum())
        return GateResult("GOLD", len(frame), (), (Finding("returns", "warn", f"{found} wrong"),) if found else ())

    def run(known: int, **options: object) -> tuple[str, int, str]:
        frame = asset_frame(known=known)
        frame["RETURNS5"] += wrong * (frame.index == 10)
        postgres.put("GOLD", frame)
        report = extract(postgres, lake, day(frame, -1), gate=gate, **options)  # type: ignore[arg-type]
        return report.status, report.record()["warnings"], report.line()

    wrong = 9
    assert run(298)[:2] == ("new", 1)
    wrong = 0  # the owner corrects a row that lies before the overlap
    for known, status in ((298, "unchanged"), (299, "appended")):
        found, warnings, line = run(known)
        assert (found, warnings) == (status, 1)
        assert "1 warning when all rows were last judged" in line
        assert "`brain extract GOLD --full`" in line
    found, warnings, line = run(299, full=True)
    assert (found, warnings, "warning" in line) == ("corrected", 0, False)
    assert run(300)[1:2] == (0,)
    assert "warning" not in run(300)[2]
