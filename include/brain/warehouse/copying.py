"""The warehouse's tables into streams, and back: for backups, without the programs of PostgreSQL.

Rows travel as COPY's text, in which every number and time comes back as it was.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.errors import DependentObjectsStillExist
from pydantic import BaseModel, ConfigDict

from brain.core.errors import BackupError
from brain.warehouse import fence
from brain.warehouse.evolution import READER_ROLE, grant_read
from brain.warehouse.statements import COMMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.core.sink import Sink

MARK = "restore_under_way"  # a table that is there while a restore has begun and not ended
AS_WRITTEN = """
SET LOCAL extra_float_digits = 1; SET LOCAL datestyle = ISO; SET LOCAL intervalstyle = postgres;
SET LOCAL bytea_output = hex; SET LOCAL client_encoding = 'UTF8'; SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL statement_timeout = 0;
"""
DESCRIBE = """
SELECT jsonb_build_object(
    'name', relname,
    'comment', obj_description(relation.oid, 'pg_class'),
    'options', coalesce(to_jsonb(reloptions), '[]'),
    'parted_by', pg_get_partkeydef(relation.oid),
    'parts', coalesce((
        SELECT jsonb_agg(jsonb_build_array(part.relname, pg_get_expr(part.relpartbound, part.oid)) ORDER BY part.oid)
        FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = relation.oid), '[]'),
    'readable', coalesce((
        SELECT has_table_privilege(rolname, relation.oid, 'SELECT') FROM pg_roles WHERE rolname = %s), false),
    'columns', (
        SELECT jsonb_agg(jsonb_build_object(
            'name', attname, 'type', format_type(atttypid, atttypmod), 'not_null', attnotnull,
            'default', pg_get_expr(adbin, adrelid), 'comment', col_description(attrelid, attnum)) ORDER BY attnum)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped),
    'constraints', coalesce((
        SELECT jsonb_agg(jsonb_build_array(conname, pg_get_constraintdef(oid)) ORDER BY contype DESC, conname)
        FROM pg_constraint WHERE conrelid = relation.oid AND contype IN ('p', 'u', 'c')), '[]'))
FROM pg_class AS relation
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND pg_has_role(relowner, 'USAGE') AND relname <> %s
ORDER BY relname
"""


class ColumnCopy(BaseModel):
    """A column, as PostgreSQL writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str
    not_null: bool
    default: str | None
    comment: str | None


class TableCopy(BaseModel):
    """A table without its rows.

    Args:
        options: Storage parameters, as ``name=value``.
        readable: Whether the reader role may read it.
        constraints: Name and definition of its keys and limits.
        parted_by: How its rows are kept apart, as PostgreSQL writes it; None if they are not.
        parts: Name and bounds of its parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    comment: str | None
    options: tuple[str, ...]
    readable: bool
    columns: tuple[ColumnCopy, ...]
    constraints: tuple[tuple[str, str], ...]
    parted_by: str | None = None
    parts: tuple[tuple[str, str], ...] = ()


def hold_writers(cursor: Cursor) -> None:
    """Keep every writer out until the transaction ends; readers are not in the way, nor kept out.

    Raises:
        TableBusy: One has been writing for longer than the lock timeout (raised by the transaction).
    """
    if _exists(cursor, fence.FENCES.name):
        cursor.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(fence.FENCES.name)))


def see_one_point(connection: Connection) -> None:
    """Let all that follows in this transaction see what is committed when it first asks."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)


def tables_of(cursor: Cursor) -> tuple[TableCopy, ...]:
    """Every table of the warehouse's schema that belongs to the role.

    Raises:
        BackupError: A restore into this warehouse was begun and did not end.
    """
    cursor.execute(AS_WRITTEN)
    if _exists(cursor, MARK):
        raise BackupError(
            "the warehouse",
            found="a restore that was begun and has not ended",
            expected="a warehouse that is whole",
            remedy="Run the same `brain restore` again; then take the backup.",
        )
    cursor.execute(DESCRIBE, (READER_ROLE, MARK))
    return tuple(TableCopy.model_validate(found) for (found,) in cursor.fetchall())


def server_version(cursor: Cursor) -> str:
    """Of PostgreSQL."""
    cursor.execute("SELECT current_setting('server_version')")
    ((found,),) = cursor.fetchall()
    return str(found)


def copy_out(cursor: Cursor, table: TableCopy, sink: Sink) -> None:
    """Write the table's rows."""
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(_columns(table), sql.Identifier(table.name))
    cursor.copy_expert(query, sink)
    sink.entries = cursor.rowcount


def mark_of(cursor: Cursor) -> str | None:
    """Which backup was being restored when a restore was broken off; None if none was."""
    if not _exists(cursor, MARK):
        return None
    cursor.execute(sql.SQL("SELECT backup FROM {}").format(sql.Identifier(MARK)))
    return next((str(found) for (found,) in cursor.fetchall()), None)


def begin_restore(cursor: Cursor, backup: str) -> None:
    """Note which backup is being restored."""
    mark = sql.Identifier(MARK)
    cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (backup text)").format(mark))
    cursor.execute(sql.SQL("DELETE FROM {}").format(mark))
    cursor.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(mark), (backup,))


def end_restore(cursor: Cursor) -> None:
    """Forget that a restore is under way, with the transaction that makes it whole."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(MARK)))


def filled(cursor: Cursor, names: Iterable[str]) -> list[str]:
    """Which of some tables have rows."""
    found = []
    for name in names:
        if _exists(cursor, name):
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name)))
            found += [name for (has_rows,) in cursor.fetchall() if has_rows]
    return found


def drop(cursor: Cursor, names: Iterable[str]) -> None:
    """Drop tables that may not be there.

    Raises:
        BackupError: Something else in the warehouse is made from one of them.
    """
    for name in names:
        try:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
        except DependentObjectsStillExist as error:
            raise BackupError(
                f"the warehouse's table {name}",
                found=str(error.diag.message_detail or error.diag.message_primary).splitlines()[0],
                expected="nothing that is made from the tables to be replaced",
                remedy="Drop it, restore, and make it again; the warehouse is as it was.",
            ) from None


def require_droppable(cursor: Cursor, names: Iterable[str]) -> None:
    """Refuse now what `drop` would refuse later; nothing is changed.

    Raises:
        BackupError: As of `drop`.
    """
    cursor.execute("SAVEPOINT trying")
    drop(cursor, names)
    cursor.execute("ROLLBACK TO SAVEPOINT trying")


def make(cursor: Cursor, table: TableCopy, rows: IO[bytes]) -> int:
    """Make the table with its rows, comments and rights; how many rows."""
    name = sql.Identifier(table.name)
    options = sql.SQL(f" WITH ({', '.join(table.options)})" if table.options else "")
    columns = COMMA.join(map(_definition, table.columns))
    if table.parted_by is not None:
        options = sql.SQL(" PARTITION BY ") + sql.SQL(table.parted_by)
    cursor.execute(sql.SQL("CREATE TABLE {} ({}){}").format(name, columns, options))
    for part, bounds in table.parts:
        made = sql.SQL("CREATE TABLE {} PARTITION OF {} {}")
        cursor.execute(made.format(sql.Identifier(part), name, sql.SQL(bounds)))
    cursor.execute(AS_WRITTEN)
    cursor.copy_expert(sql.SQL("COPY {} ({}) FROM STDIN").format(name, _columns(table)), rows)
    count = int(cursor.rowcount)
    for constraint, definition in table.constraints:
        add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
        cursor.execute(add.format(name, sql.Identifier(constraint), sql.SQL(definition)))
    for statement in _comments(table):
        cursor.execute(statement)
    if table.readable:
        grant_read(cursor, table.name)
    return count


def _columns(table: TableCopy) -> sql.Composed:
    return COMMA.join(sql.Identifier(column.name) for column in table.columns)


def _definition(column: ColumnCopy) -> sql.Composed:
    parts: list[sql.Composable] = [sql.Identifier(column.name), sql.SQL(column.type)]
    if column.not_null:
        parts.append(sql.SQL("NOT NULL"))
    if column.default is not None:
        parts += [sql.SQL("DEFAULT"), sql.SQL(column.default)]
    return sql.SQL(" ").join(parts)


def _comments(table: TableCopy) -> Sequence[sql.Composed]:
    name = sql.Identifier(table.name)
    own = sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(table.comment))
    of_columns = [
        sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(name, sql.Identifier(column.name), sql.Literal(column.comment))
        for column in table.columns
    ]
    return [own, *of_columns]


def _exists(cursor: Cursor, name: str) -> bool:
    cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (name,))
    found: list[tuple[Any]] = cursor.fetchall()
    return bool(found[0][0])
