"""Questions to the warehouse: several in one read-only transaction, with answers as plain values."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

from brain.core.errors import QueryRefused
from brain.warehouse.connection import transaction
from brain.warehouse.read import AS_DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.warehouse.tables import Layout

# Compiling a query would take longer than answering it.
PATIENCE = "SET LOCAL statement_timeout = '20s'; SET LOCAL jit = off"
Record = dict[str, Any]


class Reader:
    """An open read-only transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def has(self, table: str) -> bool:
        """Whether there is a table or view of that name."""
        ((there,),) = self.rows("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", [table])
        return bool(there)

    def rows(self, query: str | sql.Composable, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer's rows.

        Args:
            values: Bound by the driver.
        """
        self._cursor.execute(query, tuple(values))
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def records(self, query: str | sql.Composable, values: Sequence[object] = ()) -> list[Record]:
        """The answer's rows by column name."""
        found = self.rows(query, values)
        names = [column.name for column in self._cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found]


@contextmanager
def reading(url: SecretStr) -> Iterator[Reader]:
    """A read-only transaction: all of its answers are of one state of the tables.

    Raises:
        ServerUnreachable: Nothing answers, or the connection was cut.
        CredentialsRejected: The login was refused.
        QueryRefused: A table is not what this release reads, the login may not read it, or it takes too long.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(AS_DECLARED)
        cursor.execute(PATIENCE)
        try:
            yield Reader(cursor)
        except (psycopg2.ProgrammingError, psycopg2.DataError, psycopg2.errors.QueryCanceled) as error:
            raise QueryRefused(
                "the published tables",
                found=str(error).strip().splitlines()[0],
                expected="the tables of this release, and a login that may read them",
                remedy="Publish again, which brings the tables up to date, or look at `brain doctor`.",
            ) from error


def filled(url: SecretStr, tables: Sequence[Layout]) -> frozenset[str]:
    """Names of those of some tables that have a row.

    Raises:
        BrainError: The warehouse does not answer, or a table cannot be read.
    """
    with reading(url) as reader:
        there = [table for table in tables if reader.has(table.identifier)]
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})")
        return frozenset(
            table.name for table in there if reader.rows(query.format(sql.Identifier(table.identifier))) == [(True,)]
        )
