"""The parts of a table whose rows are kept apart by year."""

from __future__ import annotations

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


def make_parts(cursor: Cursor, layout: Layout, years: Iterable[int]) -> None:
    """Make the parts for some years that are not there yet; readers are not in the way, nor kept out.

    A part is made by itself and then attached, which takes no lock that a reader would wait for. A table that somebody
    has put in the place of the divided one is left as it is.
    """
    cursor.execute(_KIND, (layout.identifier,))
    if cursor.fetchall() != [("p",)]:
        return
    cursor.execute(_PARTS, (layout.identifier,))
    there = {name for (name,) in cursor.fetchall()}
    table = sql.Identifier(layout.identifier)
    for year in sorted(set(years)):
        name = f"{layout.identifier}_{year:04d}"
        if name in there:
            continue
        part, first, end = sql.Identifier(name), f"{year:04d}-01-01", f"{year + 1:04d}-01-01"
        like = "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        cursor.execute(sql.SQL(like).format(part, table))
        attach = "ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
        cursor.execute(sql.SQL(attach).format(table, part, sql.Literal(first), sql.Literal(end)))
