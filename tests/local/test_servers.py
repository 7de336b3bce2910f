"""What the embedded servers promise about roles and rights, on the session's servers."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import OperationFailure
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from brain.core.errors import EmbeddedServerError
from brain.core.settings import Settings
from local import mongo, ports
from local.mongo import Mongo
from local.servers import Servers

SLOW_MONGOD = """#!/bin/sh
while [ "$1" != --dbpath ]; do shift; done
echo $$ > "$2/mongod.lock"
sleep 2
exit 48
"""


def run(url: str, *statements: str) -> list[tuple[object, ...]]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            rows: list[tuple[object, ...]] = []
            for statement in statements:
                result = connection.execute(text(statement))
                rows = [tuple(row) for row in result] if result.returns_rows else []
            return rows
    finally:
        engine.dispose()


MAKE_GOLD = ('CREATE TABLE "GOLD" ("Date" date PRIMARY KEY)', "INSERT INTO \"GOLD\" VALUES ('2020-01-02')")


def test_source_role_reads_tables_made_later(settings: Settings, demo_url: str) -> None:
    run(demo_url, *MAKE_GOLD)
    assert run(settings.source_url.get_secret_value(), 'SELECT count(*) FROM "GOLD"') == [(1,)]


def test_source_role_reads_schemas_made_later(settings: Settings, demo_url: str) -> None:
    run(demo_url, "CREATE SCHEMA metals", "CREATE TABLE metals.t AS SELECT 1 AS one")
    assert run(settings.source_url.get_secret_value(), "SELECT one FROM metals.t") == [(1,)]


@pytest.mark.parametrize("statement", ['DELETE FROM "GOLD"', "CREATE TABLE mine (x int)"])
def test_source_role_cannot_write(settings: Settings, demo_url: str, statement: str) -> None:
    run(demo_url, *MAKE_GOLD)
    with pytest.raises((ProgrammingError, OperationalError)):
        run(settings.source_url.get_secret_value(), "SET TRANSACTION READ WRITE", statement)


def test_bi_reader_reads_nothing_until_granted(settings: Settings, reader_url: str) -> None:
    writer = settings.warehouse_url.get_secret_value()
    run(writer, "CREATE TABLE t AS SELECT 1 AS one")
    with pytest.raises(ProgrammingError, match="permission denied"):
        run(reader_url, "SELECT one FROM t")
    run(writer, "GRANT SELECT ON t TO bi_reader")
    assert run(reader_url, "SELECT one FROM t") == [(1,)]


@pytest.mark.parametrize(("role", "database"), [("bi_reader", "market"), ("brain_source", "warehouse")])
def test_a_role_connects_to_its_own_database_only(servers: Servers, role: str, database: str) -> None:
    with pytest.raises(OperationalError, match="permission denied for database"):
        run(servers.postgres_url(role, database), "SELECT 1")


def test_a_wrong_password_is_refused(servers: Servers) -> None:
    url = servers.postgres_url("brain_writer", "warehouse").replace(servers.state.password("brain_writer"), "guess")
    with pytest.raises(OperationalError, match="password authentication failed"):
        run(url, "SELECT 1")


def test_postgres_is_version_18_and_listens_on_loopback_only(servers: Servers) -> None:
    rows = run(
        servers.postgres_url("airflow", "airflow"),
        "SELECT current_setting('server_version_num')::int / 10000, current_setting('listen_addresses')",
    )
    assert rows == [(18, "127.0.0.1")]


def test_mongo_transactions_commit_across_collections(settings: Settings) -> None:
    with pymongo.MongoClient[dict[str, int]](settings.mongo_url.get_secret_value()) as client:
        database = client.get_default_database()
        with client.start_session() as session, session.start_transaction():
            database.a.insert_one({"x": 1}, session=session)
            database.b.insert_one({"x": 2}, session=session)
        assert [database[name].count_documents({}) for name in "ab"] == [1, 1]


def test_mongo_refuses_a_client_without_password(servers: Servers) -> None:
    with (
        pymongo.MongoClient[dict[str, int]]("127.0.0.1", servers.mongo_port, directConnection=True) as client,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        client.brain.a.insert_one({"x": 1})


@pytest.mark.parametrize("database", ["brain", "admin", "config", "local", "another"])
def test_the_mongo_user_reads_and_writes_its_own_database_only(settings: Settings, database: str) -> None:
    with pymongo.MongoClient[dict[str, int]](settings.mongo_url.get_secret_value()) as client:
        for act in (
            lambda: client[database].a.insert_one({"x": 1}),
            lambda: client[database].a.find_one(),
            lambda: client.drop_database(database),
            lambda: client[database].command("usersInfo", 1),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                act()


def test_the_product_s_mongo_user_has_rights_on_its_database_only(servers: Servers) -> None:
    with servers.mongo.administrator(servers.mongo_port) as client:
        (user,) = client.admin.command("usersInfo", "brain")["users"]
    assert {(role["role"], role["db"]) for role in user["roles"]} == {("readWrite", "brain"), ("dbAdmin", "brain")}


def test_each_test_gets_empty_databases(settings: Settings) -> None:
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert run(settings.source_url.get_secret_value(), tables) == [(0,)]
    assert run(settings.warehouse_url.get_secret_value(), tables) == [(0,)]


def test_a_mongod_that_answers_on_the_port_is_not_taken_for_ours(
    servers: Servers, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours has its lock file and cannot listen, because another one was faster: it ends a moment later."""
    slow = home / "mongod"
    slow.write_text(
        '#!/bin/sh\nwhile [ "$1" != --dbpath ]; do shift; done\necho $$ > "$2/mongod.lock"\nsleep 2\nexit 48\n'
    )
    slow.chmod(0o755)
    monkeypatch.setattr(mongo, "_program", lambda: slow)
    monkeypatch.setattr(ports, "choose", lambda usual: servers.mongo_port)
    (home / "mongo" / "data").mkdir(parents=True)
    ours = Mongo(home, "root", "password", "key" * 8)
    with pytest.raises(EmbeddedServerError, match="a process that ended while starting"):
        ours._launch(servers.mongo_port)


def test_a_port_that_another_start_has_chosen_is_left_to_it_until_it_ends() -> None:
    with closing(socket.create_server((ports.LOOPBACK, 0))) as listener:
        free = listener.getsockname()[1]
    command = [sys.executable, "-c", f"from local import ports; print(ports.choose({free}), flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert int(other.stdout.readline()) == free
        assert ports.is_free(free)
        assert ports.choose(free) != free
        other.communicate("\n")
    assert ports.choose(free) == free
