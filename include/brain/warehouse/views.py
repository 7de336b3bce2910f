"""Views for people who ask in SQL, declared once: made, commented, and replaced only where they have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.warehouse.evolution import grant_read
from brain.warehouse.statements import COMMA
from brain.warehouse.tables import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.warehouse.tables import Column

_SAME = "SELECT coalesce(pg_get_viewdef(to_regclass(quote_ident(%s))) = pg_get_viewdef(to_regclass(%s)), false)"
_DECLARED = "declared_view"


@dataclass(frozen=True)
class View:
    """A view over tables of the warehouse.

    Args:
        name: Unquoted in SQL, so in lower case.
        meaning: For people: its comment, and its line in docs/tables.md.
        columns: In the order of `select`.
        select: Gives `columns`.
        needs: Names of the tables that it reads: it is left out while one of them is not there.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    select: sql.Composable
    needs: tuple[str, ...]


def show(cursor: Cursor, views: Iterable[View]) -> None:
    """Make the views what is declared; one that is the same is not touched, because replacing it locks readers out."""
    for view in views:
        cursor.execute("SELECT bool_and(to_regclass(quote_ident(name)) IS NOT NULL) FROM unnest(%s) AS needed (name)",
                       (list(view.needs),))  # fmt: skip
        if cursor.fetchall() == [(True,)]:
            _show(cursor, view)


def hide(cursor: Cursor, views: Sequence[View]) -> None:
    """Drop the views: tables that they read are about to go."""
    if views:
        listed = COMMA.join(sql.Identifier(view.name) for view in views)
        cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(listed))


def describe_view(view: View) -> str:
    """A view as Markdown."""
    lines = [f"| `{spelled(column.name)}` | {column.type} | {column.meaning} |" for column in view.columns]
    table = "\n".join(("| column | type | meaning |", "|---|---|---|", *lines))
    return f"## {view.name}\n\n{view.meaning}\n\nA view.\n\n{table}"


def _show(cursor: Cursor, view: View) -> None:
    name = sql.Identifier(view.name)
    columns = COMMA.join(sql.Identifier(column.name) for column in view.columns)
    made = sql.SQL("{} VIEW {} ({}) AS {}")
    declared = sql.Identifier(_DECLARED)
    cursor.execute(made.format(sql.SQL("CREATE TEMPORARY"), declared, columns, view.select))
    cursor.execute(_SAME, (view.name, f"pg_temp.{_DECLARED}"))
    ((same,),) = cursor.fetchall()
    cursor.execute(sql.SQL("DROP VIEW pg_temp.{}").format(declared))
    if not same:
        cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(name))
        cursor.execute(made.format(sql.SQL("CREATE"), name, columns, view.select))
        grant_read(cursor, view.name)
    cursor.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(view.meaning)))
    for column in view.columns:
        comment = sql.SQL("COMMENT ON COLUMN {}.{} IS {}")
        cursor.execute(comment.format(name, sql.Identifier(column.name), sql.Literal(column.meaning)))
