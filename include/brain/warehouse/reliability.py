"""The table `reliability_pools`: what came true of probabilities that were said, and the parts of their Brier score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from psycopg2 import sql
from psycopg2.extras import execute_values

from brain.learning.isotonic import Said, calibration_slope, reliability
from brain.warehouse.bulk import copy_out
from brain.warehouse.ledger import HINDCAST, Binary
from brain.warehouse.ledger_statements import ALL, ONLY
from brain.warehouse.pools import POOLS
from brain.warehouse.statements import COMMA, identifiers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.learning.isotonic import Reliability
    from brain.warehouse.ledger import Ledger


def renew_reliability(cursor: Cursor, use_case: str, ledger: Ledger, targets: Iterable[str]) -> dict[str, float | None]:
    """Make the pools of some targets anew, and those over all; by target, the calibration slope of what readers saw.

    Args:
        targets: Those of which something was scored.
    """
    if not isinstance(ledger.scoring, Binary):
        return {}
    slopes: dict[str, float | None] = {}
    changed = {target for target in targets if target != ALL}
    for hindcast in (False, True):
        there = known_targets(cursor, ledger, hindcast)
        parts = {target: _said(cursor, ledger, ledger.scoring, target, hindcast) for target in there}
        given = {target: part for target, part in parts.items() if target in changed}
        if changed:
            given[ALL] = Said.merged(list(parts.values()))
        for target, said in given.items():
            _replace(cursor, use_case, ledger, target, hindcast, said)
            if not hindcast:
                slopes[target] = calibration_slope(said)
    return slopes


def known_targets(cursor: Cursor, ledger: Ledger, hindcast: bool) -> list[str]:
    """The targets of which something was scored; a ledger without targets has one."""
    if ledger.target is None:
        return [ONLY]
    query = sql.SQL("SELECT DISTINCT {}::text FROM {} WHERE {} = %s")
    of = (ledger.target, ledger.blocks.identifier, HINDCAST)
    cursor.execute(query.format(*map(sql.Identifier, of)), (hindcast,))
    return [target for (target,) in cursor.fetchall()]


def forget_reliability(cursor: Cursor, use_case: str, ledger: Ledger) -> None:
    """Make all pools anew."""
    cursor.execute(
        "DELETE FROM reliability_pools WHERE use_case = %s AND ledger = %s",
        (use_case, ledger.name),
    )
    targets = {target for hindcast in (False, True) for target in known_targets(cursor, ledger, hindcast)}
    renew_reliability(cursor, use_case, ledger, targets)


def _said(cursor: Cursor, ledger: Ledger, scoring: Binary, target: str, hindcast: bool) -> Said:
    chosen = sql.SQL("true")
    if ledger.target is not None:
        type_ = ledger.table.column(ledger.target).type
        chosen = sql.SQL("{} = {}::{}").format(sql.Identifier(ledger.target), sql.Literal(target), sql.SQL(type_))
    query = sql.SQL(
        "COPY (SELECT {value}, count(*), sum(outcome) FROM {ledger} WHERE outcome IS NOT NULL AND {hindcast} = {mark}"
        " AND {chosen} GROUP BY 1 ORDER BY 1) TO STDOUT WITH (FORMAT csv)"
    ).format(
        value=sql.Identifier(scoring.value),
        ledger=sql.Identifier(ledger.layout.identifier),
        hindcast=sql.Identifier(HINDCAST),
        mark=sql.Literal(hindcast),
        chosen=chosen,
    )
    names = ("said", "count", "happened")
    table = copy_out(cursor, query, dict.fromkeys(names, pa.float64()))
    return Said(*(table.column(name).to_numpy() for name in names))


def _replace(cursor: Cursor, use_case: str, ledger: Ledger, target: str, hindcast: bool, said: Said) -> None:
    own = (use_case, ledger.name, target, hindcast)
    query = "DELETE FROM reliability_pools WHERE use_case = %s AND ledger = %s AND target = %s AND hindcast = %s"
    cursor.execute(query, own)
    if len(said.probability):
        rows = _rows(reliability(said))
        names = COMMA.join(identifiers(POOLS.columns))
        insert = sql.SQL("INSERT INTO reliability_pools ({}) VALUES %s").format(names)
        execute_values(cursor, insert, [(*own, *row) for row in rows])


def _rows(found: Reliability) -> list[tuple[float, ...]]:
    parts = (found.brier, found.miscalibration, found.discrimination, found.uncertainty)
    columns = (found.low, found.high, found.said, found.count.astype(int), found.came_true)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return [(number, *row, *parts) for number, row in enumerate(values, 1)]
