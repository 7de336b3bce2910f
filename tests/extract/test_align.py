"""Other tables on the asset's dates: as pandas would align them, never ahead of time, also day by day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from brain.core.durations import duration
from brain.lake.lake import Lake
from brain.usecases.direction.catalogue import AssetSpec
from tests.extract.conftest import Market, asset_frame, extract, last_dates, spec

DAYS = last_dates(asset_frame(), 300)


def weekly(rows: int = 70) -> pd.DataFrame:
    """A weekly index, dated on Saturdays so that no date is an asset's, with a hole of two months."""
    dates = pd.date_range("2019-12-07", periods=rows, freq="7D", unit="us")
    frame = pd.DataFrame({"Date": dates, "Close": np.arange(1.0, rows + 1), "spread": np.sin(np.arange(rows))})
    return frame.assign(RETURNS1=0.5).drop(index=range(20, 28)).reset_index(drop=True)


def minutes() -> pd.DataFrame:
    """Quotes every six hours, none on some days."""
    stamps = pd.date_range("2019-12-28", "2021-02-25", freq="6h", unit="us")
    frame = pd.DataFrame({"Date": stamps, "quote": np.cos(np.arange(len(stamps)))})
    return frame.drop(index=frame.index[stamps.day % 9 == 0]).reset_index(drop=True)


def joined(**source: Any) -> AssetSpec:
    return spec(sources=[{"table": "DXY", **source}])


def read(market: Market, lake: Lake, asset: AssetSpec, day: dt.date = DAYS[-1]) -> pd.DataFrame:
    report = extract(market, lake, day, asset)
    assert report.snapshot is not None, report.reason
    return lake.read(report.snapshot)


@pytest.mark.parametrize("lag", [0, 1, 3, 10])
@pytest.mark.parametrize("max_age", [None, 2, 6, 60])
def test_it_agrees_exactly_with_merge_asof(sqlite: Market, lake: Lake, lag: int, max_age: int | None) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", weekly())
    settings = {"max_age": f"{max_age}d" if max_age else None, "lag": f"{lag}d" if lag else None}
    found = read(sqlite, lake, joined(**settings))
    other = weekly().drop(columns="RETURNS1").assign(Date=weekly()["Date"] + pd.Timedelta(days=lag))
    expected = pd.merge_asof(
        asset_frame(),
        other.rename(columns={"Close": "DXY_Close", "spread": "DXY_spread"}),
        on="Date",
        tolerance=None if max_age is None else pd.Timedelta(days=max_age),
    )
    pd.testing.assert_frame_equal(found, expected)


def test_it_is_the_same_on_every_database(market: Market, lake: Lake) -> None:
    market.put("GOLD", asset_frame())
    market.put("DXY", weekly())
    market.put("quotes", minutes(), {"Date": sa.DateTime()})
    windowed = {"table": "quotes", "window": "2d", "aggregates": ["mean", "count"], "prefix": "q_"}
    found = read(market, lake, spec(sources=[{"table": "DXY", "max_age": None}, windowed]))
    assert list(found.columns[-4:]) == ["DXY_Close", "DXY_spread", "q_quote_mean", "q_quote_count"]
    assert found[["DXY_Close", "DXY_spread"]].notna().all(axis=None)
    assert found["q_quote_count"].max() == 8


def test_a_timestamp_counts_on_the_day_it_was_known_by(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    stamps = pd.to_datetime(["2020-02-03 09:00", "2020-02-03 23:30", "2020-02-04 00:00"]).as_unit("us")
    sqlite.put("DXY", pd.DataFrame({"Date": stamps, "v": [1.0, 2.0, 3.0]}), {"Date": sa.DateTime()})
    found = read(sqlite, lake, joined(max_age="2d")).set_index("Date")["DXY_v"]
    assert found["2020-02-03"] == 2
    assert found["2020-02-04"] == 3
    assert np.isnan(found["2020-01-31"])
    late = read(sqlite, lake, joined(max_age="2d", lag="1h", prefix="late_")).set_index("Date")["late_v"]
    assert late["2020-02-03"] == 1


@pytest.mark.parametrize("window", ["1d", "3d", "36h"])
def test_windows_are_those_of_pandas(sqlite: Market, lake: Lake, window: str) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", minutes(), {"Date": sa.DateTime()})
    kinds = ["min", "mean", "max", "count", "stddev"]
    found = read(sqlite, lake, joined(window=window, aggregates=kinds, prefix=""))
    quotes = minutes().set_index("Date")["quote"]
    for row in (0, 5, 150, 299):
        end = asset_frame()["Date"][row] + pd.Timedelta(days=1)
        inside = quotes[(quotes.index >= end - pd.Timedelta(duration(window))) & (quotes.index < end)]
        expected = [inside.min(), inside.mean(), inside.max(), inside.count(), inside.std()]
        np.testing.assert_allclose(
            found.loc[row, [f"quote_{kind}" for kind in kinds]].to_numpy(float), expected, rtol=1e-12
        )


def test_targets_of_the_other_table_are_never_joined(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", weekly())
    assert not any("DXY_RETURNS" in str(name) for name in read(sqlite, lake, joined()))


@pytest.mark.parametrize(
    "settings", [{}, {"lag": "2d"}, {"max_age": None}, {"window": "5d", "aggregates": ["mean", "count"]}]
)
def test_day_by_day_it_is_what_a_full_read_gives(
    sqlite: Market, lake: Lake, tmp_path: Path, settings: dict[str, Any]
) -> None:
    for known in (240, 241, 246, 300):
        sqlite.put("GOLD", asset_frame(known=known))
        others = weekly()
        sqlite.put("DXY", others[others["Date"] <= pd.Timestamp(DAYS[known - 1])])
        report = extract(sqlite, lake, DAYS[known - 1], joined(**settings))
        assert report.status == ("new" if known == 240 else "appended")
    whole = extract(sqlite, Lake(str(tmp_path / "whole")), DAYS[-1], joined(**settings))
    assert report.snapshot is not None
    assert whole.snapshot is not None
    assert report.snapshot.data_sha256 == whole.snapshot.data_sha256


def test_a_late_correction_of_the_joined_table_is_one_of_the_asset(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", weekly())
    read(sqlite, lake, joined())
    corrected = weekly()
    corrected.loc[corrected["Date"] == "2021-02-13", "spread"] = 42.0
    sqlite.put("DXY", corrected)
    report = extract(sqlite, lake, DAYS[-1], joined())
    assert (report.status, report.corrected_columns) == ("corrected", ("DXY_spread",))
    assert [d.isoformat() for d in report.corrected_dates] == [f"2021-02-{d}" for d in range(15, 20)]


def test_a_joined_feature_that_turns_into_text_is_refused(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", weekly())
    before = extract(sqlite, lake, DAYS[-1], joined())
    sqlite.put("DXY", weekly().assign(spread="wide"), {"spread": sa.Text()})
    report = extract(sqlite, lake, DAYS[-1], joined())
    assert (report.status, report.snapshot) == ("failed", before.snapshot)
    assert "'spread' of kind text in the joined table 'DXY'" in report.reason


def test_the_snapshot_names_every_table_it_came_from(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", weekly())
    report = extract(sqlite, lake, DAYS[-1], joined())
    assert report.snapshot is not None
    assert report.snapshot.source_tables == ("GOLD", "DXY")


def test_a_later_row_of_the_joined_table_is_not_seen(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", weekly())
    early = read(sqlite, lake, joined(), DAYS[199])
    late = read(sqlite, Lake(f"{lake.storage.root}-late"), joined())
    pd.testing.assert_series_equal(early["DXY_spread"], late["DXY_spread"][:200])


def test_a_joined_table_without_rows_gives_empty_columns(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.put("DXY", weekly().iloc[:0])
    assert read(sqlite, lake, joined(max_age=None))["DXY_Close"].isna().all()
    windowed = read(sqlite, lake, joined(window="2d", aggregates=["count"]))
    assert (windowed["DXY_Close_count"] == 0).all()
