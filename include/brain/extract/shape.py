"""Which columns of a table extraction takes, checked before a row is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brain.core.errors import SourceTableError
from brain.core.source_table import KeyKind
from brain.source.batches import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from brain.core.source_table import SourceTable
    from brain.core.table_settings import JoinedSource

MOST_NAMED = 12  # columns in a message
_KEYS = {
    KeyKind.DAY: (Kind.DATE, Kind.TIME),
    KeyKind.TIME: (Kind.TIME, Kind.ZONED_TIME),
    KeyKind.EVENTS: (Kind.DATE, Kind.TIME, Kind.ZONED_TIME),
    KeyKind.NAMES: (Kind.TEXT, Kind.WHOLE, Kind.BOOLEAN, Kind.DATE, Kind.TIME, Kind.ZONED_TIME),
}
_WORDS = {
    KeyKind.DAY: "DATE",
    KeyKind.TIME: "TIMESTAMP",
    KeyKind.EVENTS: "DATE or TIMESTAMP",
    KeyKind.NAMES: "text, a whole number, a boolean, DATE or TIMESTAMP",
}
_CASTS = {KeyKind.DAY: "date", KeyKind.TIME: "timestamp", KeyKind.EVENTS: "timestamp", KeyKind.NAMES: "text"}


@dataclass(frozen=True)
class TableShape:
    """What is read of one table.

    Args:
        key: Its date or timestamp column.
        kind: Which of the two it is.
        columns: Numeric columns, in the table's order.
        left_out: Columns that are not numbers.
    """

    table: str
    key: str
    kind: Kind
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


def row_shape(table: SourceTable, kinds: Mapping[str, Kind], known: Collection[str] = ()) -> TableShape:
    """The shape of a table of days or times.

    Args:
        kinds: The table's columns.
        known: Columns that were numbers in the previous snapshot and may not have turned into something else.

    Raises:
        SourceTableError: The table lacks its key or a required column, or one of them is of the wrong type.
    """
    require_columns(table, kinds)
    (key,) = table.key
    numbers = [name for name, kind in kinds.items() if kind.numeric and name != key]
    always = {*table.required, *known}
    for name, kind in kinds.items():
        if (name in always or must_be_number(table, name)) and not kind.numeric and name != key:
            raise _not_a_number(table, name, kind)
    left_out = tuple(name for name in kinds if name not in numbers and name != key)
    return TableShape(table.table, key, kinds[key], tuple(numbers), left_out)


def keyed_columns(table: SourceTable, kinds: Mapping[str, Kind]) -> tuple[str, ...]:
    """The columns to read of a keyed table: every one whose type can be kept, in the table's order.

    Raises:
        SourceTableError: The table lacks a key or required column, or one of them is of the wrong type.
    """
    require_columns(table, kinds)
    for name, kind in kinds.items():
        if must_be_number(table, name) and not kind.numeric:
            raise _not_a_number(table, name, kind)
        if name in table.required and kind is Kind.OTHER:
            raise SourceTableError(
                table.name,
                found=f"the column {name!r} of kind {kind} in table {table.table!r}",
                expected="numbers, text, booleans, dates or timestamps",
                remedy=f'Read the table through a view that casts it: SELECT CAST("{name}" AS text) AS "{name}", …',
            )
    return tuple(name for name, kind in kinds.items() if kind is not Kind.OTHER)


def joined_shape(
    table: SourceTable, joined: JoinedSource, kinds: Mapping[str, Kind], known: Collection[str] = ()
) -> TableShape:
    """The shape of another table that is aligned onto the dates of `table`.

    Args:
        kinds: The columns of the joined table.
        known: Columns of the previous snapshot; one that came from here may not have turned into something else.

    Raises:
        SourceTableError: Its key or one of the columns asked for is missing or of the wrong type.
    """
    if kinds.get(joined.key) not in _KEYS[KeyKind.DAY]:
        expected = "DATE or TIMESTAMP without time zone"
        raise _key_error(table, joined.table, joined.key, kinds, expected, _CASTS[KeyKind.DAY])
    numbers = [name for name, kind in kinds.items() if kind.numeric and name != joined.key]
    wanted = joined.columns or tuple(name for name in numbers if not table.rows_ahead(name))
    turned = [name for name in kinds if name not in numbers and f"{joined.column_prefix}{name}" in known]
    if unusable := [name for name in (*wanted, *turned) if name not in numbers]:
        named = ", ".join(f"{name!r} of kind {kinds[name]}" if name in kinds else f"no {name!r}" for name in unusable)
        raise SourceTableError(
            table.name,
            found=f"{named} in the joined table {joined.table!r}",
            expected="every column named under `sources` to be a number of that table",
            remedy="Correct `columns` of the joined source in the catalogue, or the table.",
        )
    left_out = tuple(name for name in kinds if name not in wanted and name != joined.key)
    return TableShape(joined.table, joined.key, kinds[joined.key], wanted, left_out)


def require_columns(table: SourceTable, kinds: Mapping[str, Kind]) -> None:
    """The key columns must be there and of a type that can be one; the required columns must be there.

    Raises:
        SourceTableError: One is not; the message names it.
    """
    for key in table.key:
        if kinds.get(key) not in _KEYS[table.kind]:
            raise _key_error(table, table.table, key, kinds, _WORDS[table.kind], _CASTS[table.kind])
    if missing := [name for name in table.required if name not in kinds]:
        raise SourceTableError(
            table.name,
            found=f"no column {', '.join(missing)} in table {table.table!r}, which has {_some(kinds)}",
            expected=f"the columns {', '.join((*table.key, *table.required))}",
            remedy="Add the columns to the table, say in the catalogue what they are called there, or take what needs"
            " them out of the catalogue.",
        )


def _some(kinds: Mapping[str, Kind]) -> str:
    names, more = list(kinds)[:MOST_NAMED], len(kinds) - MOST_NAMED
    return f"{', '.join(names) or 'none'}{f' and {more} more' if more > 0 else ''}"


def must_be_number(table: SourceTable, name: str) -> bool:
    """Whether a column has to be a number if the table has it."""
    return name in table.numeric or table.rows_ahead(name) > 0


def _not_a_number(table: SourceTable, name: str, kind: Kind) -> SourceTableError:
    return SourceTableError(
        table.name,
        found=f"the column {name!r} of kind {kind} in table {table.table!r}",
        expected="numbers in it",
        remedy=f"Store {name!r} as a number, or read the table through a view that casts it.",
    )


def _key_error(
    table: SourceTable, read: str, key: str, kinds: Mapping[str, Kind], expected: str, cast: str
) -> SourceTableError:
    kind = kinds.get(key)
    found = f"the column {key!r} of kind {kind}" if kind else f"no column {key!r}; among {', '.join(kinds) or 'none'}"
    return SourceTableError(
        table.name,
        found=f"{found} in table {read!r}",
        expected=f"a column {key!r} of type {expected}",
        remedy=f'Store it as such, or read the table through a view: SELECT CAST("{key}" AS {cast}) AS "{key}", …',
    )
