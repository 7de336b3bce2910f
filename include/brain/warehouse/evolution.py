"""Bringing a table of the warehouse to what this release declares, with nothing lost and no needless lock.

What is declared stands in an empty temporary table, so that PostgreSQL itself says how declared and found differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.core.errors import PublishError
from brain.warehouse.statements import (
    COMMA,
    ROOM,
    check_definition,
    column_definition,
    create,
    key_identifiers,
)
from brain.warehouse.tables import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.warehouse.tables import Column, Layout

READER_ROLE = "bi_reader"


FACTS = """
SELECT name, relkind::text, obj_description(relation.oid, 'pg_class'),
    coalesce((
        SELECT has_schema_privilege(rolname, relnamespace, 'USAGE')
            AND has_table_privilege(rolname, relation.oid, 'SELECT')
        FROM pg_roles WHERE rolname = %s), true),
    (SELECT jsonb_agg(jsonb_build_array(
            attname, format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum)) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped),
    (SELECT jsonb_object_agg(conname, pg_get_expr(conbin, conrelid))
        FROM pg_constraint WHERE conrelid = relation.oid AND contype = 'c'),
    (SELECT jsonb_build_array(conname, ARRAY(
            SELECT attname FROM unnest(conkey) WITH ORDINALITY AS part (number, place)
            JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place))
        FROM pg_constraint WHERE conrelid = relation.oid AND contype = 'p'),
    reloptions,
    (SELECT array_agg(relname::text) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = relation.oid)
FROM unnest(%s) AS asked (name) JOIN pg_class AS relation ON relation.oid = to_regclass(quote_ident(name))
"""


@dataclass(frozen=True)
class ColumnFacts:
    """A column as PostgreSQL has it."""

    type: str
    not_null: bool
    comment: str | None


@dataclass(frozen=True)
class Facts:
    """A table as PostgreSQL has it.

    Args:
        kind: ``r`` for a table; see `pg_class.relkind`.
        readable: The reader role may read it, or there is no such role.
        columns: By name, in order.
        checks: Expression of each CHECK, by name.
        key: Columns of the primary key; empty if there is none.
        key_name: Name of the primary key's constraint.
        options: Storage parameters, as ``name=value``.
        indexes: Names of all indexes.
    """

    kind: str
    comment: str | None
    readable: bool
    columns: dict[str, ColumnFacts]
    checks: dict[str, str]
    key: tuple[str, ...]
    key_name: str | None
    options: tuple[str, ...]
    indexes: tuple[str, ...]


def read_facts(cursor: Cursor, names: Iterable[str]) -> dict[str, Facts]:
    """What PostgreSQL says of some tables, by name; one that does not exist is left out."""
    cursor.execute(FACTS, (READER_ROLE, list(names)))
    return {name: _facts(*row) for name, *row in cursor.fetchall()}


def _facts(
    kind: str,
    comment: str | None,
    readable: bool,
    columns: list[list[Any]] | None,
    checks: dict[str, str] | None,
    key: tuple[str, list[str]] | None,
    options: list[str] | None,
    indexes: list[str] | None,
) -> Facts:
    key_name, parts = key or (None, [])
    named = {name: ColumnFacts(*facts) for name, *facts in columns or ()}
    many = (tuple(told or ()) for told in (options, indexes))
    return Facts(kind, comment, readable, named, checks or {}, tuple(parts), key_name, *many)


@dataclass(frozen=True)
class Pattern:
    """How PostgreSQL writes what is declared: the types and the limits of columns, by name of the column."""

    types: dict[str, str]
    limits: dict[str, str]

    @classmethod
    def of(cls, layout: Layout, facts: Facts) -> Pattern:
        """What PostgreSQL says of an empty table that was made from `layout`."""
        named = {layout.check_name(column): column.identifier for column in layout.columns}
        return cls(
            {name: column.type for name, column in facts.columns.items()},
            {named[check]: expression for check, expression in facts.checks.items()},
        )


def bring_up_to_date(cursor: Cursor, layout: Layout, found: Facts | None, pattern: Pattern) -> tuple[str, ...]:
    """Create the table, or add what it lacks; what is the same is not touched, because DDL locks readers out.

    A column that is no longer declared stays. Limits that are new hold for the rows written from now on.

    Args:
        found: The table as it is; None if it does not exist.
        pattern: Has at least the columns of `layout`.

    Returns:
        The columns that the table has and `layout` does not.

    Raises:
        PublishError: A column has another type, or the key cannot be had without losing rows.
    """
    for statement in [create(layout)] if found is None else changes(layout, found, pattern):
        cursor.execute(statement)
    for statement in (*_indexes(layout, found), *_comments(layout, found)):
        cursor.execute(statement)
    if found is None or not found.readable:
        grant_read(cursor, layout.identifier)
    declared = {column.identifier for column in layout.columns}
    return tuple(name for name in (found.columns if found else ()) if name not in declared)


def changes(layout: Layout, found: Facts, pattern: Pattern) -> Iterator[sql.Composed]:
    """The statements that turn a table as `found` into one of `layout`.

    Raises:
        PublishError: A column has another type, or the key cannot be had without losing rows.
    """
    _require_table(layout, found)
    _require_types(layout, found, pattern)
    yield from _columns(layout, found)
    yield from _checks(layout, found, pattern)
    yield from _key(layout, found)
    if layout.rewritten and ROOM not in found.options:
        yield _alter(layout, "SET ({})", sql.SQL(ROOM))


def _columns(layout: Layout, found: Facts) -> Iterator[sql.Composed]:
    """Add what is missing; let be empty what was never to be and now may: a column no longer declared, for instance."""
    for column in layout.columns:
        if column.identifier not in found.columns:
            yield _alter(layout, "ADD COLUMN {}", _addable(layout, column))
    never_empty = {column.identifier for column in layout.columns if layout.not_null(column)}
    for name, facts in found.columns.items():
        if facts.not_null and name not in never_empty and name not in found.key:
            yield _alter(layout, "ALTER COLUMN {} DROP NOT NULL", sql.Identifier(name))


def _addable(layout: Layout, column: Column) -> sql.Composable:
    """Rows that are there already have nothing in a new column, unless it has a default."""
    if layout.not_null(column) and column.default is None:
        return sql.SQL("{} {}").format(sql.Identifier(column.identifier), sql.SQL(column.type))
    return column_definition(layout, column)


def _checks(layout: Layout, found: Facts, pattern: Pattern) -> Iterator[sql.Composed]:
    for column in layout.columns:
        name = layout.check_name(column)
        if found.checks.get(name) == pattern.limits.get(column.identifier):
            continue
        if name in found.checks:
            yield _alter(layout, "DROP CONSTRAINT {}", sql.Identifier(name))
        if definition := check_definition(layout, column):
            yield _alter(layout, "ADD {} NOT VALID", definition)


def _key(layout: Layout, found: Facts) -> Iterator[sql.Composed]:
    """Let the key grow by columns with a default: rows that differ stay different."""
    declared = {column.identifier: column for column in layout.columns if column.name in layout.key}
    if set(found.key) == set(declared):
        return
    grown = [column for name, column in declared.items() if name not in found.key]
    if not set(found.key) <= set(declared) or any(column.default is None for column in grown):
        raise PublishError(
            layout.name,
            found=f"a table with the key ({', '.join(found.key)})",
            expected=f"the key ({', '.join(declared)}), as this release declares it",
            remedy="Nothing was changed. Rename the table to keep its rows; a new one is then made.",
        )
    if found.key_name:
        yield _alter(layout, "DROP CONSTRAINT {}", sql.Identifier(found.key_name))
    yield _alter(layout, "ADD PRIMARY KEY ({})", COMMA.join(key_identifiers(layout)))


def _indexes(layout: Layout, found: Facts | None) -> Iterator[sql.Composed]:
    for column in layout.indexed:
        name = layout.index_name(column)
        if found is None or name not in found.indexes:
            parts = map(sql.Identifier, (name, layout.identifier, folded(column)))
            yield sql.SQL("CREATE INDEX {} ON {} ({})").format(*parts)


def _comments(layout: Layout, found: Facts | None) -> Iterator[sql.Composed]:
    name = sql.Identifier(layout.identifier)
    if found is None or found.comment != layout.meaning:
        yield sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(layout.meaning))
    for column in layout.columns:
        facts = found.columns.get(column.identifier) if found else None
        if facts is None or facts.comment != column.meaning:
            yield sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                name, sql.Identifier(column.identifier), sql.Literal(column.meaning)
            )


def grant_read(cursor: Cursor, table: str) -> None:
    """Let the reader role read a table, where a role of that name exists."""
    cursor.execute(
        "SELECT nspname, has_schema_privilege(rolname, namespace.oid, 'USAGE')"
        " FROM pg_roles, pg_class AS relation JOIN pg_namespace AS namespace ON namespace.oid = relnamespace"
        " WHERE rolname = %s AND relation.oid = to_regclass(quote_ident(%s))",
        (READER_ROLE, table),
    )
    row = cursor.fetchone()
    if row is None:
        return
    schema, may_enter = row
    role = sql.Identifier(READER_ROLE)
    if not may_enter:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), role))
    cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(table), role))


def _require_table(layout: Layout, found: Facts) -> None:
    if found.kind not in ("r", "p"):
        raise PublishError(
            layout.name,
            found="something of that name that is not a table",
            expected="a table, or nothing",
            remedy="Nothing was changed. Rename what is there (a view, for instance).",
        )


def _require_types(layout: Layout, found: Facts, pattern: Pattern) -> None:
    for column in layout.columns:
        name, expected = column.identifier, pattern.types[column.identifier]
        if name in found.columns and found.columns[name].type != expected:
            raise PublishError(
                f"{layout.name}.{name}",
                found=f"a column of type {found.columns[name].type}",
                expected=f"the type {expected}, as this release declares it",
                remedy="Nothing was changed. Change the column (ALTER TABLE … ALTER COLUMN … TYPE … USING …), or rename"
                " it to keep its values; a new one is then added.",
            )


def _alter(layout: Layout, action: str, part: sql.Composable) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(layout.identifier), sql.SQL(action).format(part))
