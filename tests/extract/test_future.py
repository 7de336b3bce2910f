"""A lake that was read for a moment of the future says so, and does not pretend that nothing is new."""

from __future__ import annotations

from brain.core.errors import LakeError
from brain.extract.report import ExtractionReport
from brain.lake.lake import Lake
from tests.extract.conftest import Market, asset_frame, extract
from tests.extract.test_times import put, read, stream, when


def poisoned(market: Market, lake: Lake) -> ExtractionReport:
    """The lake read every day but the last one for years ahead; then two rows have come."""
    frame = asset_frame()
    for known, day in ((290, "2021-02-09"), (297, "2037-01-01")):
        market.put("GOLD", frame.iloc[:known])
        assert extract(market, lake, day).ok
    market.put("GOLD", frame.iloc[:299])
    return extract(market, lake, "2021-02-22")


def test_newer_rows_behind_a_moment_of_the_future_are_no_replay(market: Market, lake: Lake) -> None:
    report = poisoned(market, lake)
    assert (report.ok, report.status, report.rows_read) == (False, "failed", 0)
    assert "0 rows read, 2 newer in the source" in report.reason
    assert "2037-01-01 23:00:00 UTC" in report.reason
    assert "brain repair --after 2021-02-22T23:00:00" in report.reason
    assert isinstance(report.error, LakeError)
    assert not report.transient


def test_a_past_moment_whose_rows_the_lake_has_is_served_from_it(market: Market, lake: Lake) -> None:
    poisoned(market, lake)
    report = extract(market, lake, "2021-02-18")
    assert (report.ok, report.status) == (True, "replayed")
    assert str(report.watermark) == "2021-02-09"


def test_a_full_check_of_the_future_counts_for_nothing(sqlite: Market, lake: Lake) -> None:
    frame = asset_frame()
    sqlite.put("GOLD", frame)
    for day in ("2021-02-23", "2037-01-01"):  # the second one finds nothing new, and makes no version
        assert extract(sqlite, lake, day).ok
    frame.loc[10, "Close"] = 1.0
    sqlite.put("GOLD", frame)
    report = extract(sqlite, lake, "2021-02-24")
    assert (report.status, report.corrected) == ("corrected", 1)


def test_newer_readings_behind_a_moment_of_the_future_are_no_replay(market: Market, lake: Lake) -> None:
    _readings_to_come(market, lake, zoned=False)


def test_nor_are_newer_readings_in_a_time_zone(postgres: Market, lake: Lake) -> None:
    _readings_to_come(postgres, lake, zoned=True)


def _readings_to_come(market: Market, lake: Lake, *, zoned: bool) -> None:
    put(market, stream(300), zoned=zoned)
    assert read(market, lake, when(10**6)).ok
    put(market, stream(305), zoned=zoned)
    assert read(market, lake, when(300)).status == "replayed"
    report = read(market, lake, when(303))
    assert not report.ok
    assert "0 rows read, 3 newer in the source" in report.reason
