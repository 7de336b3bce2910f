"""Databases and roles of the embedded PostgreSQL, with no more rights than each needs.

| database  | owner        | who else                                                  |
|-----------|--------------|-----------------------------------------------------------|
| market    | market_owner | brain_source reads every present and future table;        |
|           |              | brain_feedback connects: what it may is granted a table   |
| warehouse | brain_writer | bi_reader connects; it reads what brain_writer grants,    |
|           |              | within limits, and can stop no publication                |
| airflow   | airflow      | nobody                                                    |

A commit is on disk when it returns, except Airflow's: it commits all the time, and a power cut that takes the last half
second of what it knew makes it run a task again, which changes nothing.
"""

from __future__ import annotations

from contextlib import closing

import psycopg2
from psycopg2 import sql

from local.postgres import Postgres
from local.state import State

OWNERS = {"market": "market_owner", "warehouse": "brain_writer", "airflow": "airflow"}
READERS = {"market": "brain_source", "warehouse": "bi_reader"}
FEEDBACK, FEEDBACK_IN = "brain_feedback", "market"  # the Brain page writes as this one what people say of anomalies
FEEDBACK_CONNECTIONS = 20
# A click takes milliseconds; a session can lift these.
FEEDBACK_LIMITS = {
    "statement_timeout": "10s",
    "transaction_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "5s",
    "temp_file_limit": "10MB",
}
ROLES = (*OWNERS.values(), *READERS.values(), FEEDBACK)

MAINTENANCE = ("postgres", "template1")  # nobody but the superuser has work there, and no limit of ours holds there

# Of these a session can lift all but the last; brain_writer may end a session that is in its way for longer.
READER = "bi_reader"
READER_CONNECTIONS = 40
READER_LIMITS = {
    "statement_timeout": "60s",
    "transaction_timeout": "60s",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "10s",
    "temp_file_limit": "1GB",
}
# What anybody may call and no login of ours needs: large objects, locks that fill shared memory, messages that fill the
# log or the queue of notifications, and ending the sessions of others who share the login.
REVOKE_FUNCTIONS = """
DO $$ DECLARE function regprocedure; BEGIN
    FOR function IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND (
            proname ~ '^(lo_|lowrite$|loread$|pg_(try_)?advisory_)'
            OR proname IN ('pg_logical_emit_message', 'pg_notify', 'pg_terminate_backend', 'pg_cancel_backend'))
    LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function); END LOOP;
END $$
"""


def prepare_databases(postgres: Postgres, port: int, state: State) -> None:
    """Create what is missing and set every right anew; a second call changes nothing."""
    with closing(postgres.connect("postgres", port)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for role in ROLES:
            _ensure_role(cursor, role, state.password(role))
        _limit_reader(cursor)
        _limit_feedback(cursor)
        for database in MAINTENANCE:
            limit_database(cursor, database)
        for database, owner in OWNERS.items():
            _ensure_database(cursor, database, owner)
            limit_database(cursor, database, *visitors(database))
        cursor.execute("ALTER DATABASE airflow SET synchronous_commit = off")
    for database, owner in OWNERS.items():
        with closing(postgres.connect(database, port)) as connection, connection, connection.cursor() as cursor:
            _limit_schema(cursor, owner, *visitors(database))
            if database == "market":
                _open_future_tables(cursor, owner, READERS[database])
            if database in ("market", "warehouse"):
                _limit_functions(cursor, owner)


def visitors(database: str) -> tuple[str, ...]:
    """Who besides its owner may connect to a database."""
    return (*((READERS[database],) if database in READERS else ()), *((FEEDBACK,) if database == FEEDBACK_IN else ()))


def limit_database(cursor: psycopg2.extensions.cursor, database: str, *visiting: str) -> None:
    """Let only the owner and `visiting` connect; needed again for a copy of a database, which keeps no such rights."""
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    for role in visiting:
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        cursor.execute(grant.format(sql.Identifier(database), sql.Identifier(role)))


def copy_database(cursor: psycopg2.extensions.cursor, template: str, name: str) -> None:
    """Make `name`, with the tables and rights of `template`, a database that nobody is connected to."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy")
    cursor.execute(create.format(*(sql.Identifier(word) for word in (name, template, OWNERS[template]))))
    limit_database(cursor, name, *visitors(template))


def _ensure_role(cursor: psycopg2.extensions.cursor, role: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
    cursor.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %s").format(verb, sql.Identifier(role)),
        (password,),
    )
    if role in READERS.values():
        cursor.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(sql.Identifier(role)))


def _limit_reader(cursor: psycopg2.extensions.cursor) -> None:
    """Give the BI login its limits, in place of what it has set for itself; brain_writer may end its sessions."""
    role = sql.Identifier(READER)
    cursor.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(role))
    cursor.execute(
        "SELECT datname FROM pg_db_role_setting JOIN pg_database AS base ON base.oid = setdatabase"
        " WHERE setrole = %s::regrole",
        (READER,),
    )
    for (database,) in cursor.fetchall():
        cursor.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(role, sql.Identifier(database)))
    for name, value in {"default_transaction_read_only": "on", **READER_LIMITS}.items():
        cursor.execute(sql.SQL("ALTER ROLE {} SET {} = %s").format(role, sql.Identifier(name)), (value,))
    cursor.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT %s").format(role), (READER_CONNECTIONS,))
    writer = sql.Identifier(OWNERS["warehouse"])
    cursor.execute(sql.SQL("GRANT {} TO {} WITH INHERIT TRUE, SET FALSE").format(role, writer))


def _limit_feedback(cursor: psycopg2.extensions.cursor) -> None:
    role = sql.Identifier(FEEDBACK)
    for name, value in FEEDBACK_LIMITS.items():
        cursor.execute(sql.SQL("ALTER ROLE {} SET {} = %s").format(role, sql.Identifier(name)), (value,))
    cursor.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT %s").format(role), (FEEDBACK_CONNECTIONS,))


def _limit_functions(cursor: psycopg2.extensions.cursor, owner: str) -> None:
    cursor.execute(REVOKE_FUNCTIONS)
    end = sql.SQL("GRANT EXECUTE ON FUNCTION pg_terminate_backend(integer, bigint) TO {}")
    cursor.execute(end.format(sql.Identifier(owner)))


def _ensure_database(cursor: psycopg2.extensions.cursor, database: str, owner: str) -> None:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if not cursor.fetchone():
        create = sql.SQL("CREATE DATABASE {} OWNER {}")
        cursor.execute(create.format(sql.Identifier(database), sql.Identifier(owner)))


def _limit_schema(cursor: psycopg2.extensions.cursor, owner: str, *visiting: str) -> None:
    cursor.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(owner)))
    cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for role in visiting:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))


def _open_future_tables(cursor: psycopg2.extensions.cursor, owner: str, reader: str) -> None:
    for right, things in (("SELECT", "TABLES"), ("USAGE", "SCHEMAS")):
        cursor.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} ON {} TO {}").format(
                sql.Identifier(owner), sql.SQL(right), sql.SQL(things), sql.Identifier(reader)
            )
        )
