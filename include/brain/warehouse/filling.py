"""What a publication notes in a ledger: what nobody has said before about a key and a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.warehouse import ledger_statements as statements
from brain.warehouse.partitions import make_parts, year

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.core.moment import Moment
    from brain.warehouse.ledger import Ledger

_IS_EMPTY = sql.SQL("SELECT NOT EXISTS (SELECT FROM {})")


def prepare(cursor: Cursor, ledger: Ledger) -> None:
    """Make what a ledger has besides its table; where it is new, note what an earlier release has published."""
    for statement in statements.indexes(ledger):
        cursor.execute(statement)
    cursor.execute(_IS_EMPTY.format(sql.Identifier(ledger.layout.identifier)))
    history = ledger.table.history_layout
    if cursor.fetchall() == [(True,)] and history is not None:
        cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (history.identifier,))
        if cursor.fetchall() == [(True,)]:
            cursor.execute(statements.history_years(ledger))
            make_parts(cursor, ledger.layout, [year(number) for (number,) in cursor.fetchall()])
            cursor.execute(statements.fill_from_history(ledger))


def fill(cursor: Cursor, ledger: Ledger, moment: Moment, *, is_past: bool) -> int:
    """Note what is staged of the ledger's table and was not published before; how many rows were noted.

    Args:
        is_past: A newer moment was published, or it is a hindcast: readers have not seen these rows.
    """
    cursor.execute(statements.staged_years(ledger))
    make_parts(cursor, ledger.layout, [year(number) for (number,) in cursor.fetchall()])
    cursor.execute(statements.fill(ledger), {"published_at": moment.at, "hindcast": is_past})
    return int(cursor.rowcount)
