"""One interface to any database: what it lists, how it types columns, how it reads."""

from __future__ import annotations

import datetime as dt
from contextlib import closing

import numpy as np
import pytest
import sqlalchemy as sa

from brain.core.errors import BrainError, SettingsError, SourceTableError
from brain.lake.lake import Lake
from brain.source.batches import Kind
from brain.source.connect import connect_source
from tests.extract.conftest import Market, asset_frame, extract, spec

ODD = 'a "b" %s; DROP TABLE x; -- ÅÄÖ 金 :c'


def test_discovery_lists_tables_and_views_with_date_and_close(market: Market) -> None:
    market.put("GOLD", asset_frame(5))
    market.put("notes", asset_frame(5)[["Date", "vola"]])
    market.put("other", asset_frame(5)[["Close", "vola"]], key="Close")
    market.execute('CREATE VIEW "A view" AS SELECT * FROM "GOLD"')
    with closing(market.source()) as source:
        assert source.discover(["Date", "Close"]) == ["A view", "GOLD"]


def test_columns_have_kinds(market: Market) -> None:
    frame = asset_frame(5)[["Date", "Open", "High", "Low", "Close", "Volume"]]
    types = {"Open": sa.Integer(), "High": sa.Numeric(10, 2), "Low": sa.Text(), "Volume": sa.BigInteger()}
    market.put("GOLD", frame.iloc[:0], types)
    with closing(market.source()) as source:
        assert source.columns("GOLD") == {
            "Date": Kind.DATE,
            "Open": Kind.WHOLE,
            "High": Kind.NUMBER,
            "Low": Kind.TEXT,
            "Close": Kind.NUMBER,
            "Volume": Kind.WHOLE,
        }


def test_rows_come_in_order_in_bounded_batches(market: Market) -> None:
    market.put("GOLD", asset_frame(300).sample(frac=1, random_state=1))
    with closing(market.source()) as source:
        batches = list(source.read("GOLD", "Date", ["Close"], batch_rows=100))
    assert len(batches) > 1
    assert max(len(batch.keys) for batch in batches) < 200
    keys = np.concatenate([batch.keys for batch in batches])
    values = np.concatenate([batch.values for batch in batches], axis=1)
    assert (np.diff(keys) > np.timedelta64(0, "us")).all()
    np.testing.assert_array_equal(values[0], asset_frame(300)["Close"])


def test_bounds_are_inclusive(market: Market) -> None:
    market.put("GOLD", asset_frame(30))
    since, until = dt.date(2020, 1, 6), dt.date(2020, 1, 8)
    with closing(market.source()) as source:
        (batch,) = source.read("GOLD", "Date", ["Close"], since=since, until=until)
        assert [key.date() for key in batch.keys.astype(object)] == [since, dt.date(2020, 1, 7), until]
        assert source.newest_key("GOLD", "Date", dt.date(2020, 1, 11)) == dt.datetime(2020, 1, 10)  # noqa: DTZ001
        assert source.newest_key("GOLD", "Date", dt.date(1999, 1, 1)) is None


def test_names_that_would_break_a_string_are_quoted(market: Market, lake: Lake) -> None:
    market.put("GOLD", asset_frame())
    market.put(ODD[:60], asset_frame().rename(columns={"vola": ODD[:55]}))
    report = extract(market, lake, asset=spec(ODD[:60]))
    assert report.status == "new", report.reason
    assert report.snapshot is not None
    read = lake.read(report.snapshot)
    np.testing.assert_array_equal(read[ODD[:55]], asset_frame()["vola"])
    assert extract(market, lake).status == "new"


def test_a_table_of_another_schema_is_found_by_its_name(postgres: Market, lake: Lake) -> None:
    postgres.execute("CREATE SCHEMA prices")
    postgres.execute("GRANT USAGE ON SCHEMA prices TO brain_source")
    postgres.execute('CREATE TABLE prices."GOLD" ("Date" date PRIMARY KEY, "Close" float8, "RETURNS1" float8)')
    postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA prices TO brain_source")
    with closing(connect_source(postgres.read_url, "prices")) as source:
        assert source.discover(["Date", "Close"]) == ["GOLD"]
        assert list(source.columns("GOLD")) == ["Date", "Close", "RETURNS1"]
    with closing(postgres.source()) as source, pytest.raises(SourceTableError, match="no such table or view"):
        source.columns("GOLD")


@pytest.mark.parametrize("url", ["not a url", "nodriver://host/db", "oracle+oracledb://host/db"])
def test_a_malformed_url_or_missing_driver_is_a_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="BRAIN_SOURCE_URL"):
        connect_source(url)


def test_text_in_a_numeric_column_of_a_lax_database_is_named(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.execute("UPDATE \"GOLD\" SET vola = 'n/a' WHERE \"Date\" = '2020-01-07'")
    report = extract(sqlite, lake)
    assert report.status == "failed"
    assert "'n/a' in the numeric column 'vola' on 2020-01-07" in report.reason


def test_text_in_a_date_column_of_a_lax_database_is_named(sqlite: Market, lake: Lake) -> None:
    sqlite.put("GOLD", asset_frame())
    sqlite.execute('UPDATE "GOLD" SET "Date" = \'2020-01-07?\' WHERE "Date" = \'2020-01-07\'')
    report = extract(sqlite, lake)
    assert report.status == "failed"
    assert "GOLD" in report.reason
    assert "2020-01-07?" in report.reason
    assert isinstance(report.error, BrainError)
