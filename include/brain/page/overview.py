"""The overview: every cell of a use case's grid, packed by rows so that twenty thousand fit into one answer.

PostgreSQL packs it, as text: as Python objects it would cost more, and the other threads of the API server would wait.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.page.reading import reading
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.usecases.page import Grid

# Of a cell's mark, added up: 1 skill is proven, 2 stale, 4 no value.
PACKED = sql.SQL(
    """
WITH cells AS (
    SELECT {unit} AS unit, {target} AS target, {reason} AS reason, {as_of} AS as_of, {at} AS at,
        round(nullif({value}, 'NaN') * 1e4) / 1e4 AS value, round(nullif({base}, 'NaN') * 1e4) / 1e4 AS base,
        round(nullif({skill}, 'NaN') * 1e4) / 1e4 AS skill,
        CASE WHEN {value} IS NULL THEN 4 ELSE coalesce({claim}, false)::int + 2 * {stale}::int END AS mark
    FROM {table}
), reasons AS (
    SELECT reason, row_number() OVER (ORDER BY reason) - 1 AS reason_number FROM cells GROUP BY reason
    HAVING reason IS NOT NULL
), days AS (
    SELECT as_of, row_number() OVER (ORDER BY as_of) - 1 AS day_number FROM cells GROUP BY as_of
    HAVING as_of IS NOT NULL
), places AS (
    SELECT unit, target FROM (SELECT DISTINCT unit FROM cells) AS units, (SELECT DISTINCT target FROM cells) AS targets
), lines AS (
    SELECT unit, json_build_object(
        'unit', unit, 'value', array_agg(value ORDER BY target), 'base', array_agg(base ORDER BY target),
        'skill', array_agg(skill ORDER BY target), 'mark', array_agg(mark ORDER BY target),
        'reason', array_agg(coalesce(reason_number, -1) ORDER BY target),
        'as_of', array_agg(coalesce(day_number, -1) ORDER BY target)) AS line
    FROM places LEFT JOIN cells USING (unit, target) LEFT JOIN reasons USING (reason) LEFT JOIN days USING (as_of)
    GROUP BY unit
)
SELECT json_build_object(
    'targets', coalesce((SELECT json_agg(DISTINCT target) FROM cells), '[]'),
    'rows', coalesce((SELECT json_agg(line ORDER BY unit) FROM lines), '[]'),
    'reasons', coalesce((SELECT json_agg(reason ORDER BY reason_number) FROM reasons), '[]'),
    'days', coalesce((SELECT json_agg(as_of ORDER BY day_number) FROM days), '[]'),
    'counts', (SELECT json_build_object('units', count(DISTINCT unit), 'cells', count(*),
        'proven', count(*) FILTER (WHERE mark & 1 = 1), 'stale', count(*) FILTER (WHERE mark & 2 = 2),
        'failed', count(*) FILTER (WHERE mark = 4)) FROM cells),
    'published_at', (SELECT max(at) FROM cells))::text
"""
)
COUNTS = ("units", "cells", "proven", "stale", "failed")
EMPTY: dict[str, Any] = {
    "targets": [],
    "rows": [],
    "reasons": [],
    "days": [],
    "counts": dict.fromkeys(COUNTS, 0),
    "published_at": None,
}


def overview(url: SecretStr, page: Grid) -> str:
    """The whole grid as JSON: names and targets once, the cells of a unit as a list a property.

    Returns:
        An object with ``rows`` by unit, each with, in the order of ``targets``: ``value``, ``base`` and ``skill`` (null
        where unknown), ``mark`` (1 skill is proven, 2 stale, 4 no value, added up; null where there is no such cell),
        ``reason`` and ``as_of`` (numbers of ``reasons`` and ``days``, -1 for none).

    Raises:
        BrainError: The warehouse does not answer, or its table cannot be read.
    """
    with reading(url) as reader:
        if not reader.has(page.table.layout.identifier):
            return json.dumps(EMPTY)
        ((packed,),) = reader.rows(_query(page))
        return str(packed)


def _query(page: Grid) -> sql.Composed:
    table = page.table
    names = {"unit": page.unit, "target": page.target, "value": table.value, "base": page.base, "skill": page.skill}
    names |= {"claim": page.claim, "stale": STALE, "reason": REASON, "as_of": page.ledger.as_of, "at": PUBLISHED_AT}
    columns = {name: sql.Identifier(table.column(of).identifier) for name, of in names.items()}
    return PACKED.format(table=sql.Identifier(table.layout.identifier), **columns)
