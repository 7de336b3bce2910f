"""Ranked lists: how each is made and how good it is, and those of one member with the reason of every place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.page.columns import described
from brain.page.members import has_member, unknown_member
from brain.page.reading import reading
from brain.warehouse.statements import COMMA
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.page.reading import Reader
    from brain.usecases.page import Lists

KIND = "lists"


def overview(url: SecretStr, page: Lists) -> dict[str, Any]:
    """Every list, with what stands beside it.

    Returns:
        ``lists`` with name, method, why, claim, size, scores (in the order of ``scores``), stale, reason, and ``all``:
        each column in the order of ``columns``.

    Raises:
        BrainError: The warehouse does not answer, or its table cannot be read.
    """
    with reading(url) as reader:
        lists = _lists(reader, page)
    return {
        "kind": KIND,
        "scores": [name for name, _ in page.scores],
        "columns": described(page.table),
        "lists": lists,
        "anyone": page.anyone,
        "published_at": max((one["published_at"] for one in lists if one["published_at"]), default=None),
    }


def member(url: SecretStr, page: Lists, name: str) -> dict[str, Any]:
    """The lists of one member, in the order of the overview.

    Raises:
        ModelNotFound: There is none of that name.
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        if not has_member(reader, page, name):
            raise unknown_member(page, name)
        lines = _lines(reader, page, name)
        lists = _lists(reader, page)
    known = {one["name"]: one for one in lists}
    return {
        "kind": KIND,
        "member": name,
        "anyone": name == page.anyone,
        "lists": [{**known.get(of, {"name": of}), "lines": lines.get(of, [])} for of in {**known, **lines}],
    }


def _lists(reader: Reader, page: Lists) -> list[dict[str, Any]]:
    if not reader.has(page.table.layout.identifier):
        return []
    query = sql.SQL("SELECT * FROM {} ORDER BY {}").format(
        *map(sql.Identifier, (page.table.layout.identifier, page.unit))
    )
    return [
        {
            "name": row[page.unit],
            "method": row[page.method],
            "why": row[page.why],
            "claim": row[page.claim],
            "size": row[page.size],
            "scores": [row[column] for _, column in page.scores],
            "stale": row[STALE],
            "reason": row[REASON],
            "published_at": row[PUBLISHED_AT],
            "all": [row[column.identifier] for column in page.table.columns],
        }
        for row in reader.records(query)
    ]


def _lines(reader: Reader, page: Lists, name: str) -> dict[str, list[dict[str, Any]]]:
    """By list, its places."""
    columns = {"list": page.unit, "rank": page.rank, "item": page.item, "reason": page.reason, "stale": STALE}
    query = sql.SQL("SELECT {} FROM {} WHERE {} = %s ORDER BY {}, {}").format(
        COMMA.join(map(sql.Identifier, columns.values())),
        *map(sql.Identifier, (page.lines.layout.identifier, page.member, page.unit, page.rank)),
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in reader.rows(query, [name]):
        line = dict(zip(columns, row, strict=True))
        found.setdefault(line.pop("list"), []).append(line)
    return found
