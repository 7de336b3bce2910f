"""The overview: every cell of a use case's grid, packed by rows so that twenty thousand fit into one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.page.reading import reading
from brain.warehouse.statements import COMMA
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.usecases.page import Page

CLAIMS, IS_STALE, FAILED = 1, 2, 4  # of a cell's mark
DIGITS = 4


class _Numbered:
    """Texts that repeat, each once: a cell holds its number."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def number(self, text: object) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def texts(self) -> list[str]:
        return [str(text) for text in self._numbers]


def overview(url: SecretStr, page: Page) -> dict[str, Any]:
    """The whole grid: names and targets once, the cells of a unit as a list a property, empty where there is none.

    Returns:
        ``rows`` by unit with, in the order of ``targets``: ``value``, ``base`` and ``skill`` (None where unknown),
        ``mark`` (1 skill is proven, 2 stale, 4 no value, added up; None where there is no such cell), ``reason`` and
        ``as_of`` (numbers of ``reasons`` and ``days``, -1 for none).

    Raises:
        BrainError: The warehouse does not answer, or its table cannot be read.
    """
    with reading(url) as reader:
        cells = reader.rows(_grid(page)) if reader.has(page.table.layout.identifier) else []
    targets = sorted({cell[1] for cell in cells})
    place = {target: number for number, target in enumerate(targets)}
    reasons, days = _Numbered(), _Numbered()
    rows: dict[Any, dict[str, Any]] = {}
    counts = {"cells": len(cells), "proven": 0, "stale": 0, "failed": 0}
    published = None
    for unit, target, value, base, skill, claims, stale, reason, as_of, at in cells:
        row = rows.get(unit)
        if row is None:
            row = rows[unit] = _empty(unit, len(targets))
        column = place[target]
        mark = FAILED if value is None else CLAIMS * bool(claims) + IS_STALE * bool(stale)
        row["value"][column], row["base"][column], row["skill"][column] = _short(value), _short(base), _short(skill)
        row["mark"][column] = mark
        row["reason"][column] = reasons.number(reason) if reason else -1
        row["as_of"][column] = days.number(as_of) if as_of else -1
        counts["failed"] += mark == FAILED
        counts["proven"] += mark & CLAIMS
        counts["stale"] += mark & IS_STALE == IS_STALE
        if at is not None and (published is None or at > published):
            published = at
    return {
        "title": page.title,
        "words": vars(page.words),
        "targets": targets,
        "rows": list(rows.values()),
        "reasons": reasons.texts,
        "days": days.texts,
        "counts": {"units": len(rows), **counts},
        "published_at": published,
    }


def _grid(page: Page) -> sql.Composed:
    table = page.table
    named = (page.unit, page.target, table.value, page.base, page.skill, page.claim, STALE, REASON)
    names = (*named, page.ledger.as_of, PUBLISHED_AT)
    return sql.SQL("SELECT {} FROM {} ORDER BY {}, {}").format(
        COMMA.join(sql.Identifier(table.column(name).identifier) for name in names),
        sql.Identifier(table.layout.identifier),
        *map(sql.Identifier, (page.unit, page.target)),
    )


def _empty(unit: object, count: int) -> dict[str, Any]:
    numbers = {name: [None] * count for name in ("value", "base", "skill", "mark")}
    return {"unit": unit, **numbers, "reason": [-1] * count, "as_of": [-1] * count}


def _short(value: float | None) -> float | None:
    return None if value is None or value != value else round(value, DIGITS)
