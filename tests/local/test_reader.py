"""What a curious holder of the BI login tries, and how far it gets."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2 import errors

from brain.core.errors import TableBusy
from brain.warehouse import upgrade
from brain.warehouse.tables import Column
from local.databases import READER_CONNECTIONS, READER_LIMITS, prepare_databases
from local.servers import up
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, frame, show
from tests.warehouse.test_evolution import with_columns

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

    from brain.core.settings import Settings
    from local.servers import Servers

BERN = ("Bern", 1, 10, 2.5)


def login(url: str) -> Connection:
    return psycopg2.connect(url.replace("+psycopg2", ""))


@pytest.fixture
def reader(reader_url: str) -> Connection:
    """A session that has lifted every limit that a session can lift."""
    connection = login(reader_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        for name in READER_LIMITS:
            if name != "temp_file_limit":
                cursor.execute(f"SET {name} = 0")
    return connection


def test_a_session_begins_with_the_limits(reader_url: str) -> None:
    with closing(login(reader_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, current_setting(name) FROM unnest(%s) AS name", (list(READER_LIMITS),))
        shown = dict(cursor.fetchall())
    assert {name: value.replace("1min", "60s") for name, value in shown.items()} == READER_LIMITS


def test_it_cannot_take_all_connections(settings: Settings, reader_url: str) -> None:
    with ExitStack() as opened:
        with pytest.raises(psycopg2.OperationalError, match="too many connections for role"):
            for _ in range(READER_CONNECTIONS + 1):
                opened.enter_context(closing(login(reader_url)))
        show(settings, SALES, frame(BERN))


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
        "SELECT pg_logical_emit_message(false, 'a', 'b')",
        "SELECT pg_notify('a', 'b')",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_cancel_backend(pg_backend_pid())",
        "CREATE TABLE mine (x integer)",
        "CREATE TEMPORARY TABLE mine (x integer)",
        "CREATE SCHEMA mine",
        "SET temp_file_limit = -1",
        "ALTER ROLE bi_reader CONNECTION LIMIT -1",
        "ALTER ROLE brain_writer PASSWORD 'known'",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
    ],
)
def test_it_may_do_nothing_but_read(reader: Connection, attempt: str) -> None:
    with reader.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
        cursor.execute(attempt)


def test_a_password_it_changes_is_set_back_when_the_servers_come_up(servers: Servers, reader_url: str) -> None:
    """PostgreSQL lets every role change its own password; a session has to switch off its read-only default first."""
    with closing(login(reader_url)) as connection, connection.cursor() as cursor:
        with pytest.raises(errors.ReadOnlySqlTransaction):
            cursor.execute("ALTER ROLE bi_reader PASSWORD 'mine'")
        connection.rollback()
        cursor.execute("SET TRANSACTION READ WRITE")
        cursor.execute("ALTER ROLE bi_reader PASSWORD 'mine'")
        connection.commit()
    try:
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            login(reader_url)
    finally:
        prepare_databases(servers.postgres, servers.postgres_port, servers.state)
    login(reader_url).close()


@pytest.mark.parametrize("database", ["postgres", "template1", "market", "airflow"])
def test_it_enters_no_other_database_where_its_limits_do_not_hold(reader_url: str, database: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        login(f"{reader_url.rsplit('/', 1)[0]}/{database}")


def test_what_it_sets_for_itself_goes_when_the_servers_come_up(servers: Servers, reader_url: str) -> None:
    with closing(login(reader_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ WRITE")
        cursor.execute("ALTER ROLE bi_reader SET extra_float_digits = -15")
        cursor.execute(f"ALTER ROLE bi_reader IN DATABASE {connection.info.dbname} SET statement_timeout = 0")
        connection.commit()
    up(servers.postgres.home, durable=False)
    with closing(login(reader_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('extra_float_digits'), current_setting('statement_timeout')")
        assert cursor.fetchall() == [("1", "1min")]


def test_readers_who_take_turns_in_the_way_are_disconnected_in_the_end(
    settings: Settings, reader_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each within its limits: none is ever overdue."""
    monkeypatch.setattr(upgrade, "PATIENCE_SECONDS", 1)
    show(settings, SALES, frame(BERN))
    with closing(login(reader_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sales")
        grown = with_columns(SALES, Column("colour", "text", "Colour."))
        show(settings, grown, frame(BERN).assign(colour="red"), TUESDAY)
        with pytest.raises(psycopg2.OperationalError, match=r"terminating connection|server closed"):
            cursor.execute("SELECT 1")


def test_an_open_transaction_stops_no_publication_and_no_other_reader(
    settings: Settings, reader: Connection, reader_url: str
) -> None:
    """Even where a column has to be added, for which the table must be free for a moment."""
    show(settings, SALES, frame(BERN))
    grown = with_columns(SALES, Column("colour", "text", "Colour."))
    with reader.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM sales, sales_history")
        show(settings, SALES, frame(BERN), TUESDAY)
        adding = threading.Thread(target=show, args=(settings, grown, frame(BERN).assign(colour="red"), TUESDAY))
        adding.start()
        waits = []
        with closing(login(reader_url)) as other, other.cursor() as asking:
            other.autocommit = True
            for _ in range(100):
                started = time.perf_counter()
                asking.execute("SELECT pieces FROM sales")
                waits.append(time.perf_counter() - started)
                time.sleep(0.02)
        assert adding.is_alive()
        assert max(waits) < 1
        cursor.execute("COMMIT")
        adding.join(timeout=30)
        cursor.execute("SELECT colour FROM sales")
        assert cursor.fetchall() == [("red",)]


def test_a_reader_that_never_ends_is_disconnected_by_whom_it_keeps_waiting(
    settings: Settings, reader: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "READER_SECONDS", 2)
    show(settings, SALES, frame(BERN))
    with reader.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM sales")
        grown = with_columns(SALES, Column("colour", "text", "Colour."))
        show(settings, grown, frame(BERN).assign(colour="red"), TUESDAY)
        with pytest.raises(psycopg2.OperationalError, match=r"terminating connection|server closed"):
            cursor.execute("SELECT 1")


def test_another_writer_that_never_ends_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "READER_SECONDS", 0)
    monkeypatch.setattr(upgrade, "PATIENCE_SECONDS", 1)
    monkeypatch.setattr(upgrade, "LAST_SECONDS", 1)
    show(settings, SALES, frame(BERN))
    with closing(login(settings.warehouse_url.get_secret_value())) as owner, owner.cursor() as cursor:
        cursor.execute("SELECT * FROM sales")
        with pytest.raises(TableBusy, match="pg_stat_activity"):
            show(settings, with_columns(SALES, Column("colour", "text", "Colour.")), frame(BERN), MONDAY)
