from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psycopg2
import pytest
from sqlalchemy import create_engine, make_url, text

from brain.core.errors import CredentialsRejected, ServerUnreachable, SettingsError, UnknownName
from brain.demo.load import LoadedTable, demo_frame, load_demo
from brain.demo.prices import ASSETS
from brain.usecases.direction.catalogue import HORIZONS
from local import ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from brain.core.settings import Settings

TARGETS = [f"RETURNS{n}" for n in HORIZONS]


@pytest.fixture
def reader(settings: Settings) -> Iterator[Engine]:
    """The source database as the pipeline reads it."""
    engine = create_engine(settings.source_url.get_secret_value())
    yield engine
    engine.dispose()


def _table(reader: Engine, asset: str) -> pd.DataFrame:
    return pd.read_sql(f'SELECT * FROM "{asset}" ORDER BY "Date"', reader, parse_dates=["Date"])


def _row_versions(reader: Engine, asset: str) -> pd.DataFrame:
    return pd.read_sql(f'SELECT "Date", ctid::text, xmin::text FROM "{asset}" ORDER BY "Date"', reader)


def test_all_26_tables_hold_the_demo_frames(demo_url: str, reader: Engine) -> None:
    loaded = load_demo(demo_url)
    assert [table.asset for table in loaded] == list(ASSETS)
    for table in loaded:
        expected = demo_frame(table.asset)
        assert table == LoadedTable(
            table.asset, rows=len(expected), written=len(expected), removed=0, last_day=expected["Date"].iloc[-1].date()
        )
    for asset in ("GOLD", "SP500", "VIX"):
        pd.testing.assert_frame_equal(_table(reader, asset), demo_frame(asset), check_exact=True, check_dtype=False)


def test_columns_have_the_standard_types(demo_url: str, reader: Engine) -> None:
    load_demo(demo_url, assets=["SP500"])
    columns = pd.read_sql(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'SP500'", reader
    )
    types = dict(zip(columns["column_name"], columns["data_type"], strict=True))
    assert types.pop("Date") == "date"
    assert types.pop("Volume") == "bigint"
    assert set(types.values()) == {"double precision"}
    assert set(types) >= {"Open", "High", "Low", "Close", "return_1", "RETURNS161"}


def test_the_date_is_the_primary_key(demo_url: str) -> None:
    load_demo(demo_url, assets=["VIX"])
    with (
        closing(psycopg2.connect(_dsn(demo_url))) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.UniqueViolation),
    ):
        cursor.execute('INSERT INTO "VIX" ("Date", "Close") VALUES (%s, 1)', (date(2019, 1, 3),))


def test_loading_again_writes_nothing(demo_url: str, reader: Engine) -> None:
    first = load_demo(demo_url, assets=["VIX"])
    versions = _row_versions(reader, "VIX")
    again = load_demo(demo_url, assets=["VIX"])
    assert (first[0].written, again[0].written, again[0].removed) == (1259, 0, 0)
    pd.testing.assert_frame_equal(_row_versions(reader, "VIX"), versions)


def test_another_day_adds_a_row_and_fills_older_returns(demo_url: str, reader: Engine) -> None:
    whole = demo_frame("SP500")
    features = [c for c in whole if c not in TARGETS]
    start = date(2018, 12, 20)
    for day in (start + timedelta(days=n) for n in range(7)):  # over a weekend and Christmas
        load_demo(demo_url, as_of=day, assets=["SP500"])
        table = _table(reader, "SP500")
        assert table["Date"].iloc[-1] == whole.loc[whole["Date"] <= pd.Timestamp(day), "Date"].iloc[-1]
        known = whole.head(len(table))
        pd.testing.assert_frame_equal(table[features], known[features], check_exact=True, check_dtype=False)
        for n in HORIZONS:
            expected = known[f"RETURNS{n}"].mask(np.arange(len(known)) >= len(known) - n)
            pd.testing.assert_series_equal(table[f"RETURNS{n}"], expected, check_exact=True)


def test_a_day_touches_only_the_rows_it_changes(demo_url: str) -> None:
    load_demo(demo_url, as_of=date(2018, 12, 27), assets=["NASDAQ"])
    (day,) = load_demo(demo_url, as_of=date(2018, 12, 28), assets=["NASDAQ"])
    assert day.written == 1 + len(HORIZONS)  # the new row, and one older row for each horizon
    assert day.last_day == date(2018, 12, 28)


def test_going_back_takes_later_knowledge_away(demo_url: str, reader: Engine) -> None:
    load_demo(demo_url, assets=["VIX"])
    (back,) = load_demo(demo_url, as_of=date(2018, 6, 29), assets=["VIX"])
    assert back.removed > 0
    expected = demo_frame("VIX", date(2018, 6, 29))
    pd.testing.assert_frame_equal(_table(reader, "VIX"), expected, check_exact=True, check_dtype=False)


def test_before_the_first_day_the_table_is_empty(demo_url: str, reader: Engine) -> None:
    (table,) = load_demo(demo_url, as_of=date(2010, 1, 1), assets=["VIX"])
    assert (table.rows, table.last_day) == (0, None)
    assert _table(reader, "VIX").empty


def test_grants_and_views_survive_a_reload(demo_url: str, reader: Engine) -> None:
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["VIX"])
    with closing(psycopg2.connect(_dsn(demo_url))) as connection, connection, connection.cursor() as cursor:
        cursor.execute('CREATE VIEW calm AS SELECT "Date" FROM "VIX" WHERE "Close" < 12')
        cursor.execute('REVOKE SELECT ON "VIX" FROM brain_source; GRANT SELECT ("Close") ON "VIX" TO brain_source')
    load_demo(demo_url, assets=["VIX"])
    count = pd.read_sql("SELECT count(*) AS days FROM calm", reader)["days"].iloc[0]
    assert count == (demo_frame("VIX")["Close"] < 12).sum()
    closes = pd.read_sql('SELECT "Close" FROM "VIX"', reader)
    assert len(closes) == 1259


def test_a_failed_load_leaves_the_old_rows(demo_url: str, reader: Engine) -> None:
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["VIX"])
    before = _table(reader, "VIX")
    with closing(psycopg2.connect(_dsn(demo_url))) as connection, connection, connection.cursor() as cursor:
        cursor.execute('ALTER TABLE "VIX" ADD CHECK ("Date" < \'2019-01-03\')')
    with pytest.raises(Exception, match="violates check constraint"):
        load_demo(demo_url, assets=["VIX"])
    pd.testing.assert_frame_equal(_table(reader, "VIX"), before, check_exact=True)


def test_a_reader_sees_the_old_rows_until_the_load_is_done(demo_url: str, reader: Engine) -> None:
    count = text('SELECT count(*) FROM "VIX"')
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["VIX"])
    with reader.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
        before = snapshot.scalar(count)
        load_demo(demo_url, assets=["VIX"])  # waits for no lock that a reader holds
        assert snapshot.scalar(count) == before
        snapshot.rollback()
        assert snapshot.scalar(count) == 1259


def test_a_table_of_an_earlier_version_gets_the_new_columns(demo_url: str, reader: Engine) -> None:
    with closing(psycopg2.connect(_dsn(demo_url))) as connection, connection, connection.cursor() as cursor:
        cursor.execute('CREATE TABLE "VIX" ("Date" date PRIMARY KEY, "Close" double precision)')
        cursor.execute('INSERT INTO "VIX" VALUES (%s, 1)', (date(2013, 12, 31),))
    (table,) = load_demo(demo_url, assets=["VIX"])
    assert (table.written, table.removed) == (1259, 1)
    assert set(_table(reader, "VIX").columns) == set(demo_frame("VIX").columns)


def test_another_schema_may_be_named(demo_url: str) -> None:
    with closing(psycopg2.connect(_dsn(demo_url))) as connection, connection, connection.cursor() as cursor:
        cursor.execute('CREATE SCHEMA "Real Prices"')
        connection.commit()
        load_demo(demo_url, assets=["VIX"], schema="Real Prices")
        cursor.execute('SELECT count(*) FROM "Real Prices"."VIX"')
        assert cursor.fetchone() == (1259,)


def test_an_unknown_asset_is_refused(demo_url: str) -> None:
    with pytest.raises(UnknownName, match="TULIPS"):
        load_demo(demo_url, assets=["TULIPS"])


def test_a_refused_login_is_told_apart(demo_url: str) -> None:
    wrong = make_url(demo_url).set(password="guess").render_as_string(hide_password=False)
    with pytest.raises(CredentialsRejected) as caught:
        load_demo(wrong, assets=["VIX"])
    assert "guess" not in str(caught.value)


def test_a_silent_server_is_told_apart() -> None:
    url = f"postgresql+psycopg2://someone:hidden@127.0.0.1:{ports.choose(45432)}/market"
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1") as caught:
        load_demo(url, assets=["VIX"])
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://u:secret@localhost/db", "sqlite:///x.db", "not a URL at all"])
def test_another_driver_is_refused_without_showing_the_url(url: str) -> None:
    with pytest.raises(SettingsError, match=r"postgresql\+psycopg2://") as caught:
        load_demo(url)
    assert "secret" not in str(caught.value)


def _dsn(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
