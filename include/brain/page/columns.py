"""A published table's columns as the page shows them: what each means, and how its values read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brain.warehouse.tables import Column, PublishedTable

KINDS = {
    "integer": "count",
    "bigint": "count",
    "boolean": "flag",
    "date": "day",
    "timestamptz": "moment",
    "double precision": "number",
}


def described(table: PublishedTable, names: Iterable[str] | None = None) -> list[dict[str, str]]:
    """Name, meaning and kind of some columns, or of all.

    Returns:
        The kind is ``share`` (0 to 1), ``number``, ``count``, ``flag``, ``day``, ``moment`` or ``text``.
    """
    columns = table.columns if names is None else map(table.column, names)
    return [{"name": one.identifier, "meaning": one.meaning, "kind": _kind(one)} for one in columns]


def _kind(column: Column) -> str:
    kind = KINDS.get(column.type, "text")
    return "share" if kind == "number" and (column.low, column.high) == (0, 1) else kind
