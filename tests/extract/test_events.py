"""Tables of events: only what is newer is read, what changed before is found, and files follow from the lines alone."""

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
from brain.lake.retention import tidy_table
from tests.extract.conftest import Market, open_gate
from tests.extract.customers import put

PAYMENTS = SourceTable(
    use_case="segments",
    space="shop",
    name="payments",
    table="payments",
    key=("paid",),
    kind=KeyKind.EVENTS,
    required=("who", "amount"),
    numeric=("amount",),
)
TYPES: dict[str, Any] = {"who": sa.Text(), "paid": sa.DateTime(), "amount": sa.Double(), "note": sa.Text()}


def at(day: int, hour: int = 12) -> dt.datetime:
    return dt.datetime(2024, 5, day, hour)  # noqa: DTZ001 - as the table holds it


def line(day: int, who: str = "anna", amount: float | None = 1.0) -> tuple[Any, ...]:
    return (who, at(day), amount, "not read")


LINES = [line(1), line(1), line(1, 'O\'Hara "Q"', -2.0), line(2, "bo", None), line(3)]


def read(
    market: Market, lake: Lake, day: int = 3, table: SourceTable = PAYMENTS, *, full: bool = False
) -> ExtractionReport:
    moment = Moment(at(day, 18).replace(tzinfo=dt.UTC))
    with contextlib.closing(market.source()) as source:
        return extract_table(source, lake, table, moment, open_gate, full=full)


def add(market: Market, *lines: tuple[Any, ...]) -> None:
    for who, when, amount, note in lines:
        market.execute(
            "INSERT INTO payments VALUES (:who, :at, :amount, :note)", who=who, at=when, amount=amount, note=note
        )


def rows(lake: Lake, report: ExtractionReport) -> list[tuple[Any, ...]]:
    assert report.snapshot is not None, report.reason
    return [tuple(row.values()) for row in lake.read_table(report.snapshot, ["who", "amount"]).to_pylist()]


def test_lines_come_back_in_order_equal_ones_as_often_as_they_stand_there(market: Market, lake: Lake) -> None:
    put(market, [LINES[place] for place in (4, 2, 0, 3, 1)], TYPES, "payments")
    report = read(market, lake)
    assert (report.status, report.rows_read, report.rows_new, report.watermark) == ("new", 5, 5, at(3)), report.reason
    assert rows(lake, report) == [
        *((at(1), 'O\'Hara "Q"', -2.0), (at(1), "anna", 1.0), (at(1), "anna", 1.0)),
        *((at(2), "bo", None), (at(3), "anna", 1.0)),
    ]
    assert report.snapshot is not None
    assert sorted(report.snapshot.columns) == ["amount", "paid", "who"]


def test_only_newer_lines_are_read(market: Market, lake: Lake) -> None:
    put(market, LINES, TYPES, "payments")
    first = read(market, lake)
    assert read(market, lake).status == "unchanged"
    add(market, line(4, "new"), line(5, "later"))
    report = read(market, lake, 4)
    assert (report.status, report.rows_read, report.rows_new) == ("appended", 1, 1), report.reason
    assert rows(lake, report)[-1] == (at(4), "new", 1.0)
    assert report.reason == "1 lines are dated after 2024-05-04 18:00:00 UTC and wait for their time"
    assert len(rows(lake, first)) == 5


def test_the_hash_follows_from_the_lines_alone(
    market: Market, lake: Lake, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SEGMENT_ROWS", 3)
    put(market, LINES, TYPES, "payments")
    read(market, lake)
    add(market, *(line(day) for day in (4, 5, 6, 7)))
    for day in (4, 6):
        read(market, lake, day)
    grown, anew = read(market, lake, 7).snapshot, read(market, Lake(str(tmp_path / "other")), 7).snapshot
    assert grown is not None and anew is not None
    assert (grown.data_sha256, grown.rows) == (anew.data_sha256, 9)
    assert [segment.rows for segment in grown.segments] == [segment.rows for segment in anew.segments] == [3, 3, 3]
    assert rows(lake, read(market, lake, 7)) == sorted(rows(lake, read(market, lake, 7)))
    again = read(market, lake, 7, full=True)
    assert again.status == "unchanged", again.reason


def test_a_line_that_came_late_is_found_by_the_count(market: Market, lake: Lake) -> None:
    put(market, LINES, TYPES, "payments")
    read(market, lake)
    add(market, line(2, "late"))
    report = read(market, lake)
    assert (report.status, report.rows_read, report.rows_changed, report.rows_vanished) == ("corrected", 6, 0, 0)
    assert (at(2), "late", 1.0) in rows(lake, report)


def test_a_corrected_line_is_found_by_the_full_check(market: Market, lake: Lake) -> None:
    put(market, LINES, TYPES, "payments")
    read(market, lake)
    market.execute("UPDATE payments SET amount = 7 WHERE who = 'bo'")
    assert read(market, lake, 4).status == "unchanged"
    report = read(market, lake, 11)
    assert (report.status, report.rows_changed, report.rows_vanished) == ("corrected", 1, 0), report.reason


def test_a_table_that_shrinks_is_refused_and_the_last_snapshot_stays(market: Market, lake: Lake) -> None:
    put(market, LINES, TYPES, "payments")
    read(market, lake)
    market.execute("DELETE FROM payments WHERE who = 'anna'")
    report = read(market, lake, 4)
    assert (report.status, report.snapshot and report.snapshot.rows) == ("failed", 5)
    assert "3 of 5 known rows gone from table 'payments'" in report.reason
    allowed = replace(PAYMENTS, extraction=ExtractionSettings(max_loss=1.0))
    assert read(market, lake, 4, allowed).status == "corrected"


@pytest.mark.parametrize(
    ("column", "kind", "told"),
    [("amount", sa.Text(), "numbers in it"), ("who", sa.BigInteger(), "who (text), as in the snapshot before")],
)
def test_a_column_of_another_type_is_refused_by_name(
    market: Market, lake: Lake, column: str, kind: Any, told: str
) -> None:
    put(market, LINES, TYPES, "payments")
    read(market, lake)
    put(market, [], {**TYPES, column: kind}, "payments")
    market.execute("INSERT INTO payments VALUES ('1', '2024-05-04 12:00:00', '1', '')")
    report = read(market, lake, 4)
    assert report.status == "failed"
    assert told in report.reason


def test_a_missing_column_is_named_with_those_that_are_expected(market: Market, lake: Lake) -> None:
    put(market, [], {"who": sa.Text(), "paid": sa.DateTime()}, "payments")
    report = read(market, lake)
    assert "no column amount in table 'payments', which has " in report.reason


def test_lines_without_a_time_are_left_out_and_counted(market: Market, lake: Lake) -> None:
    put(market, [*LINES, ("nobody", None, 1.0, "")], TYPES, "payments")
    report = read(market, lake)
    assert (report.status, report.snapshot and report.snapshot.rows) == ("new", 5)
    assert "1 lines without 'paid' are left out" in report.reason
    assert (read(market, lake).status, read(market, lake).rows_read) == ("unchanged", 0)


@pytest.mark.parametrize("kind", [sa.Date(), sa.DateTime(timezone=True)])
def test_dates_and_times_with_a_zone_are_read_on_from_the_watermark(postgres: Market, lake: Lake, kind: Any) -> None:
    dated = isinstance(kind, sa.Date)

    def key(day: int) -> Any:
        return at(day).date() if dated else at(day).replace(tzinfo=dt.UTC)

    put(postgres, [("anna", key(day), 1.0, "") for day in (1, 2, 2)], {**TYPES, "paid": kind}, "payments")
    read(postgres, lake)
    add(postgres, ("bo", key(3), 1.0, ""), ("bo", key(9), 1.0, ""))
    report = read(postgres, lake, 3)
    assert (report.status, report.rows_read, report.rows_new) == ("appended", 1, 1), report.reason
    assert report.watermark == (at(3, 0) if dated else at(3))


def test_a_past_moment_is_served_from_what_was_known_or_cut_from_later(market: Market, lake: Lake) -> None:
    put(market, LINES, TYPES, "payments")
    read(market, lake)
    add(market, line(4))
    read(market, lake, 4)
    view = lake.as_of("shop", "payments", Moment(at(2, 18).replace(tzinfo=dt.UTC)))
    assert view is not None
    assert (view.rows, view.watermark, len(lake.read(view))) == (4, at(2), 4)
    known = lake.as_of("shop", "payments", Moment(at(3, 20).replace(tzinfo=dt.UTC)))
    assert known is not None
    assert (known.version, known.rows) == (1, 5)
    assert lake.as_of("shop", "payments", Moment(at(1, 6).replace(tzinfo=dt.UTC))) is None
    assert read(market, lake, 2).status == "replayed"


def test_a_lost_file_is_read_anew_and_tidying_keeps_what_is_needed(market: Market, lake: Lake) -> None:
    put(market, LINES, TYPES, "payments")
    snapshot = read(market, lake).snapshot
    assert snapshot is not None
    lake.storage.delete(f"shop/payments/segments/{snapshot.segments[0].name}")
    report = read(market, lake, 4)
    assert (report.status, len(rows(lake, report))) == ("rewritten", 5)
    assert "were lost or altered" in report.reason
    tidy_table(lake, PAYMENTS, Moment(at(5).replace(tzinfo=dt.UTC)), {})
    assert len(rows(lake, report)) == 5
