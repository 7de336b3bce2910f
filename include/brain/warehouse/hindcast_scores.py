"""How good all hindcasts of a ledger were so far, target by target; `evaluation_runs` has what readers saw only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.warehouse.connection import transaction
from brain.warehouse.ledger import HINDCAST
from brain.warehouse.ledger_statements import ALL
from brain.warehouse.refusal import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from brain.warehouse.ledger import Ledger


def hindcast_scores(url: SecretStr, ledger: Ledger) -> list[tuple[str, int, int, dict[str, float | None]]]:
    """By target, ascending, and over all of them last: rows, those that have come true or not, and their measures."""
    resolved = sql.SQL("FILTER (WHERE outcome IS NOT NULL)")
    sums = [sql.SQL("sum({}) {}").format(expression, resolved) for expression in ledger.scoring.sums.values()]
    query = sql.SQL(
        "SELECT {target}, count(*), count(outcome), {sums} FROM {ledger} WHERE {hindcast} GROUP BY 1 ORDER BY 1"
    ).format(
        target=sql.Identifier(ledger.target) if ledger.target else sql.Literal(ALL),
        sums=sql.SQL(", ").join(sums),
        ledger=sql.Identifier(ledger.layout.identifier),
        hindcast=sql.Identifier(HINDCAST),
    )
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        counted = [(str(row[0]), [float(value or 0) for value in row[1:]]) for row in cursor.fetchall()]
    if ledger.target and counted:
        counted.append((ALL, [sum(values) for values in zip(*(values for _, values in counted), strict=True)]))
    return [(target, *_measured(ledger, values)) for target, values in counted]


def _measured(ledger: Ledger, values: Sequence[float]) -> tuple[int, int, dict[str, float | None]]:
    rows, resolved = int(values[0]), int(values[1])
    sums = dict(zip(ledger.scoring.sums, values[2:], strict=True))
    return rows, resolved, ledger.scoring.measures(resolved, sums)
