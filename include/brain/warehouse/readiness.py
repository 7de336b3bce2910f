"""Tables and views before anything is in them: whoever connects first finds them empty, commented and readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import ProgrammingError

from brain.core.errors import PublishError
from brain.warehouse.connection import transaction
from brain.warehouse.refusal import explained
from brain.warehouse.upgrade import upgrade
from brain.warehouse.views import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.warehouse.tables import Layout
    from brain.warehouse.views import View

_MISSING = "SELECT name FROM unnest(%s) AS asked (name) WHERE to_regclass(quote_ident(name)) IS NULL"


def make_missing(url: SecretStr, work: str, layouts: Sequence[Layout], views: Sequence[View]) -> tuple[str, ...]:
    """Make what is not there; what is there is left to the publication and the evaluation, which bring it up to date.

    Args:
        work: What is fenced: see `brain.warehouse.fence`.

    Returns:
        The names of what was made, in the order in which it was given.

    Raises:
        PublishError: Something of somebody else has one of the names, or the role may not make tables.
        TableBusy: Another session holds a lock on a table.
    """
    names = {**{layout.identifier: layout.name for layout in layouts}, **{view.name: view.name for view in views}}
    with transaction(url) as connection, connection.cursor() as cursor:
        lacking = _missing(cursor, names)
    if not lacking:
        return ()
    with explained():
        if new := [layout for layout in layouts if layout.identifier in lacking]:
            upgrade(url, work, new)
        with transaction(url) as connection, connection.cursor() as cursor:
            _show(cursor, [view for view in views if view.name in lacking])
            lacking -= _missing(cursor, lacking)
    return tuple(name for identifier, name in names.items() if identifier in lacking)


def _show(cursor: Cursor, views: Sequence[View]) -> None:
    try:
        show(cursor, views)
    except ProgrammingError as error:
        raise PublishError(
            "views of the warehouse",
            found=str(error).strip().splitlines()[0],
            expected="the tables that they read, as this release declares them",
            remedy="Rename what is there instead of such a table, and run this again.",
        ) from error


def _missing(cursor: Cursor, names: Iterable[str]) -> set[str]:
    cursor.execute(_MISSING, (list(names),))
    return {name for (name,) in cursor.fetchall()}
