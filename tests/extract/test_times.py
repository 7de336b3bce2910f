"""Rows by timestamp: read to the microsecond, step by step as in one go, and as of any past moment."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from brain.core.moment import Moment
from brain.core.source_table import KeyKind, SourceTable
from brain.core.table_settings import ExtractionSettings, RetentionSettings
from brain.extract.report import ExtractionReport
from brain.extract.table import extract_table
from brain.lake.lake import Lake
from brain.lake.retention import tidy_table
from brain.lake.row_content import SMALL_ROWS
from tests.extract.conftest import Market, open_gate

START = dt.datetime(2024, 3, 1, 9, 0, 0, 7, dt.UTC)
ROWS = 600
STEP = dt.timedelta(minutes=37, microseconds=11)
STREAM = SourceTable(
    use_case="streams",
    space="bars",
    name="pump",
    table="pump",
    key=("seen_at",),
    kind=KeyKind.TIME,
    required=("flow",),
    extraction=ExtractionSettings(full_check_days=None),
)


def stream(known: int = ROWS, first: int = 0) -> pd.DataFrame:
    """Readings every 37 minutes and a bit."""
    number = np.arange(ROWS)
    at = pd.Series(pd.to_datetime([(START + i * STEP).replace(tzinfo=None) for i in range(ROWS)]).as_unit("us"))
    frame = pd.DataFrame(
        {"seen_at": at, "flow": number * 37 % 101 / 8, "heat": np.where(number % 50 == 3, np.nan, number)}
    )
    return frame.iloc[first:known].reset_index(drop=True)


def when(row: int) -> Moment:
    """The very moment of the last of `row` rows."""
    return Moment(START + (row - 1) * STEP)


def put(market: Market, frame: pd.DataFrame, *, zoned: bool = False) -> None:
    market.put("pump", frame, {"seen_at": sa.DateTime(timezone=zoned)}, key="seen_at")


def read(
    market: Market, lake: Lake, moment: Moment, table: SourceTable = STREAM, *, full: bool = False
) -> ExtractionReport:
    with contextlib.closing(market.source()) as source:
        return extract_table(source, lake, table, moment, open_gate, full=full)


def step_by_step(market: Market, lake: Lake, *known: int) -> ExtractionReport:
    for rows in known:
        put(market, stream(rows))
        report = read(market, lake, when(rows))
    return report


def test_rows_are_kept_to_the_microsecond(market: Market, lake: Lake) -> None:
    report = step_by_step(market, lake, ROWS)
    assert (report.status, report.rows_read, report.rows_new, report.use_case) == ("new", ROWS, ROWS, "streams")
    assert report.snapshot is not None
    assert report.watermark == when(ROWS).at.replace(tzinfo=None)
    pd.testing.assert_frame_equal(lake.read(report.snapshot), stream())
    assert {name: column.type for name, column in report.snapshot.columns.items()} == {
        "seen_at": "timestamp",
        "flow": "float64",
        "heat": "float64",
    }


def test_step_by_step_it_has_the_hash_of_one_read(market: Market, lake: Lake, tmp_path: Path) -> None:
    report = step_by_step(market, lake, 300, 301, 430, ROWS)
    whole = read(market, Lake(str(tmp_path / "whole")), when(ROWS))
    assert (report.status, report.rows_new) == ("appended", 170)
    assert report.rows_read < ROWS
    assert report.snapshot is not None
    assert whole.snapshot is not None
    assert report.snapshot.data_sha256 == whole.snapshot.data_sha256
    pd.testing.assert_frame_equal(lake.read(report.snapshot), stream())


def test_a_row_after_the_moment_is_not_seen(market: Market, lake: Lake) -> None:
    put(market, stream())
    early = Moment(when(200).at - dt.timedelta(microseconds=1))
    report = read(market, lake, early)
    assert report.snapshot is not None
    assert (report.snapshot.rows, report.watermark) == (199, when(199).at.replace(tzinfo=None))
    assert read(market, lake, when(200)).rows_new == 1


@pytest.mark.parametrize("name", ["postgres", "duckdb"])
def test_times_with_a_zone_are_kept_in_utc(request: pytest.FixtureRequest, lake: Lake, name: str) -> None:
    market: Market = request.getfixturevalue(name)
    market.execute("CREATE TABLE pump (seen_at timestamptz PRIMARY KEY, flow float8)")
    market.execute("INSERT INTO pump VALUES ('2024-03-01 23:30:00.000001+02', 1), ('2024-03-02 00:10:00+05:30', 2)")
    first = read(market, lake, Moment(dt.datetime(2024, 3, 1, 20, 0, tzinfo=dt.UTC)))
    assert first.snapshot is not None, first.reason
    assert list(lake.read(first.snapshot)["seen_at"]) == [pd.Timestamp("2024-03-01 18:40:00")]
    second = read(market, lake, Moment(dt.datetime(2024, 3, 1, 22, 0, tzinfo=dt.UTC)))
    assert (second.status, second.rows_new) == ("appended", 1)
    assert second.watermark == dt.datetime(2024, 3, 1, 21, 30, 0, 1)  # noqa: DTZ001


def test_a_session_in_another_zone_reads_the_same(postgres: Market, lake: Lake) -> None:
    put(postgres, stream().assign(seen_at=stream()["seen_at"].dt.tz_localize("UTC")), zoned=True)
    url = sa.make_url(postgres.read_url).update_query_dict({"options": "-c TimeZone=Asia/Kolkata"})
    elsewhere = replace(postgres, read_url=url.render_as_string(hide_password=False))
    for rows in (300, 305, ROWS):
        report = read(elsewhere, lake, when(rows))
    assert (report.status, report.rows_new) == ("appended", ROWS - 305)
    assert report.snapshot is not None
    pd.testing.assert_frame_equal(lake.read(report.snapshot), stream())


def test_nothing_new_is_no_new_version(market: Market, lake: Lake) -> None:
    first = step_by_step(market, lake, ROWS)
    again = read(market, lake, Moment(when(ROWS).at + dt.timedelta(minutes=1)))
    assert (again.status, again.snapshot) == ("unchanged", first.snapshot)


@pytest.mark.parametrize(("known", "moment", "rows"), [(300, 299, 299), (300, 300, 300), (430, 429, 300)])
def test_a_past_moment_is_served_from_what_was_known_then(
    sqlite: Market, lake: Lake, known: int, moment: int, rows: int
) -> None:
    step_by_step(sqlite, lake, 300, 430)
    snapshot = lake.as_of("bars", "pump", when(moment))
    assert snapshot is not None
    assert snapshot.rows == rows
    pd.testing.assert_frame_equal(lake.read(snapshot), stream(rows))


def test_a_cut_view_has_the_hash_of_an_extraction_at_that_moment(sqlite: Market, lake: Lake, tmp_path: Path) -> None:
    step_by_step(sqlite, lake, ROWS)
    for rows in (1, 77, 431):
        cut = lake.as_of("bars", "pump", when(rows))
        then = read(sqlite, Lake(str(tmp_path / str(rows))), when(rows))
        assert cut is not None
        assert then.snapshot is not None
        assert (cut.data_sha256, cut.rows) == (then.snapshot.data_sha256, rows)
        assert cut.watermark == then.watermark
        pd.testing.assert_frame_equal(lake.read(cut, last=40), stream(rows, max(0, rows - 40)))
    assert lake.as_of("bars", "pump", Moment(START - dt.timedelta(microseconds=1))) is None


def test_a_day_stands_for_its_end(sqlite: Market, lake: Lake) -> None:
    step_by_step(sqlite, lake, ROWS)
    snapshot = lake.as_of("bars", "pump", START.date())
    assert snapshot is not None
    assert lake.read(snapshot)["seen_at"].dt.date.unique().tolist() == [START.date()]


def test_a_value_that_becomes_known_later_is_blank_until_then(sqlite: Market, lake: Lake) -> None:
    table = replace(STREAM, rows_ahead=lambda column: 10 if column == "heat" else 0)
    put(sqlite, stream())
    first = read(sqlite, lake, when(300), table)
    assert first.snapshot is not None
    expected = stream(300)
    expected.loc[290:, "heat"] = np.nan
    pd.testing.assert_frame_equal(lake.read(first.snapshot), expected)
    second = read(sqlite, lake, when(301), table)
    assert (second.status, second.completed) == ("appended", 1)
    cut = lake.as_of("bars", "pump", when(250))
    assert cut is not None
    assert lake.read(cut)["heat"].iloc[-10:].isna().all()
    assert lake.read(cut)["heat"].iloc[-11] == 239


@pytest.mark.parametrize(
    ("change", "status", "columns"),
    [
        (lambda f: f.assign(flow=f["flow"].where(f.index != 580, 99.0)), "corrected", ("flow",)),
        (lambda f: f.drop(index=580), "corrected", ()),
        (lambda f: f.assign(extra=1.0), "rewritten", ()),
    ],
    ids=["changed", "vanished", "column"],
)
def test_a_correction_is_seen(
    sqlite: Market, lake: Lake, tmp_path: Path, change: Any, status: str, columns: tuple[str, ...]
) -> None:
    step_by_step(sqlite, lake, ROWS)
    put(sqlite, change(stream()))
    report = read(sqlite, lake, when(ROWS))
    assert (report.status, report.corrected_columns) == (status, columns)
    if status == "corrected":
        assert report.corrected_dates == (when(581).at.replace(tzinfo=None),)
    fresh = read(sqlite, Lake(str(tmp_path / "fresh")), when(ROWS))
    assert report.snapshot is not None
    assert fresh.snapshot is not None
    assert report.snapshot.data_sha256 == fresh.snapshot.data_sha256


def test_sealed_days_are_written_once(sqlite: Market, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brain.lake.segments.SEGMENT_ROWS", 150)
    monkeypatch.setitem(SMALL_ROWS, KeyKind.TIME, 0)
    first = step_by_step(sqlite, lake, 500)
    second = step_by_step(sqlite, lake, ROWS)
    assert first.snapshot is not None
    assert second.snapshot is not None
    assert first.snapshot.segments[:-1] == second.snapshot.segments[: len(first.snapshot.segments) - 1]
    assert len(first.snapshot.segments) > 2
    days = [(segment.first.isoformat()[:10], segment.last.isoformat()[:10]) for segment in second.snapshot.segments]
    assert all(last < first for (_, last), (first, _) in itertools.pairwise(days))


def test_small_files_are_merged_and_full_ones_stay(sqlite: Market, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SMALL_ROWS, KeyKind.TIME, 0)
    monkeypatch.setattr("brain.lake.retention.MANY_SEGMENTS", 1)
    monkeypatch.setattr("brain.lake.segments.SEGMENT_ROWS", 300)
    monkeypatch.setattr("brain.lake.retention.SEGMENT_ROWS", 300)
    step_by_step(sqlite, lake, 400, 450, 500, 550, ROWS)
    before = lake.latest("bars", "pump")
    tidy_table(lake, STREAM, when(ROWS), {})
    after = lake.latest("bars", "pump")
    assert before is not None
    assert after is not None
    assert before.data_sha256 == after.data_sha256
    assert len(after.segments) < len(before.segments)
    assert after.segments[0] == before.segments[0]
    pd.testing.assert_frame_equal(lake.read(after), stream())


def test_rows_beyond_the_retention_are_dropped(sqlite: Market, lake: Lake) -> None:
    put(sqlite, stream())
    later = Moment(dt.datetime(2024, 4, 2, tzinfo=dt.UTC))
    old = stream(20).assign(seen_at=lambda f: f["seen_at"] - pd.Timedelta(days=90))
    put(sqlite, pd.concat([old, stream()]))
    read(sqlite, lake, later)
    report = read(sqlite, lake, later, replace(STREAM, retention=RetentionSettings(keep="2m")))
    assert (report.status, report.purged) == ("rewritten", 20)
    assert report.snapshot is not None
    pd.testing.assert_frame_equal(lake.read(report.snapshot), stream())


BAD = [
    ("CREATE TABLE pump (flow float8)", "no column 'seen_at'"),
    ("CREATE TABLE pump (seen_at date PRIMARY KEY, flow float8)", "the column 'seen_at' of kind date"),
    ("CREATE TABLE pump (seen_at text PRIMARY KEY, flow float8)", 'CAST("seen_at" AS timestamp)'),
    ("CREATE TABLE pump (seen_at timestamp PRIMARY KEY)", "no column flow"),
    ("CREATE TABLE pump (seen_at timestamp PRIMARY KEY, flow text)", "'flow' of kind text"),
    (
        "CREATE TABLE pump (seen_at timestamp, flow float8); INSERT INTO pump VALUES (NULL, 1)",
        "1 rows without a seen_at",
    ),
    (
        "CREATE TABLE pump (seen_at timestamp, flow float8); "
        "INSERT INTO pump VALUES ('2024-03-01', 1), ('2024-03-01', 2)",
        "1 duplicate timestamps, the first 2024-03-01T00:00:00.000000",
    ),
    ("CREATE TABLE pump (seen_at timestamp, flow float8)", "no row up to 2024-03-02"),
]


@pytest.mark.parametrize(("make", "says"), BAD, ids=[says for _, says in BAD])
def test_bad_input_is_refused_with_its_reason(postgres: Market, lake: Lake, make: str, says: str) -> None:
    for statement in make.split("; "):
        postgres.execute(statement)
    report = read(postgres, lake, Moment(dt.datetime(2024, 3, 2, tzinfo=dt.UTC)))
    assert (report.status, report.snapshot) == ("failed", None)
    assert says in report.reason


def test_a_column_that_turned_into_text_is_refused(postgres: Market, lake: Lake) -> None:
    before = step_by_step(postgres, lake, ROWS)
    postgres.execute("ALTER TABLE pump ALTER heat TYPE text")
    report = read(postgres, lake, when(ROWS))
    assert (report.status, report.snapshot) == ("failed", before.snapshot)
    assert "'heat' of kind text" in report.reason


def test_another_key_than_that_of_the_snapshots_is_refused(sqlite: Market, lake: Lake) -> None:
    step_by_step(sqlite, lake, ROWS)
    report = read(sqlite, lake, when(ROWS), replace(STREAM, kind=KeyKind.NAMES))
    assert report.status == "failed"
    assert "snapshots by seen_at (a table of kind time); expected the key seen_at (kind names)" in report.reason
