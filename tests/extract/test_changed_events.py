"""Lines of events that came late or were corrected, looked up by the column that tells what changed."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from brain.core.moment import Moment
from brain.core.source_table import KeyKind, SourceTable
from brain.core.table_settings import ExtractionSettings
from brain.extract.report import ExtractionReport
from brain.extract.table import extract_table
from brain.lake import events
from brain.lake.lake import Lake
from tests.extract.conftest import Market, open_gate
from tests.extract.customers import put

TICKS = SourceTable(
    use_case="anomalies",
    space="feeds",
    name="ticks",
    table="ticks",
    key=("seen",),
    kind=KeyKind.EVENTS,
    required=("symbol", "close"),
    numeric=("close",),
    changed="arrived",
    identity=("symbol",),
    extraction=ExtractionSettings(full_check_days=None),
)
TYPES: dict[str, Any] = {"symbol": sa.Text(), "seen": sa.DateTime(), "close": sa.Double(), "arrived": sa.DateTime()}


def at(day: int, hour: int = 12) -> dt.datetime:
    return dt.datetime(2024, 5, day, hour)  # noqa: DTZ001 - as the table holds it


def tick(day: int, symbol: str = "A", close: float = 1.0, arrived: int | None = None) -> tuple[Any, ...]:
    return (symbol, at(day), close, at(arrived or day, 13))


TEN = [tick(day, symbol, day + 0.5) for day in range(1, 6) for symbol in ("A", "B")]


def read(market: Market, lake: Lake, day: int, table: SourceTable = TICKS) -> ExtractionReport:
    moment = Moment(at(day, 18).replace(tzinfo=dt.UTC))
    with contextlib.closing(market.source()) as source:
        return extract_table(source, lake, table, moment, open_gate)


def say(market: Market, *ticks: tuple[Any, ...]) -> None:
    """As ingestion writes: new lines, and new values of known ones."""
    for symbol, when, close, arrived in ticks:
        market.execute("DELETE FROM ticks WHERE symbol = :s AND seen = :at", s=symbol, at=when)
        market.execute("INSERT INTO ticks VALUES (:s, :at, :c, :w)", s=symbol, at=when, c=close, w=arrived)


@pytest.fixture(params=["postgres", "duckdb"])
def market(request: pytest.FixtureRequest) -> Market:
    """By Arrow, and through a dialect."""
    found: Market = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def small(market: Market, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of four lines; the lake knows five days of two symbols."""
    monkeypatch.setattr(events, "SEGMENT_ROWS", 4)
    put(market, TEN, TYPES, "ticks")
    assert read(market, lake, 5).status == "new"


def test_a_late_and_a_corrected_line_are_seen_by_the_next_run_and_nothing_else_is_read(
    market: Market, lake: Lake, tmp_path: Any
) -> None:
    before = lake.latest("feeds", "ticks")
    say(market, tick(4, "C", 9.0, arrived=6), tick(4, "A", -4.5, arrived=6), tick(6, "A", 6.5))
    report = read(market, lake, 6)
    assert (report.status, report.rows_read, report.rows_new) == ("corrected", 3, 1), report.reason
    assert (report.rows_changed, report.rows_vanished) == (1, 0)
    anew = read(market, Lake(str(tmp_path / "other")), 6).snapshot
    assert before is not None and report.snapshot is not None and anew is not None
    assert (report.snapshot.data_sha256, report.snapshot.rows) == (anew.data_sha256, 12), (
        "the hash follows from the lines"
    )
    assert report.snapshot.segments[0] == before.segments[0], "files before the first change stay"
    again = read(market, lake, 6)
    assert (again.status, again.rows_read) == ("unchanged", 0)
    assert lake.as_of("feeds", "ticks", Moment(at(5, 18).replace(tzinfo=dt.UTC))) == before, (
        "what was known stays known"
    )
    late = read(market, lake, 5)
    assert (late.status, late.snapshot) == ("replayed", before), "an older run reads nothing and writes nothing"
    assert lake.latest("feeds", "ticks") == report.snapshot


def test_a_line_written_again_with_the_same_values_changes_nothing(market: Market, lake: Lake) -> None:
    say(market, tick(1, "A", 1.5, arrived=6))
    report = read(market, lake, 6)
    assert (report.status, report.rows_read) == ("unchanged", 1), report.reason


def test_runs_for_past_moments_see_each_line_once_its_time_has_come(market: Market, lake: Lake, tmp_path: Any) -> None:
    """All has arrived long ago, after the moment of each run."""
    say(market, *(tick(day, "A", day + 0.5, arrived=20) for day in (2, 6, 7, 8)))
    for day, rows in ((6, 11), (7, 12), (7, 12), (8, 13)):
        report = read(market, lake, day)
        assert report.snapshot is not None and report.snapshot.rows == rows, (day, report.reason)
    anew = read(market, Lake(str(tmp_path / "other")), 8).snapshot
    assert anew is not None and report.snapshot is not None and report.snapshot.data_sha256 == anew.data_sha256


def test_a_table_put_back_to_an_earlier_state_is_read_in_full(market: Market, lake: Lake) -> None:
    put(market, [(symbol, when, close + 1, at(1)) for symbol, when, close, _ in TEN], TYPES, "ticks")
    report = read(market, lake, 6)
    assert (report.status, report.rows_read, report.rows_changed) == ("corrected", 10, 10), report.reason


def test_a_table_that_got_the_column_later_is_read_in_full_once(market: Market, lake: Lake, tmp_path: Any) -> None:
    other = Lake(str(tmp_path / "other"))
    assert read(market, other, 5, replace(TICKS, changed=None)).status == "new"
    say(market, tick(6))
    assert read(market, other, 6).rows_read == 11
    say(market, tick(3, "C", arrived=7))
    assert read(market, other, 7).rows_read == 1


def test_a_column_that_is_no_time_is_refused_by_name(market: Market, lake: Lake) -> None:
    report = read(market, lake, 6, replace(TICKS, changed="close"))
    assert report.status == "failed"
    assert "no column 'close' of times" in report.reason
