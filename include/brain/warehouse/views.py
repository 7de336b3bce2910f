"""Views for people who ask in SQL, declared once: made, commented, and replaced only where they have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import errors as pg
from psycopg2 import sql

from brain.core.errors import PublishError
from brain.warehouse.evolution import grant_read
from brain.warehouse.statements import COMMA
from brain.warehouse.tables import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.warehouse.tables import Column

_SAME = "SELECT coalesce(pg_get_viewdef(to_regclass(quote_ident(%s))) = pg_get_viewdef(to_regclass(%s)), false)"
_DECLARED = "declared_view"
MARK = "Brain made this view and replaces it."  # ends the comment of each: nothing without it is dropped
_FOUND = (
    "SELECT relkind = 'v', coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class"
    " WHERE oid = to_regclass(quote_ident(%s))"
)


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
    """Make the views what is declared; one that is the same is not touched, because replacing it locks readers out.

    Raises:
        PublishError: Something of somebody else has the name of a view, or needs one that has to be replaced.
    """
    for view in views:
        cursor.execute("SELECT bool_and(to_regclass(quote_ident(name)) IS NOT NULL) FROM unnest(%s) AS needed (name)",
                       (list(view.needs),))  # fmt: skip
        if cursor.fetchall() == [(True,)]:
            _show(cursor, view)


def hide(cursor: Cursor, views: Sequence[View]) -> None:
    """Drop the views: tables that they read are about to go.

    Raises:
        PublishError: Something of somebody else has the name of a view, or needs one of them.
    """
    if views:
        _drop(cursor, views)


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
        _drop(cursor, [view])
        cursor.execute(made.format(sql.SQL("CREATE"), name, columns, view.select))
        grant_read(cursor, view.name)
    cursor.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(f"{view.meaning} {MARK}")))
    for column in view.columns:
        comment = sql.SQL("COMMENT ON COLUMN {}.{} IS {}")
        cursor.execute(comment.format(name, sql.Identifier(column.name), sql.Literal(column.meaning)))


def _drop(cursor: Cursor, views: Sequence[View]) -> None:
    for view in views:
        _require_ours(cursor, view)
    listed = COMMA.join(sql.Identifier(view.name) for view in views)
    try:
        cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(listed))
    except pg.DependentObjectsStillExist as error:
        raise PublishError(
            "views of the warehouse",
            found=f"others that need them ({'; '.join(str(error.diag.message_detail).splitlines())})",
            expected="nothing in the way of replacing our own",
            remedy="Drop what needs them, run this again, and then make it again.",
        ) from error


def _require_ours(cursor: Cursor, view: View) -> None:
    cursor.execute(_FOUND, (view.name,))
    found = cursor.fetchone()
    if found is None or (found[0] and (found[1] == view.meaning or found[1].endswith(MARK))):
        return
    raise PublishError(
        f"view {view.name}",
        found=f"{'a view' if found[0] else 'a table or the like'} of that name that Brain has not made",
        expected="the name to be free",
        remedy="It was left as it is. Rename it, and run this again.",
    )
