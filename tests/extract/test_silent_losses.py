"""Rows that go, come or move where a daily run does not read are noticed by that run, on any database."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.extract.report import ExtractionReport
from brain.lake.lake import Lake
from brain.source.batches import Extent
from tests.extract.conftest import Market, asset_frame, extract, spec
from tests.extract.test_times import ROWS, put, read, stream, when

LAST = dt.date(2021, 2, 23)  # of the frame's 300 business days
KEPT = spec(extraction={"max_loss": 0.5})


def tomorrow(market: Market, lake: Lake) -> ExtractionReport:
    return extract(market, lake, LAST + dt.timedelta(days=1), KEPT)


def played(market: Market, lake: Lake) -> pd.DataFrame:
    frame = asset_frame()
    market.put("GOLD", frame)
    assert extract(market, lake, LAST, KEPT).status == "new"
    return frame


def equal_to_a_full_read(market: Market, report: ExtractionReport, folder: Any) -> bool:
    whole = extract(market, Lake(str(folder)), LAST + dt.timedelta(days=1), KEPT)
    assert whole.snapshot is not None
    assert report.snapshot is not None
    return whole.snapshot.data_sha256 == report.snapshot.data_sha256


def test_the_oldest_rows_gone_at_the_source_are_noticed_by_the_next_run(
    market: Market, lake: Lake, tmp_path: Any
) -> None:
    played(market, lake)
    market.execute('DELETE FROM "GOLD" WHERE "Date" < \'2020-03-01\'')
    report = tomorrow(market, lake)
    assert (report.status, report.rows_vanished) == ("corrected", 43)
    assert report.corrected_dates[0] == dt.date(2020, 1, 1)
    assert equal_to_a_full_read(market, report, tmp_path / "other")
    assert tomorrow(market, lake).status == "unchanged"


def test_so_many_gone_that_the_table_is_hardly_the_same_are_refused(market: Market, lake: Lake) -> None:
    played(market, lake)
    market.execute('DELETE FROM "GOLD" WHERE "Date" < \'2020-12-01\'')
    report = tomorrow(market, lake)
    assert not report.ok
    assert "239 of 300 known rows gone" in report.reason
    assert report.watermark == LAST


def test_one_row_gone_in_the_middle_is_noticed_though_newer_rows_came(market: Market, lake: Lake) -> None:
    frame = asset_frame(301)
    market.put("GOLD", frame.iloc[:300])
    extract(market, lake, LAST, KEPT)
    market.put("GOLD", frame.drop(index=50))
    report = tomorrow(market, lake)
    assert report.corrected_dates[0] == pd.Timestamp(frame["Date"][50]).date()
    assert (report.rows_new, report.rows_vanished) == (1, 1)


@pytest.mark.parametrize("deleted", [[], [299]])
def test_a_row_without_a_date_is_noticed_by_the_next_run(market: Market, lake: Lake, deleted: list[int]) -> None:
    frame = asset_frame().drop(index=deleted)
    market.put("GOLD", frame, key=None)
    assert extract(market, lake, LAST, KEPT).ok
    market.execute('INSERT INTO "GOLD" ("Close") VALUES (1)')
    report = tomorrow(market, lake)
    assert "1 rows without a Date" in report.reason


def test_a_row_that_moved_before_the_first_one_is_noticed(market: Market, lake: Lake) -> None:
    played(market, lake)
    market.execute('UPDATE "GOLD" SET "Date" = \'2019-12-31\' WHERE "Date" = \'2020-01-01\'')
    report = tomorrow(market, lake)
    assert report.corrected_dates == (dt.date(2019, 12, 31), dt.date(2020, 1, 1))


def test_readings_gone_behind_the_overlap_are_noticed(market: Market, lake: Lake) -> None:
    _readings_gone(market, lake, zoned=False)


def test_readings_in_a_time_zone_gone_behind_the_overlap_are_noticed(postgres: Market, lake: Lake) -> None:
    _readings_gone(postgres, lake, zoned=True)


def _readings_gone(market: Market, lake: Lake, *, zoned: bool) -> None:
    put(market, stream(), zoned=zoned)
    assert read(market, lake, when(ROWS)).status == "new"
    unchanged = read(market, lake, when(ROWS))
    assert unchanged.status == "unchanged"
    assert unchanged.rows_read < ROWS
    put(market, stream().drop(index=3), zoned=zoned)
    report = read(market, lake, when(ROWS))
    assert (report.status, report.rows_vanished) == ("corrected", 1)


def test_what_was_not_touched_is_read_by_its_tail_only(market: Market, lake: Lake) -> None:
    played(market, lake)
    report = tomorrow(market, lake)
    assert report.status == "unchanged"
    assert report.rows_read < 150


def test_rows_that_the_retention_left_out_are_no_loss(market: Market, lake: Lake) -> None:
    asset = spec(retention={"keep": "180d"}, extraction={"full_check_days": None})
    market.put("GOLD", asset_frame())
    assert extract(market, lake, LAST, asset).status == "new"
    report = extract(market, lake, LAST + dt.timedelta(days=1), asset)
    assert report.status == "unchanged"
    assert report.rows_read < 150


def test_an_extent_counts_what_a_read_would_give(market: Market) -> None:
    market.put("GOLD", asset_frame(30), key=None)
    market.execute('INSERT INTO "GOLD" ("Close") VALUES (1)')
    first, last = np.datetime64("2020-01-01", "us"), np.datetime64("2020-02-11", "us")
    with closing(market.source()) as source:
        assert source.extent("GOLD", "Date") == Extent(31, first, last)
        assert source.extent("GOLD", "Date", until=dt.date(2020, 2, 11)) == Extent(31, first, last)
        middle = source.extent("GOLD", "Date", since=dt.date(2020, 1, 4), until=dt.date(2020, 1, 8))
        assert middle == Extent(3, np.datetime64("2020-01-06", "us"), np.datetime64("2020-01-08", "us"))
        nothing = source.extent("GOLD", "Date", since=dt.date(2030, 1, 1))
    assert nothing.rows == 0
    assert np.isnat(nothing.first)
    assert np.isnat(nothing.last)


def test_an_extent_of_times_with_a_zone_is_in_utc(postgres: Market) -> None:
    postgres.execute('CREATE TABLE "T" ("at" timestamptz)')
    postgres.execute("INSERT INTO \"T\" VALUES ('2020-01-01 01:00+02'), ('2020-01-02 01:00+02')")
    with closing(postgres.source()) as source:
        found = source.extent("T", "at", until=dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC))
    assert found == Extent(1, np.datetime64("2019-12-31T23:00", "us"), np.datetime64("2019-12-31T23:00", "us"))
