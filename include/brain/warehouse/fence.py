"""One writer at a time, and no older publication over a newer one.

Both stand in a row of a table that only its owner may touch. An advisory lock could be held by anybody who may log in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.errors import DuplicateObject, DuplicateTable, UniqueViolation

from brain.warehouse.connection import transaction
from brain.warehouse.statements import create
from brain.warehouse.tables import PUBLISHED_AT, Column, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.warehouse.tables import PublishedTable

FENCES = Layout(
    name="writer_fences",
    meaning="A row for all that one writer at a time may do. Only the writer may read it.",
    key=("work",),
    columns=(
        Column("work", "text", "What is written: the tables of a use case, or another table."),
        Column("newest", "timestamptz", "The newest moment published: an older one does not replace it."),
    ),
)


def hold(cursor: Cursor, work: str) -> None:
    """Keep other writers of `work` out until the transaction ends.

    Raises:
        TableBusy: Another one has been writing for longer than the lock timeout (raised by the transaction).
    """
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (FENCES.name,))
    ((exists,),) = cursor.fetchall()
    if not exists:
        _create(cursor)
    cursor.execute("INSERT INTO writer_fences (work) VALUES (%s) ON CONFLICT DO NOTHING", (work,))
    cursor.execute("SELECT FROM writer_fences WHERE work = %s FOR UPDATE", (work,))


def newest(cursor: Cursor, work: str, tables: Iterable[PublishedTable]) -> datetime | None:
    """The newest moment published; None if none was.

    Args:
        tables: Those of `work`: a warehouse of an earlier release has them, and no fence.
    """
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (FENCES.name,))
    ((exists,),) = cursor.fetchall()
    if exists:
        cursor.execute("SELECT newest FROM writer_fences WHERE work = %s AND newest IS NOT NULL", (work,))
        for (found,) in cursor.fetchall():
            return found  # type: ignore[no-any-return]
    return max(filter(None, (_last_published(cursor, table) for table in tables)), default=None)


def advance(cursor: Cursor, work: str, moment: Moment) -> None:
    """Remember that `moment` was published."""
    cursor.execute("UPDATE writer_fences SET newest = %s WHERE work = %s", (moment.at, work))


def set_back(cursor: Cursor, work: str, tables: Iterable[PublishedTable]) -> None:
    """Remember only what is still published as the newest moment."""
    left = max(filter(None, (_last_published(cursor, table) for table in tables)), default=None)
    cursor.execute("UPDATE writer_fences SET newest = %s WHERE work = %s", (left, work))


def newest_published(url: SecretStr, work: str, tables: Iterable[PublishedTable]) -> datetime | None:
    """As `newest`, in a transaction of its own."""
    with transaction(url) as connection, connection.cursor() as cursor:
        return newest(cursor, work, tables)


def _create(cursor: Cursor) -> None:
    cursor.execute("SAVEPOINT making")
    try:
        cursor.execute(create(FENCES))
    except (DuplicateObject, DuplicateTable, UniqueViolation):  # another writer was faster
        cursor.execute("ROLLBACK TO SAVEPOINT making")


def _last_published(cursor: Cursor, table: PublishedTable) -> datetime | None:
    name = table.layout.identifier
    cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (name,))
    ((exists,),) = cursor.fetchall()
    if not exists:
        return None
    latest = sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(PUBLISHED_AT), sql.Identifier(name))
    cursor.execute(latest)
    ((found,),) = cursor.fetchall()
    return found  # type: ignore[no-any-return]
