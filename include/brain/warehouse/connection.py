"""Connections to the warehouse, with errors that say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import errors as pg
from sqlalchemy.engine import make_url

from brain.core.errors import CredentialsRejected, ServerUnreachable, TableBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812
    from pydantic import SecretStr

CONNECT_SECONDS = 10
REJECTIONS = ("password authentication failed", "no password supplied", "no pg_hba.conf entry")


@contextmanager
def transaction(url: SecretStr) -> Iterator[Connection]:
    """A connection whose work is committed at the end, or not at all.

    Raises:
        ServerUnreachable: Nothing answers, or the connection was cut; nothing was committed.
        CredentialsRejected: The login was refused.
        TableBusy: A lock was not to be had.
    """
    parts = make_url(url.get_secret_value())
    where = f"{parts.host or 'localhost'}:{parts.port or 5432}/{parts.database}"
    try:
        connection = psycopg2.connect(
            host=parts.host,
            port=parts.port,
            user=parts.username,
            password=parts.password,
            dbname=parts.database,
            connect_timeout=CONNECT_SECONDS,
            options="-c timezone=UTC -c lock_timeout=60s",
            **dict(parts.query),
        )
    except psycopg2.OperationalError as error:
        raise _refused(where, str(parts.username), error) from None
    try:
        with connection:
            yield connection
    except pg.LockNotAvailable as error:
        raise TableBusy(
            where,
            found="another session has held a lock on the table for too long",
            expected="the lock to be free within a minute",
            remedy="Look for long transactions in pg_stat_activity; the next try publishes the same rows.",
        ) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise ServerUnreachable(
            where,
            found=f"the connection was lost ({_first_line(error)})",
            expected="PostgreSQL to answer until the commit",
            remedy="Nothing was changed; try again.",
        ) from error
    finally:
        connection.close()


def _refused(where: str, user: str, error: psycopg2.OperationalError) -> ServerUnreachable | CredentialsRejected:
    if any(words in str(error) for words in REJECTIONS):
        return CredentialsRejected(
            where,
            found=f"the login of {user} was refused",
            expected="a role and password that PostgreSQL accepts",
            remedy="Correct BRAIN_WAREHOUSE_URL or the Airflow Connection brain_warehouse.",
        )
    return ServerUnreachable(
        where,
        found=f"no connection ({_first_line(error)})",
        expected="PostgreSQL listening there",
        remedy="Start it (`brain up` for the embedded one) or correct BRAIN_WAREHOUSE_URL.",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
