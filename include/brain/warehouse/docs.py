"""What a declared table is, as a page for people: docs/tables.md is made of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.warehouse.tables import DerivedTable, Layout, PublishedTable, spelled

if TYPE_CHECKING:
    from brain.warehouse.tables import Column, History

UNSCORED = {
    "keep": "A row that could not be computed keeps its last published values, marked `stale` with the `reason`; one"
    " that was never computed is listed without a value.",
    "drop": "A row that could not be computed is not shown.",
}


def describe(table: PublishedTable | DerivedTable | Layout) -> str:
    """A table as Markdown: its meaning, key, columns, and what becomes of its rows."""
    layout = table if isinstance(table, Layout) else table.layout
    parts = [
        f"## {layout.name}",
        layout.meaning,
        f"**Key:** {', '.join(f'`{spelled(name)}`' for name in layout.key)}",
        "\n".join(
            ("| column | type | meaning |", "|---|---|---|", *(_line(layout, column) for column in layout.columns))
        ),
    ]
    if isinstance(table, DerivedTable):
        parts.append(
            "Made by SQL from the table above, in the same transaction. A column no longer declared stays, empty."
        )
    if isinstance(table, PublishedTable):
        parts.append(f"{UNSCORED[table.unscored]} A row that is no longer expected is removed.{_explains(table)}")
        if table.history:
            parts.append(_history(table, table.history))
    return "\n\n".join(parts)


def _explains(table: PublishedTable) -> str:
    if table.of is None:
        return ""
    return f" A row of `{table.of.name}` that the newest run did not compute has none here."


def _line(layout: Layout, column: Column) -> str:
    meaning = column.meaning.replace("|", "\\|")
    return f"| `{spelled(column.name)}` | {column.type}{_filled(layout, column)}{_limits(column)} | {meaning} |"


def _filled(layout: Layout, column: Column) -> str:
    if layout.not_null(column):
        return ", never empty"
    return ", never empty once computed" if column.required else ""


def _limits(column: Column) -> str:
    if column.low is not None and column.high is not None:
        return f", {column.low:g} to {column.high:g}"
    if column.low is not None:
        return f", at least {column.low:g}"
    return f", at most {column.high:g}" if column.high is not None else ""


def _history(table: PublishedTable, history: History) -> str:
    layout = table.history_layout
    assert layout is not None
    others = ", ".join(f"`{spelled(column.name)}`" for column in layout.columns if column.name not in layout.key)
    key = ", ".join(f"`{spelled(name)}`" for name in layout.key)
    return f"**History:** `{history.name}`. {history.meaning} Key: {key}; then {others}, as above."
