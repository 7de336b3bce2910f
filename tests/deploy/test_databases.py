"""The scripts that prepare the deployed servers, run on real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pymongo
import pytest
from psycopg2 import errors, sql
from pymongo.errors import OperationFailure

from local import ports, process
from local.databases import ROLES
from local.mongo import Mongo
from local.postgres import Postgres
from tests.deploy.prepared import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servers import Servers

ROOT = Path(__file__).parents[2]
INIT_MONGO = ROOT / "deploy" / "mongo" / "init.py"

ROLE_RIGHTS = """
SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
       (SELECT setconfig FROM pg_db_role_setting WHERE setrole = pg_roles.oid),
       (SELECT array_agg(ARRAY[roleid::regrole::text, inherit_option::text, set_option::text, admin_option::text])
        FROM pg_auth_members WHERE member = pg_roles.oid)
FROM pg_roles WHERE rolname = ANY(%s) ORDER BY rolname
"""
DATABASE_RIGHTS = """
SELECT datname, pg_get_userbyid(datdba), datacl::text FROM pg_database WHERE datname = ANY(%s) ORDER BY datname
"""
SCHEMA_RIGHTS = """
SELECT pg_get_userbyid(nspowner), nspacl::text,
       (SELECT array_agg(defaclobjtype::text || defaclacl::text ORDER BY defaclobjtype) FROM pg_default_acl),
       (SELECT array_agg(oid::regprocedure::text || proacl::text ORDER BY oid) FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proacl IS NOT NULL)
FROM pg_namespace WHERE nspname = 'public'
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="brain-deploy-") as name:
        path = Path(name)
        path.chmod(0o711)  # PostgreSQL runs under another account when the tests run as root
        yield path


@pytest.fixture(scope="module")
def deployed(folder: Path, made: Path, secrets: dict[str, str]) -> Iterator[tuple[Postgres, int]]:
    """A cluster prepared by deploy/postgres/init.sql, twice, as after a change of passwords."""
    cluster = Postgres(folder / ".brain", secrets["postgres_password"], durable=False)
    port = cluster.start(ports.choose(45433))
    try:
        for _ in range(2):
            prepare(cluster, port, made / "secrets")
        yield cluster, port
    finally:
        cluster.stop()
        cluster.remove()


def _rows(cluster: Postgres, port: int, database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(cluster.connect(database, port)) as connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def test_roles_are_those_of_the_embedded_server(deployed: tuple[Postgres, int], servers: Servers) -> None:
    roles = list(ROLES)
    expected = _rows(servers.postgres, servers.postgres_port, "postgres", ROLE_RIGHTS, roles)
    assert len(expected) == 6
    assert _rows(*deployed, "postgres", ROLE_RIGHTS, roles) == expected


def test_databases_open_for_the_same_roles(deployed: tuple[Postgres, int], servers: Servers) -> None:
    names = ["market", "warehouse", "airflow"]
    expected = _rows(servers.postgres, servers.postgres_port, "postgres", DATABASE_RIGHTS, names)
    assert len(expected) == 3
    assert _rows(*deployed, "postgres", DATABASE_RIGHTS, names) == expected


@pytest.mark.parametrize("database", ["market", "warehouse", "airflow"])
def test_schemas_give_the_same_rights(deployed: tuple[Postgres, int], servers: Servers, database: str) -> None:
    expected = _rows(servers.postgres, servers.postgres_port, database, SCHEMA_RIGHTS)
    assert _rows(*deployed, database, SCHEMA_RIGHTS) == expected


def test_no_role_is_made_besides_metabase(deployed: tuple[Postgres, int]) -> None:
    found = _rows(*deployed, "postgres", "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")
    assert {name for (name,) in found} == {*ROLES, "metabase", "postgres"}


def test_the_image_is_the_major_version_that_is_tested(
    deployed: tuple[Postgres, int], services: dict[str, dict[str, Any]]
) -> None:
    ((version,),) = _rows(*deployed, "postgres", "SHOW server_version_num")
    assert services["postgres"]["image"] == f"postgres:{int(version) // 10_000}"


@pytest.mark.parametrize(
    ("role", "secret", "database"),
    [
        ("market_owner", "market_owner_password", "market"),
        ("brain_source", "brain_source_password", "market"),
        ("brain_feedback", "brain_feedback_password", "market"),
        ("brain_writer", "brain_writer_password", "warehouse"),
        ("bi_reader", "bi_reader_password", "warehouse"),
        ("airflow", "airflow_db_password", "airflow"),
        ("metabase", "metabase_db_password", "metabase"),
    ],
)
def test_a_role_logs_in_with_its_password_and_no_other(
    deployed: tuple[Postgres, int], secrets: dict[str, str], role: str, secret: str, database: str
) -> None:
    address = {"host": ports.LOOPBACK, "port": deployed[1], "dbname": database, "user": role}
    with closing(psycopg2.connect(**address, password=secrets[secret])) as connection:
        assert connection.info.user == role
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**address, password=role)


@pytest.mark.parametrize(
    "name", ["brain_source_url", "brain_warehouse_url", "brain_reader_url", "brain_feedback_url", "brain_demo_url"]
)
def test_a_derived_url_logs_in(deployed: tuple[Postgres, int], secrets: dict[str, str], name: str) -> None:
    url = secrets[name].replace("@postgres:5432/", f"@{ports.LOOPBACK}:{deployed[1]}/")
    with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        assert connection.info.user == url.split("//")[1].split(":")[0]


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_password_stops_the_script(
    deployed: tuple[Postgres, int], made: Path, tmp_path: Path, content: str | None
) -> None:
    """Rather than make a role without one; and neither the message nor the server's log tells the others."""
    files = tmp_path / "secrets"
    shutil.copytree(made / "secrets", files)
    (files / "bi_reader_password").unlink()
    if content is not None:
        (files / "bi_reader_password").write_text(content)
    with pytest.raises(AssertionError, match="a file of a password is missing or empty") as caught:
        prepare(*deployed, files)
    log = deployed[0].log.read_text(errors="replace")
    for path in files.iterdir():
        assert not path.read_text().strip() or path.read_text() not in str(caught.value) + log, path.name
    assert "a file of a password is missing or empty" in log


def test_a_changed_password_is_taken_over(deployed: tuple[Postgres, int], made: Path, tmp_path: Path) -> None:
    files, port = tmp_path / "secrets", deployed[1]
    shutil.copytree(made / "secrets", files)
    (files / "metabase_db_password").write_text("changed by an editor\n")
    try:
        prepare(*deployed, files)
        address = {"host": ports.LOOPBACK, "port": port, "dbname": "metabase", "user": "metabase"}
        psycopg2.connect(**address, password="changed by an editor").close()
    finally:
        prepare(*deployed, made / "secrets")


@pytest.fixture(scope="module")
def mongo(folder: Path, made: Path, secrets: dict[str, str]) -> Iterator[int]:
    """A mongod as the image leaves it after its first start: an administrator, no replica set yet."""
    server = Mongo(folder / "mongo", secrets["mongo_root_password"], "unused", "5ecade")
    server._prepare()
    port = ports.choose(47017)
    try:
        _make_administrator(server, port, secrets["mongo_root_password"])
        server._launch(port)
        for _ in range(2):
            _run_init(port, made / "secrets")
        yield port
    finally:
        server.stop()


def _make_administrator(server: Mongo, port: int, password: str) -> None:
    from local.mongo import _program

    command: list[str | Path] = [_program(), "--dbpath", server.data, "--port", str(port), "--bind_ip", ports.LOOPBACK]
    server.log.parent.mkdir(parents=True, exist_ok=True)
    process.spawn([*command, "--nounixsocket"], server.log)
    with pymongo.MongoClient[dict[str, Any]](ports.LOOPBACK, port, directConnection=True) as client:
        client.admin.command("createUser", "root", pwd=password, roles=["root"])
    server.stop()


def _run_init(port: int, files: Path) -> None:
    names = {f"{name}_FILE": str(files / name.lower()) for name in ("MONGO_ROOT_PASSWORD", "MONGO_BRAIN_PASSWORD")}
    environment = {**os.environ, **names, "MONGO_HOST": f"{ports.LOOPBACK}:{port}"}
    done = subprocess.run([sys.executable, str(INIT_MONGO)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _client(port: int, secrets: dict[str, str]) -> pymongo.MongoClient[dict[str, Any]]:
    return pymongo.MongoClient(secrets["brain_mongo_url"].replace("@mongo:27017/", f"@{ports.LOOPBACK}:{port}/"))


def test_the_pipeline_writes_in_a_transaction_by_the_deployed_url(mongo: int, secrets: dict[str, str]) -> None:
    with _client(mongo, secrets) as client:
        models = client.get_default_database()["models"]
        models.create_index("key", unique=True)
        with client.start_session() as session, session.start_transaction():
            models.insert_one({"key": 1}, session=session)
        assert models.count_documents({}) == 1


def test_the_pipeline_may_not_write_elsewhere(mongo: int, secrets: dict[str, str]) -> None:
    with (
        _client(mongo, secrets) as client,
        pytest.raises(OperationFailure, match="not authorized"),
    ):
        client["elsewhere"]["models"].insert_one({"key": 1})


def test_nobody_enters_without_a_password(mongo: int) -> None:
    with (
        pymongo.MongoClient[dict[str, Any]](ports.LOOPBACK, mongo, directConnection=True) as client,
        pytest.raises(OperationFailure, match="authentication"),
    ):
        client["brain"]["models"].find_one()


LOGINS = {  # role: its password's file, and the databases it may enter
    "market_owner": ("market_owner_password", {"market"}),
    "brain_source": ("brain_source_password", {"market"}),
    "brain_feedback": ("brain_feedback_password", {"market"}),
    "brain_writer": ("brain_writer_password", {"warehouse"}),
    "bi_reader": ("bi_reader_password", {"warehouse"}),
    "airflow": ("airflow_db_password", {"airflow"}),
    "metabase": ("metabase_db_password", {"metabase"}),
}
DATABASES = ("market", "warehouse", "airflow", "metabase", "postgres", "template1")
BEYOND = (
    "CREATE ROLE another LOGIN",
    "CREATE DATABASE another",
    "ALTER ROLE postgres PASSWORD 'known'",
    "ALTER ROLE market_owner SUPERUSER",
    "GRANT pg_execute_server_program TO CURRENT_USER",
    "SET ROLE postgres",
    "SET ROLE bi_reader",
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO '/tmp/written-by-a-role'",
    "SELECT pg_read_file('pg_hba.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT rolpassword FROM pg_authid",
    "ALTER SYSTEM SET log_statement = 'all'",
    "SELECT pg_reload_conf()",
    "SELECT pg_stat_file('postgresql.conf')",
)


@contextmanager
def inside(deployed: tuple[Postgres, int], secrets: dict[str, str], role: str) -> Iterator[Any]:
    """A cursor in the one database that a role may enter."""
    secret, (database,) = LOGINS[role]
    address = {"host": ports.LOOPBACK, "port": deployed[1], "user": role, "password": secrets[secret]}
    with closing(psycopg2.connect(**address, dbname=database)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


@pytest.mark.parametrize("role", LOGINS)
def test_a_role_enters_its_own_databases_and_no_other(
    deployed: tuple[Postgres, int], secrets: dict[str, str], role: str
) -> None:
    """What docs/security.md says of each."""
    secret, own = LOGINS[role]
    address = {"host": ports.LOOPBACK, "port": deployed[1], "user": role, "password": secrets[secret]}
    entered = set()
    for database in DATABASES:
        try:
            psycopg2.connect(**address, dbname=database).close()
            entered.add(database)
        except psycopg2.OperationalError as error:
            assert "permission denied for database" in str(error)
    assert entered == own


@pytest.mark.parametrize("role", LOGINS)
def test_a_role_may_do_nothing_beyond_its_databases(
    deployed: tuple[Postgres, int], secrets: dict[str, str], role: str
) -> None:
    with inside(deployed, secrets, role) as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        for attempt in BEYOND:
            if attempt == f"SET ROLE {role}":
                continue
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(attempt)
                pytest.fail(f"{role} may {attempt}")


def test_the_source_and_the_reader_write_nothing_in_their_own_database(
    deployed: tuple[Postgres, int], secrets: dict[str, str]
) -> None:
    for role, owner in (("brain_source", "market_owner"), ("bi_reader", "brain_writer")):
        (secret, (database,)), (owners, _) = LOGINS[role], LOGINS[owner]
        address = {"host": ports.LOOPBACK, "port": deployed[1], "dbname": database}
        login = {**address, "user": owner, "password": secrets[owners]}
        with closing(psycopg2.connect(**login)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 1 AS one")
            cursor.execute(sql.SQL("GRANT SELECT ON kept TO {}").format(sql.Identifier(role)))
        with closing(psycopg2.connect(**address, user=role, password=secrets[secret])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SET default_transaction_read_only = off")
                for attempt in (
                    "INSERT INTO kept VALUES (2)",
                    "UPDATE kept SET one = 2",
                    "DELETE FROM kept",
                    "TRUNCATE kept",
                    "DROP TABLE kept",
                    "CREATE TABLE public.mine (x integer)",
                    "CREATE RULE quiet AS ON INSERT TO kept DO INSTEAD NOTHING",
                ):
                    with pytest.raises(errors.InsufficientPrivilege):
                        cursor.execute(attempt)
                cursor.execute("SELECT one FROM kept")
                assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("role", ["brain_feedback", "bi_reader"])
def test_a_login_of_people_takes_no_space_and_no_lock_that_outlives_it(
    deployed: tuple[Postgres, int], secrets: dict[str, str], role: str
) -> None:
    with inside(deployed, secrets, role) as cursor:
        for attempt in ("SELECT lo_create(0)", "SELECT pg_advisory_lock(1)", "SELECT pg_notify('any', 'word')"):
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(attempt)
        cursor.execute("SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')")
        assert "0" not in cursor.fetchall()[0]
