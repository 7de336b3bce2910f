"""What the demo `anomalies` adds to real bars: one bad day, and a table in which people say what they think of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from psycopg2 import sql
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError

from brain.core.connections import refusal
from brain.demo.bars import hourly_bars

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

ANOMALIES = "anomalies"
FEEDBACK = "anomaly_feedback"
SAYS = "brain_feedback"  # the role that may write what people say
BAD_TICK, BAD_DAY = "2017-12-26 22:00", "2017-12-28"  # what was planted: `spoiled`


def spoiled() -> pd.DataFrame:
    """The real bars with a close that is off by one percent, and a day on which it is stuck from 9:00 to 17:00.

    Raises:
        ExtraNotInstalled: The package that carries them is missing.
    """
    found = hourly_bars()
    at = found["at"]
    off = at == pd.Timestamp(BAD_TICK, tz="UTC")
    found.loc[off, ["close", "low"]] *= 0.99
    stuck = at.between(pd.Timestamp(f"{BAD_DAY} 09:00", tz="UTC"), pd.Timestamp(f"{BAD_DAY} 17:00", tz="UTC"))
    last = found.loc[at == pd.Timestamp(f"{BAD_DAY} 08:00", tz="UTC"), "close"].iloc[0]
    for name in ("open", "high", "low", "close"):
        found.loc[stuck, name] = last
    return found


def make_feedback(url: str) -> None:
    """Make the table of feedback, empty; one that is there keeps what is in it.

    Args:
        url: SQLAlchemy URL of a role that may create tables.

    Raises:
        ServerUnreachable: Nothing answers at the address.
    """
    engine = create_engine(make_url(url))
    try:
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor() as cursor:
                _make(cursor)
    except OperationalError as error:
        raise refusal(error, engine.url, "the URL") from None
    finally:
        engine.dispose()


def _make(cursor: Cursor) -> None:
    table = sql.Identifier(FEEDBACK)
    columns = sql.SQL("anomaly text PRIMARY KEY, verdict text, note text, said_by text, said_at timestamptz")
    cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(table, columns))
    for column, kind in (("said_by", "text"), ("said_at", "timestamptz")):  # an earlier release made none of these
        add = sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}")
        cursor.execute(add.format(table, sql.Identifier(column), sql.SQL(kind)))
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (SAYS,))
    if cursor.fetchall():  # on the embedded server and that of the compose file: the Brain page writes as this role
        # Not the whole table's UPDATE: who has it may lock the table, and runs would wait.
        cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(table, sql.Identifier(SAYS)))
        grant = sql.SQL("GRANT SELECT, INSERT, UPDATE (verdict, note, said_by, said_at) ON {} TO {}")
        cursor.execute(grant.format(table, sql.Identifier(SAYS)))
