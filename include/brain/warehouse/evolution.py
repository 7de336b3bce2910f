"""Bringing a table of the warehouse to what this release declares, with nothing lost and no needless lock.

What is declared is made as an empty temporary table, so that PostgreSQL itself says how declared and found differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.core.errors import PublishError
from brain.warehouse.statements import (
    COMMA,
    check_definition,
    column_definition,
    create,
    create_temporary,
    key_identifiers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.warehouse.tables import Column, Layout

READER_ROLE = "bi_reader"


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
        columns: By name, in order.
        checks: Expression of each CHECK, by name.
        key: Columns of the primary key; empty if there is none.
        key_name: Name of the primary key's constraint.
    """

    kind: str
    comment: str | None
    columns: dict[str, ColumnFacts]
    checks: dict[str, str]
    key: tuple[str, ...]
    key_name: str | None


def bring_up_to_date(cursor: Cursor, layout: Layout) -> tuple[str, ...]:
    """Create the table, or add what it lacks; what is the same is not touched, because DDL locks readers out.

    A column that is no longer declared stays. Limits that are new hold for the rows written from now on.

    Returns:
        The columns that the table has and `layout` does not.

    Raises:
        PublishError: A column has another type, or the key cannot be had without losing rows.
    """
    found = read_facts(cursor, layout.identifier)
    if found is None:
        cursor.execute(create(layout))
        found = _known(cursor, layout.identifier)
    else:
        pattern = f"declared_{layout.identifier}"
        cursor.execute(create_temporary(layout, pattern))
        for statement in changes(layout, found, _known(cursor, pattern)):
            cursor.execute(statement)
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(pattern)))
    for statement in _comments(layout, found):
        cursor.execute(statement)
    _grant_read(cursor, layout)
    declared = {column.identifier for column in layout.columns}
    return tuple(name for name in found.columns if name not in declared)


def changes(layout: Layout, found: Facts, declared: Facts) -> Iterator[sql.Composed]:
    """The statements that turn a table as `found` into one as `declared`.

    Raises:
        PublishError: A column has another type, or the key cannot be had without losing rows.
    """
    _require_table(layout, found)
    _require_types(layout, found, declared)
    yield from _columns(layout, found, declared)
    yield from _checks(layout, found, declared)
    yield from _key(layout, found)


def _columns(layout: Layout, found: Facts, declared: Facts) -> Iterator[sql.Composed]:
    """Add what is missing; let be empty what was never to be and now may: a column no longer declared, for instance."""
    for column in layout.columns:
        if column.identifier not in found.columns:
            yield _alter(layout, "ADD COLUMN {}", _addable(layout, column))
    for name, facts in found.columns.items():
        may_be_empty = name not in declared.columns or not declared.columns[name].not_null
        if facts.not_null and may_be_empty and name not in found.key:
            yield _alter(layout, "ALTER COLUMN {} DROP NOT NULL", sql.Identifier(name))


def _addable(layout: Layout, column: Column) -> sql.Composable:
    """Rows that are there already have nothing in a new column, unless it has a default."""
    if layout.not_null(column) and column.default is None:
        return sql.SQL("{} {}").format(sql.Identifier(column.identifier), sql.SQL(column.type))
    return column_definition(layout, column)


def _checks(layout: Layout, found: Facts, declared: Facts) -> Iterator[sql.Composed]:
    for column in layout.columns:
        name = layout.check_name(column)
        if found.checks.get(name) == declared.checks.get(name):
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


def _comments(layout: Layout, found: Facts) -> Iterator[sql.Composed]:
    name = sql.Identifier(layout.identifier)
    if found.comment != layout.meaning:
        yield sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(layout.meaning))
    for column in layout.columns:
        facts = found.columns.get(column.identifier)
        if facts is None or facts.comment != column.meaning:
            yield sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                name, sql.Identifier(column.identifier), sql.Literal(column.meaning)
            )


def _grant_read(cursor: Cursor, layout: Layout) -> None:
    """Let the reader role read the table, where a role of that name exists."""
    cursor.execute(
        "SELECT nspname, has_schema_privilege(rolname, namespace.oid, 'USAGE'),"
        " has_table_privilege(rolname, relation.oid, 'SELECT')"
        " FROM pg_roles, pg_class relation JOIN pg_namespace namespace ON namespace.oid = relnamespace"
        " WHERE rolname = %s AND relation.oid = to_regclass(quote_ident(%s))",
        (READER_ROLE, layout.identifier),
    )
    row = cursor.fetchone()
    if row is None:
        return
    schema, may_enter, may_read = row
    role = sql.Identifier(READER_ROLE)
    if not may_enter:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), role))
    if not may_read:
        cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(layout.identifier), role))


def read_facts(cursor: Cursor, name: str) -> Facts | None:
    """What PostgreSQL says of a table; None if there is none of that name."""
    cursor.execute(
        "SELECT oid, relkind::text, obj_description(oid, 'pg_class') FROM pg_class"
        " WHERE oid = to_regclass(quote_ident(%s))",
        (name,),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    oid, kind, comment = row
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum)"
        " FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (oid,),
    )
    columns = {name: ColumnFacts(*facts) for name, *facts in cursor.fetchall()}
    cursor.execute(
        "SELECT conname, contype::text, pg_get_expr(conbin, conrelid), ARRAY("
        "SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS part (number, place)"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place)"
        " FROM pg_constraint WHERE conrelid = %s AND contype IN ('c', 'p')",
        (oid,),
    )
    constraints = cursor.fetchall()
    checks = {name: expression for name, kind, expression, _ in constraints if kind == "c"}
    keys = [(name, tuple(parts)) for name, kind, _, parts in constraints if kind == "p"]
    key_name, key = keys[0] if keys else (None, ())
    return Facts(kind, comment, columns, checks, key, key_name)


def _known(cursor: Cursor, name: str) -> Facts:
    facts = read_facts(cursor, name)
    assert facts is not None, name
    return facts


def _require_table(layout: Layout, found: Facts) -> None:
    if found.kind not in ("r", "p"):
        raise PublishError(
            layout.name,
            found="something of that name that is not a table",
            expected="a table, or nothing",
            remedy="Nothing was changed. Rename what is there (a view, for instance).",
        )


def _require_types(layout: Layout, found: Facts, declared: Facts) -> None:
    for name, facts in declared.columns.items():
        if name in found.columns and found.columns[name].type != facts.type:
            raise PublishError(
                f"{layout.name}.{name}",
                found=f"a column of type {found.columns[name].type}",
                expected=f"the type {facts.type}, as this release declares it",
                remedy="Nothing was changed. Change the column (ALTER TABLE … ALTER COLUMN … TYPE … USING …), or rename"
                " it to keep its values; a new one is then added.",
            )


def _alter(layout: Layout, action: str, part: sql.Composable) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(layout.identifier), sql.SQL(action).format(part))
