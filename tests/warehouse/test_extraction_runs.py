"""What extraction did, as a table that BI can read."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brain.core.errors import QueryRefused, SourceTableError
from brain.core.moment import Moment
from brain.extract.report import ExtractionReport
from brain.warehouse.connection import transaction
from brain.warehouse.extraction_runs import last_moment_on, record_runs
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from brain.core.settings import Settings
    from brain.extract.report import Status

FIRST_RELEASE = Path(__file__).parents[2] / "tests/usecases/direction/fixtures/first_release.sql"
MONDAY = dt.datetime(2024, 1, 8, 6, tzinfo=dt.UTC)
REPORT = ExtractionReport(
    use_case="direction",
    unit="GOLD",
    moment=Moment(MONDAY),
    status="corrected",
    watermark=dt.date(2024, 1, 5),
    rows_read=200,
    rows_new=1,
    completed=11,
    corrected_dates=(dt.date(2024, 1, 3), dt.date(2024, 1, 4)),
    corrected_columns=("Close",),
    seconds=0.01234,
)
SHOW = (
    "SELECT asset, verdict, watermark, rows_read, rows_new, completed, corrected, corrected_dates, corrected_columns,"
    " seconds FROM extraction_runs ORDER BY interval_end, asset"
)
GOLD = ("GOLD", "corrected", dt.date(2024, 1, 5), 200, 1, 11, 2, "2024-01-03, 2024-01-04", "Close", 0.0123)


def test_the_reader_sees_a_row_per_asset(settings: Settings) -> None:
    error = SourceTableError("SILVER", found="no table", expected="a table", remedy="Create it.")
    failed = ExtractionReport("direction", "SILVER", Moment(MONDAY), "failed", reason=str(error), error=error)
    record_runs(settings.warehouse_url, [REPORT, failed])
    assert settings.reader_url is not None
    rows = ask(settings.reader_url, SHOW).rows
    assert rows[0] == GOLD
    assert rows[1][:3] == ("SILVER", "failed", None)


def test_a_rerun_replaces_the_rows_of_its_interval(settings: Settings) -> None:
    record_runs(settings.warehouse_url, [replace(REPORT, status="appended")])
    record_runs(settings.warehouse_url, [replace(REPORT, status="unchanged")])
    record_runs(settings.warehouse_url, [replace(REPORT, moment=Moment(MONDAY + dt.timedelta(days=1)))])
    assert [row[1] for row in ask(settings.warehouse_url, SHOW).rows] == ["unchanged", "corrected"]


@pytest.mark.parametrize(
    ("again", "shown"), [("unchanged", "corrected"), ("appended", "corrected"), ("failed", "failed")]
)
def test_a_rerun_that_finds_no_corrections_keeps_those_found_before(
    settings: Settings, again: Status, shown: str
) -> None:
    bare = replace(REPORT, corrected_dates=(), corrected_columns=(), completed=0)
    record_runs(settings.warehouse_url, [REPORT])
    record_runs(settings.warehouse_url, [replace(bare, status=again)])
    ((_, verdict, _, _, _, completed, *corrections, _),) = ask(settings.warehouse_url, SHOW).rows
    assert (verdict, completed, corrections) == (shown, 0, [2, "2024-01-03, 2024-01-04", "Close"])
    record_runs(settings.warehouse_url, [replace(REPORT, corrected_columns=("Open",))])
    assert ask(settings.warehouse_url, SHOW).rows[0][8] == "Open"


def test_many_corrected_dates_are_counted_and_the_first_named(settings: Settings) -> None:
    dates = tuple(dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(31))
    record_runs(settings.warehouse_url, [replace(REPORT, corrected_dates=dates)])
    ((count, named),) = ask(settings.warehouse_url, "SELECT corrected, corrected_dates FROM extraction_runs").rows
    assert count == 31
    assert named.endswith("2024-01-10 and 21 more")


def test_no_reports_need_no_server(settings: Settings) -> None:
    record_runs(settings.warehouse_url, [])
    with pytest.raises(QueryRefused, match="extraction_runs"):
        ask(settings.warehouse_url, SHOW)


def test_the_table_of_an_older_release_is_taken_over_and_its_rows_are_directions(settings: Settings) -> None:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(FIRST_RELEASE.read_text())
    record_runs(settings.warehouse_url, [of("sales", REPORT)])
    query = "SELECT use_case, asset, verdict, seconds FROM extraction_runs ORDER BY 1"
    assert ask(settings.warehouse_url, query).rows == [
        ("direction", "GOLD", "corrected", 0.0123),
        ("sales", "GOLD", "corrected", 0.0123),
    ]
    record_runs(settings.warehouse_url, [of("direction", replace(REPORT, seconds=1.0))])
    assert ask(settings.warehouse_url, query).rows[0] == ("direction", "GOLD", "corrected", 1.0)


def test_chunks_that_record_side_by_side_on_an_empty_warehouse_do_not_disturb_each_other(settings: Settings) -> None:
    reports = [replace(REPORT, unit=f"A{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda report: record_runs(settings.warehouse_url, [report]), reports))
    assert len(ask(settings.warehouse_url, SHOW).rows) == 8


def of(use_case: str, report: ExtractionReport) -> ExtractionReport:
    """The report as one of that use case."""

    class OfUseCase(ExtractionReport):
        def record(self) -> dict[str, Any]:
            return {**super().record(), "use_case": use_case}

    return OfUseCase(**{field.name: getattr(report, field.name) for field in fields(report)})


def test_a_day_is_known_by_its_last_moment(settings: Settings) -> None:
    assert last_moment_on(settings.warehouse_url, MONDAY.date()) is None
    later = MONDAY.replace(hour=23, minute=59)
    record_runs(settings.warehouse_url, [REPORT, replace(REPORT, moment=Moment(later))])
    assert last_moment_on(settings.warehouse_url, MONDAY.date()) == later
    assert last_moment_on(settings.warehouse_url, MONDAY.date() + dt.timedelta(days=1)) is None
