"""Rows that a publication adds to a table, told to people: noted in the transaction that shows the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brain.warehouse import statements
from brain.warehouse.notices import note_events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.warehouse.notices import Place, Problem
    from brain.warehouse.tables import PublishedTable


@dataclass(frozen=True)
class News:
    """How a row that a table did not have is told.

    Args:
        of_row: What people are told of a row, by column, at the run's moment; None where it is no news, such as one of
            long ago. Its subject names the row, so that it is told once.
        picture: A PNG of what a subject is about, drawn from the warehouse when it is told; None draws none.
    """

    of_row: Callable[[Mapping[str, object], Moment], Problem | None]
    picture: Callable[[SecretStr, Place], bytes | None] | None = None


def new_rows(cursor: Cursor, table: PublishedTable) -> list[dict[str, object]]:
    """The staged rows with a value whose key the table does not have yet."""
    cursor.execute(statements.added(table))
    return [dict(zip(table.row_names, row, strict=True)) for row in cursor.fetchall()]


def tell_news(cursor: Cursor, news: News, rows: list[dict[str, object]], moment: Moment) -> int:
    """Note what is new, for whoever delivers it; how many notices were written."""
    told = (news.of_row(row, moment) for row in rows)
    return note_events(cursor, moment, [problem for problem in told if problem is not None])
