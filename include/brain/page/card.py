"""What the warehouse says of one cell: its published row, what came true of it, its past, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.core.errors import ModelNotFound
from brain.page.reading import reading
from brain.warehouse.ledger import HINDCAST, OUTCOME
from brain.warehouse.pools import POOLS
from brain.warehouse.statements import COMMA

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.page.reading import Reader, Record
    from brain.usecases.page import Grid

MOST_DAYS = 1_500  # that are drawn


def card(url: SecretStr, use_case: str, page: Grid, unit: str, target: str) -> dict[str, Any]:
    """Everything that is published of a cell.

    Args:
        target: As text, whatever type its column has.

    Raises:
        ModelNotFound: No such cell is published.
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        row = _row(reader, page, unit, target)
        key = [row[page.unit], row[page.target]]
        return {
            "words": vars(page.words),
            "unit": key[0],
            "target": key[1],
            "value": row[page.table.value],
            "base": row[page.base],
            "claims": row[page.claim],
            "columns": [
                {"name": column.name, "value": row[column.identifier], "meaning": column.meaning}
                for column in page.table.columns
            ],
            "scorecard": _of_cell(reader, page, page.scorecard.name, key),
            "claimed": _of_cell(reader, page, page.claims.name, key),
            "pools": _pools(reader, use_case, page, key[1]),
            "days": _days(reader, page, key),
            "reasons": _reasons(reader, page, key),
            "series": page.series.name,
        }


def _row(reader: Reader, page: Grid, unit: str, target: str) -> Record:
    name = page.table.layout.identifier
    query = sql.SQL("SELECT * FROM {} WHERE {} = %s AND {}::text = %s").format(
        *map(sql.Identifier, (name, page.unit, page.target))
    )
    storable = "\0" not in unit + target
    found = reader.records(query, [unit, target]) if storable and reader.has(name) else []
    if not found:
        raise ModelNotFound(
            f"{page.words.unit} {unit!r}, {page.words.target} {target!r}",
            found="no such cell among what is published",
            expected=f"one of the cells of {page.table.name}",
            remedy="Go back to the overview: it lists them all.",
        )
    return found[0]


def _of_cell(reader: Reader, page: Grid, name: str, key: list[Any]) -> list[Record]:
    """The rows of a view for a cell; what was computed after its day, and what readers saw, apart."""
    if not reader.has(name):
        return []
    query = sql.SQL("SELECT * FROM {} WHERE {} = %s AND {} = %s ORDER BY {}").format(
        *map(sql.Identifier, (name, page.unit, page.target, HINDCAST))
    )
    return reader.records(query, key)


def _pools(reader: Reader, use_case: str, page: Grid, target: Any) -> list[Record]:
    """What was said and how often it came true, by pool: of what readers saw, else of hindcasts."""
    if not reader.has(POOLS.name):
        return []
    query = (
        "SELECT hindcast, low, high, said, forecasts, came_true FROM reliability_pools"
        " WHERE use_case = %s AND ledger = %s AND target = %s AND hindcast ="
        " (SELECT bool_and(hindcast) FROM reliability_pools WHERE use_case = %s AND ledger = %s AND target = %s)"
        " ORDER BY pool"
    )
    return reader.records(query, [use_case, page.ledger.name, str(target)] * 2)


def _days(reader: Reader, page: Grid, key: list[Any]) -> dict[str, list[Any]]:
    """What was said day by day, and what came true: a list a property, ascending."""
    ledger, value = page.ledger, page.table.value
    names = {"day": ledger.as_of, "value": value, "base": page.base, "claims": page.claim, "outcome": OUTCOME}
    names |= {"hindcast": HINDCAST}
    if not reader.has(ledger.layout.identifier):
        return {name: [] for name in names}
    query = sql.SQL("SELECT {} FROM {} WHERE {} = %s AND {} = %s ORDER BY {} DESC LIMIT {}").format(
        COMMA.join(map(sql.Identifier, names.values())),
        *map(sql.Identifier, (ledger.layout.identifier, page.unit, page.target, ledger.as_of)),
        sql.Literal(MOST_DAYS),
    )
    rows = reader.rows(query, key)[::-1]
    return {name: [row[number] for row in rows] for number, name in enumerate(names)}


def _reasons(reader: Reader, page: Grid, key: list[Any]) -> list[Record] | None:
    """Why the number is what it is, a row a step; None where nothing explains it."""
    if not reader.has(page.reasons):
        return None
    query = sql.SQL("SELECT * FROM {} WHERE {} = %s AND {} = %s ORDER BY position").format(
        *map(sql.Identifier, (page.reasons, page.unit, page.target))
    )
    left_out = {page.unit, page.target}
    return [{name: row[name] for name in row if name not in left_out} for row in reader.records(query, key)]
