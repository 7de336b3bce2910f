"""PostgreSQL over binary COPY: every numeric type, and every way in which a server can fail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import adbc_driver_manager
import numpy as np
import pytest
import sqlalchemy as sa

from brain.core.errors import CredentialsRejected, ServerUnreachable, SettingsError, SourceTableError
from brain.lake.lake import Lake
from brain.source.batches import Batch, Kind
from brain.source.connect import connect_source
from brain.source.postgres import PostgresSource
from local.servers import Servers
from tests.extract.conftest import Market, asset_frame, extract, open_gate, table_of, until
from tests.extract.spoil import end_sessions

TYPES = ["smallint", "integer", "bigint", "real", "double precision", "numeric(12,4)", "numeric", "boolean"]


def test_every_numeric_type_becomes_a_double(postgres: Market) -> None:
    columns = ", ".join(f'"{name}" {name}' for name in TYPES)
    postgres.execute(f'CREATE TABLE "T" ("Date" date PRIMARY KEY, {columns})')
    postgres.execute("INSERT INTO \"T\" VALUES ('2020-01-01', 1, 2, 3, 4.5, 5.5, 6.25, 7.125, true)")
    postgres.execute("INSERT INTO \"T\" (\"Date\", numeric) VALUES ('2020-01-02', 'NaN')")
    with closing(postgres.source()) as source:
        (batch,) = source.read("T", "Date", TYPES)
    np.testing.assert_array_equal(batch.values[:, 0], [1, 2, 3, 4.5, 5.5, 6.25, 7.125, 1])
    assert np.isnan(batch.values[:, 1]).all()


def test_domains_and_views_are_read_like_their_types(postgres: Market) -> None:
    postgres.execute("CREATE DOMAIN price AS numeric(12,2) CHECK (VALUE > 0)")
    postgres.execute('CREATE TABLE "T" ("Date" timestamp PRIMARY KEY, "Close" price)')
    postgres.execute("INSERT INTO \"T\" VALUES ('2020-01-01', 1.25)")
    postgres.execute('CREATE VIEW "V" AS SELECT "Date"::date AS "Date", "Close" FROM "T"')
    with closing(postgres.source()) as source:
        (batch,) = source.read("V", "Date", ["Close"], since=dt.date(2020, 1, 1))
    assert batch.values.tolist() == [[1.25]]


def test_each_type_has_its_kind(postgres: Market) -> None:
    postgres.execute("CREATE DOMAIN price AS numeric(12,2) CHECK (VALUE > 0)")
    kinds = {
        **dict.fromkeys(["smallint", "integer", "bigint"], Kind.WHOLE),
        "boolean": Kind.BOOLEAN,
        **dict.fromkeys(["real", "double precision", "numeric(12,4)", "numeric", "price"], Kind.NUMBER),
        **dict.fromkeys(["text", "varchar(3)", "char(3)"], Kind.TEXT),
        "date": Kind.DATE,
        "timestamp": Kind.TIME,
        "timestamptz": Kind.ZONED_TIME,
        **dict.fromkeys(["jsonb", "money", "date[]", "uuid", "interval"], Kind.OTHER),
    }
    postgres.execute(f"""CREATE TABLE "T" ({", ".join(f'"{name}" {name}' for name in kinds)})""")
    with closing(postgres.source()) as source:
        assert source.columns("T") == kinds


def test_the_session_can_only_read(postgres: Market) -> None:
    source = PostgresSource(sa.make_url(postgres.url), None)
    with closing(source), pytest.raises(adbc_driver_manager.Error, match="read-only transaction"):
        source._query('CREATE TABLE "X" (a int)')


@pytest.fixture
def address(postgres: Market) -> sa.URL:
    return sa.make_url(postgres.read_url)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"password": "wrong-secret"}, CredentialsRejected, "password authentication failed"),
        ({"username": "nobody"}, CredentialsRejected, "'nobody'"),
        ({"port": 9}, ServerUnreachable, "127.0.0.1:9"),
        ({"host": "no-such-host.invalid"}, ServerUnreachable, "no-such-host.invalid"),
        ({"database": "no_such_db"}, SettingsError, "no_such_db"),
    ],
)
def test_a_server_that_does_not_let_us_in(
    lake: Lake, address: sa.URL, change: dict[str, object], error: type[Exception], says: str
) -> None:
    from brain.extract.table import extract_table

    broken = address.set(**change)  # type: ignore[arg-type]
    with closing(connect_source(broken.render_as_string(hide_password=False))) as source:
        report = extract_table(source, lake, table_of(), until("2020-01-01"), open_gate)
    assert (report.status, type(report.error)) == ("failed", error)
    assert says in report.reason
    assert report.transient is (error is ServerUnreachable)
    assert str(broken.password) not in report.reason


def test_a_connection_cut_mid_read_is_transient_and_the_next_asset_reads_on(
    servers: Servers, postgres: Market, lake: Lake
) -> None:
    from brain.extract.table import extract_table

    postgres.put("GOLD", asset_frame())
    postgres.put("SILVER", asset_frame())
    with closing(_CutSource(postgres, servers)) as source:
        cut = extract_table(source, lake, table_of(extraction={"batch_rows": 1000}), until("2030-01-01"), open_gate)
        after = extract_table(source, lake, table_of("SILVER"), until("2030-01-01"), open_gate)
    assert (cut.status, cut.transient) == ("failed", True)
    assert isinstance(cut.error, ServerUnreachable)
    assert after.status == "new"


def test_a_table_that_may_not_be_read_says_what_to_grant(postgres: Market, lake: Lake) -> None:
    postgres.put("GOLD", asset_frame())
    postgres.execute('REVOKE ALL ON "GOLD" FROM brain_source')
    report = extract(postgres, lake)
    assert isinstance(report.error, SourceTableError)
    assert "Grant SELECT" in report.reason


def test_a_table_dropped_after_it_was_looked_at(postgres: Market, lake: Lake) -> None:
    postgres.put("GOLD", asset_frame())
    source = postgres.source()
    with closing(source):
        source.columns("GOLD")
        postgres.execute('DROP TABLE "GOLD"')
        with pytest.raises(SourceTableError, match="does not exist"):
            list(source.read("GOLD", "Date", ["Close"]))


def test_a_malformed_option_of_the_url_is_reported_without_the_password(address: sa.URL) -> None:
    broken = address.update_query_dict({"no_such_option": "1"})
    source = connect_source(broken.render_as_string(hide_password=False))
    with pytest.raises(SettingsError, match="no_such_option") as caught:
        source.columns("GOLD")
    assert str(address.password) not in str(caught.value)


class _CutSource(PostgresSource):
    """The real source; the server ends its session as soon as the first read has begun."""

    def __init__(self, market: Market, servers: Servers) -> None:
        super().__init__(sa.make_url(market.read_url), None)
        self._servers = servers
        self._cut = False

    def read(self, *arguments: Any, **options: Any) -> Iterator[Batch]:
        if not self._cut:
            self._cut = True
            end_sessions(self._servers, self.url.database)
        return super().read(*arguments, **options)
