"""Connections to the warehouse, with errors that say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import errors as pg
from sqlalchemy.engine import make_url

from brain.core.connections import reason_of, refusal, server_of
from brain.core.errors import ServerUnreachable, TableBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812
    from pydantic import SecretStr

CONNECT_SECONDS = 10
LOCK_SECONDS = 60
IN_A_CIRCLE = "this session and another one waited for each other's locks"
# What was published stays published, also on a server that otherwise answers before the commit is on disk.
SESSION = "-c timezone=UTC -c synchronous_commit=on"
_SETTING = "BRAIN_WAREHOUSE_URL or the Airflow Connection brain_warehouse"


@contextmanager
def transaction(url: SecretStr, setting: str = _SETTING) -> Iterator[Connection]:
    """A connection whose work is committed at the end, or not at all.

    Args:
        setting: Where the URL comes from, for the remedy.

    Raises:
        ServerUnreachable: Nothing answers, or the connection was cut; nothing was committed.
        CredentialsRejected: The login was refused.
        TableBusy: A lock was not to be had, or two sessions waited for each other.
    """
    parts = make_url(url.get_secret_value())
    try:
        connection = psycopg2.connect(
            host=parts.host,
            port=parts.port,
            user=parts.username,
            password=parts.password,
            dbname=parts.database,
            connect_timeout=CONNECT_SECONDS,
            options=f"{SESSION} -c lock_timeout={LOCK_SECONDS}s",
            **dict(parts.query),
        )
    except psycopg2.OperationalError as error:
        raise refusal(error, parts, setting) from None
    try:
        with connection:
            yield connection
    except pg.LockNotAvailable as error:
        raise TableBusy(
            server_of(parts),
            found="another session has held a lock on the table for too long",
            expected="the lock to be free within a minute",
            remedy="Look for long transactions in pg_stat_activity; the next try publishes the same rows.",
        ) from error
    except pg.DeadlockDetected as error:
        raise TableBusy(
            server_of(parts),
            found=IN_A_CIRCLE,
            expected="one session at a time to lock its tables",
            remedy="Nothing was changed; try again. The server's log names the statements of both.",
        ) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise ServerUnreachable(
            server_of(parts),
            found=f"the connection was lost ({reason_of(error, parts)})",
            expected="PostgreSQL to answer until the commit",
            remedy="Nothing was changed; try again.",
        ) from error
    finally:
        connection.close()
