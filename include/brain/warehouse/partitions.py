"""The parts of a table whose rows are kept apart by year or by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from psycopg2 import sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.warehouse.tables import Layout

_KIND = "SELECT relkind FROM pg_class WHERE oid = to_regclass(quote_ident(%s))"
_PARTS = (
    "SELECT part.relname FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid"
    " WHERE inhparent = to_regclass(quote_ident(%s))"
)


@dataclass(frozen=True, order=True)
class Part:
    """Rows from one day up to another.

    Args:
        first: The first day.
        end: The day after the last one.
        name: What is put after the table's name.
    """

    first: date
    end: date
    name: str


def year(number: int) -> Part:
    """The part for a year."""
    return Part(date(number, 1, 1), date(number + 1, 1, 1), f"{number:04d}")


def month(day: date) -> Part:
    """The part for the month of a day."""
    first = day.replace(day=1)
    end = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Part(first, end, f"{first:%Y_%m}")


def make_parts(cursor: Cursor, layout: Layout, parts: Iterable[Part]) -> None:
    """Make the parts that are not there yet; readers are not in the way, nor kept out.

    A part is made by itself and then attached, which takes no lock that a reader would wait for. A table that somebody
    has put in the place of the divided one is left as it is. A time with a zone is divided in the session's, UTC.
    """
    cursor.execute(_KIND, (layout.identifier,))
    if cursor.fetchall() != [("p",)]:
        return
    there = part_names(cursor, layout)
    table = sql.Identifier(layout.identifier)
    for part in sorted(set(parts)):
        name = f"{layout.identifier}_{part.name}"
        if name in there:
            continue
        like = "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        cursor.execute(sql.SQL(like).format(sql.Identifier(name), table))
        attach = "ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
        bounds = (sql.Literal(str(day)) for day in (part.first, part.end))
        cursor.execute(sql.SQL(attach).format(table, sql.Identifier(name), *bounds))


def part_names(cursor: Cursor, layout: Layout) -> set[str]:
    """Names of the parts that are there."""
    cursor.execute(_PARTS, (layout.identifier,))
    return {name for (name,) in cursor.fetchall()}
