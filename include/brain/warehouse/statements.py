"""The SQL that derives from a declared table: create, stage, upsert, keep, remove, remember."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.warehouse.tables import DAYS_BEHIND, PUBLISHED_AT, REASON, STALE, PublishedTable, others

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brain.warehouse.tables import Column, DerivedTable, Follows, History, Layout

COMMA = sql.SQL(", ")
AND = sql.SQL(" AND ")
ROOM = "fillfactor=40"  # one more version of every row fits into its page


def identifiers(columns: Iterable[Column]) -> list[sql.Identifier]:
    """The names of the columns, to be quoted by the driver."""
    return [sql.Identifier(column.identifier) for column in columns]


def key_identifiers(layout: Layout) -> list[sql.Identifier]:
    """The names of the key's columns, to be quoted by the driver."""
    named = {column.name: column.identifier for column in layout.columns}
    return [sql.Identifier(named[name]) for name in layout.key]


def create(layout: Layout) -> sql.Composed:
    """CREATE TABLE with types, limits and key; comments and rights come after it."""
    room = sql.SQL(f" WITH ({ROOM})" if layout.rewritten else "")
    if layout.partitioned_by is not None:
        room = sql.SQL(" PARTITION BY RANGE ({})").format(sql.Identifier(layout.partitioned_by))
    return sql.SQL("CREATE TABLE {} ({}){}").format(sql.Identifier(layout.identifier), _body(layout), room)


def create_temporary(layout: Layout) -> sql.Composed:
    """A table that is gone with the transaction."""
    name = sql.Identifier(layout.identifier)
    return sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(name, _body(layout))


def column_definition(layout: Layout, column: Column) -> sql.Composed:
    """Name, type, NOT NULL and DEFAULT."""
    parts: list[sql.Composable] = [sql.Identifier(column.identifier), sql.SQL(column.type)]
    if layout.not_null(column):
        parts.append(sql.SQL("NOT NULL"))
    if column.default is not None:
        parts.append(sql.SQL("DEFAULT {}").format(sql.Literal(column.default)))
    return sql.SQL(" ").join(parts)


def check_definition(layout: Layout, column: Column) -> sql.Composed | None:
    """The range of a column, as a table constraint of a name that later releases find again."""
    bounds = [
        sql.SQL("{} {} {}").format(sql.Identifier(column.identifier), sql.SQL(sign), sql.Literal(bound))
        for sign, bound in ((">=", column.low), ("<=", column.high))
        if bound is not None
    ]
    if not bounds:
        return None
    name = sql.Identifier(layout.check_name(column))
    return sql.SQL("CONSTRAINT {} CHECK ({})").format(name, AND.join(bounds))


def _body(layout: Layout) -> sql.Composed:
    columns = [column_definition(layout, column) for column in layout.columns]
    checks = [check for column in layout.columns if (check := check_definition(layout, column))]
    return COMMA.join([*columns, *checks, sql.SQL("PRIMARY KEY ({})").format(COMMA.join(key_identifiers(layout)))])


def copy(table: PublishedTable) -> sql.Composed:
    """COPY of quoted CSV into the staging table; what is empty becomes NULL."""
    names = COMMA.join(identifiers(table.row_columns))
    return sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv, FORCE_NULL ({}))").format(_staged(table), names, names)


def fill(table: DerivedTable) -> sql.Composed:
    """Put what the table's SELECT gives into its staging table."""
    names = COMMA.join(identifiers(table.columns))
    return sql.SQL("INSERT INTO {} ({}) {}").format(_staged(table), names, table.select)


def upsert(table: DerivedTable, undeclared: Iterable[str]) -> sql.Composed:
    """Write the staged rows; what the columns in `undeclared` held is emptied."""
    return sql.SQL("INSERT INTO {} ({names}) SELECT {names} FROM {} {}").format(
        sql.Identifier(table.layout.identifier),
        _staged(table),
        _on_conflict(table.layout, others(table.columns, table.key), undeclared),
        names=COMMA.join(identifiers(table.columns)),
    )


def hold_back(table: PublishedTable, history: History) -> sql.Composed:
    """Empty the staged rows that are about an earlier day than the published ones: those then count as not computed."""
    as_of = sql.Identifier(table.column(history.as_of).identifier)
    told = sql.SQL(
        ", {} = format('the newest row known is of %s, that of the published number of %s: it stays until newer rows"
        " come. Delete it here if it should go.', {}.{}, kept.{})"
    ).format(sql.Identifier(REASON), _staged(table), as_of, as_of)
    return sql.SQL(
        "UPDATE {staged} SET {value} = NULL{told} FROM {table} AS kept"
        " WHERE {same} AND kept.{as_of} > {staged}.{as_of} AND {staged}.{value} IS NOT NULL"
    ).format(
        staged=_staged(table),
        value=_value(table),
        told=told if REASON in table.row_names else sql.SQL(""),
        table=sql.Identifier(table.layout.identifier),
        same=_same_key(table),
        as_of=as_of,
    )


def drop_unshown(table: PublishedTable, of: PublishedTable) -> sql.Composed:
    """Drop the staged rows that explain no row that `of` shows as this run computed it; %(published_at)s is its moment.

    `of` has to be published before.
    """
    same = [*of.key, *([of.history.as_of] if of.history else [])]
    names = [(of.column(name).identifier, table.column(name).identifier) for name in same]
    return sql.SQL(
        "DELETE FROM {staged} AS told WHERE NOT EXISTS"
        " (SELECT FROM {of} AS shown WHERE {same} AND shown.{moment} = %(published_at)s)"
    ).format(
        staged=_staged(table),
        of=sql.Identifier(of.layout.identifier),
        same=AND.join(
            sql.SQL("shown.{} = told.{}").format(sql.Identifier(theirs), sql.Identifier(ours)) for theirs, ours in names
        ),
        moment=sql.Identifier(PUBLISHED_AT),
    )


def drop_unled(table: PublishedTable, follows: Follows) -> sql.Composed:
    """Drop the staged rows that belong to a row which could not be computed."""
    return sql.SQL("DELETE FROM {} AS kept USING {} AS head WHERE {}").format(
        _staged(table), _staged(follows.table), _unled(table, follows)
    )


def mark_unled(table: PublishedTable, follows: Follows) -> sql.Composed:
    """Mark the rows as stale that belong to a row which could not be computed."""
    return sql.SQL("UPDATE {} AS kept SET {} = true FROM {} AS head WHERE {}").format(
        sql.Identifier(table.layout.identifier),
        sql.Identifier(STALE),
        _staged(follows.table),
        _unled(table, follows),
    )


def _unled(table: PublishedTable, follows: Follows) -> sql.Composed:
    same = [
        sql.SQL("kept.{} = head.{}").format(
            sql.Identifier(table.column(name).identifier), sql.Identifier(follows.table.column(name).identifier)
        )
        for name in follows.key
    ]
    return AND.join([*same, sql.SQL("head.{} IS NULL").format(_value(follows.table))])


def upsert_computed(table: PublishedTable, undeclared: Iterable[str]) -> sql.Composed:
    """Write the staged rows that were computed; %(published_at)s is the run's moment."""
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE {} IS NOT NULL {}").format(
        sql.Identifier(table.layout.identifier),
        COMMA.join(identifiers(table.columns)),
        COMMA.join(_given(column, table) for column in table.columns),
        _staged(table),
        _value(table),
        _on_conflict(table.layout, others(table.columns, table.key), undeclared),
    )


def stage_shown(table: PublishedTable) -> sql.Composed:
    """Stage the rows that the table shows."""
    return sql.SQL("INSERT INTO {} ({names}) SELECT {names} FROM {}").format(
        _staged(table),
        sql.Identifier(table.layout.identifier),
        names=COMMA.join(identifiers(table.row_columns)),
    )


def mark(table: PublishedTable) -> sql.Composed:
    """How many rows the table shows, a sum over what was scored of them, and how many are stale or without a value.

    Floating-point numbers count by their shortest text, which no two of them share.
    """
    stale = sql.SQL(" OR {}").format(sql.Identifier(STALE)) if table.marks_stale else sql.SQL("")
    return sql.SQL(
        "SELECT count(*), coalesce(sum(hashtextextended(ROW({names})::text, 0)::numeric), 0)::text,"
        " count(*) FILTER (WHERE {value} IS NULL{stale}) FROM {table}"
    ).format(
        names=COMMA.join(identifiers(table.row_columns)),
        value=_value(table),
        stale=stale,
        table=sql.Identifier(table.layout.identifier),
    )


def added(table: PublishedTable) -> sql.Composed:
    """The staged rows that were computed, and whose key the table does not have."""
    return sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL AND NOT EXISTS (SELECT FROM {} AS kept WHERE {})").format(
        COMMA.join(identifiers(table.row_columns)),
        _staged(table),
        _value(table),
        sql.Identifier(table.layout.identifier),
        _same_key(table),
    )


def keep_uncomputed(table: PublishedTable) -> sql.Composed:
    """Mark the rows that were not computed as stale; one that was never computed is listed without a value.

    %(published_at)s is the run's moment: they get older with it.
    """
    declared = {column.name for column in table.columns}
    return sql.SQL(
        "INSERT INTO {table} ({key}, {stale}, {reason})"
        " SELECT {key}, true, {reason} FROM {staged} WHERE {value} IS NULL"
        " ON CONFLICT ({key}) DO UPDATE SET {stale} = true, {reason} = excluded.{reason}{older}"
    ).format(
        older=sql.SQL(", {} = {}").format(sql.Identifier(DAYS_BEHIND), _days_behind(table, table.layout.identifier))
        if DAYS_BEHIND in declared
        else sql.SQL(""),
        table=sql.Identifier(table.layout.identifier),
        key=COMMA.join(key_identifiers(table.layout)),
        stale=sql.Identifier(STALE),
        reason=sql.Identifier(REASON),
        staged=_staged(table),
        value=_value(table),
    )


def stale(table: PublishedTable) -> sql.Composed:
    """The rows that are marked as stale."""
    return sql.SQL("SELECT FROM {} WHERE {}").format(sql.Identifier(table.layout.identifier), sql.Identifier(STALE))


def remove_departed(table: PublishedTable | DerivedTable) -> sql.Composed:
    """Delete the rows that were not staged: they are no longer expected."""
    follows = table.follows if isinstance(table, PublishedTable) else None
    led = sql.SQL("")
    if follows and isinstance(table, PublishedTable):
        led = sql.SQL(" AND NOT EXISTS (SELECT FROM {} AS head WHERE {})").format(
            _staged(follows.table), _unled(table, follows)
        )
    return sql.SQL("DELETE FROM {} AS kept WHERE NOT EXISTS (SELECT FROM {} WHERE {}){}").format(
        sql.Identifier(table.layout.identifier), _staged(table), _same_key(table), led
    )


def remove_departed_telling(table: PublishedTable, unit: str) -> sql.Composed:
    """`remove_departed`, that answers with the number of rows and the values of `unit` of which no row is expected."""
    return sql.SQL(
        "WITH gone AS ({} RETURNING kept.{unit} AS unit) SELECT count(*), array_agg(DISTINCT unit::text) FILTER"
        " (WHERE NOT EXISTS (SELECT FROM {} AS expected WHERE expected.{unit} = gone.unit)) FROM gone"
    ).format(remove_departed(table), _staged(table), unit=sql.Identifier(table.column(unit).identifier))


def remove_uncomputed(table: PublishedTable) -> sql.Composed:
    """Delete the rows that were staged without a value."""
    return sql.SQL("DELETE FROM {} AS kept USING {} WHERE {} AND {} IS NULL").format(
        sql.Identifier(table.layout.identifier),
        _staged(table),
        _same_key(table),
        sql.SQL("{}.{}").format(_staged(table), _value(table)),
    )


def _same_key(table: PublishedTable | DerivedTable) -> sql.Composed:
    same = [sql.SQL("kept.{0} = {1}.{0}").format(name, _staged(table)) for name in key_identifiers(table.layout)]
    return AND.join(same)


def remember(table: PublishedTable, history: Layout) -> sql.Composed:
    """Add the computed rows to the history where they differ from its last line; %(published_at)s is the run's moment.

    A rerun of the same moment replaces the lines of that moment.
    """
    told = others(history.columns, history.key)
    differs = sql.SQL("({last}) IS DISTINCT FROM ({told})").format(
        last=COMMA.join(sql.SQL("last.{}").format(name) for name in identifiers(told)),
        told=COMMA.join(sql.SQL("{}.{}").format(_staged(table), name) for name in identifiers(told)),
    )
    return _remember(table, history, differs, _on_conflict(history, told, ()))


def remember_past(table: PublishedTable, history: Layout) -> sql.Composed:
    """Add computed rows of a past moment, %(published_at)s, to the history where it had no line for their day by then.

    No line is changed: where there is one, that is what was shown.
    """
    return _remember(table, history, sql.SQL("false"), sql.SQL("ON CONFLICT DO NOTHING"))


def _remember(
    table: PublishedTable, history: Layout, differs: sql.Composable, on_conflict: sql.Composable
) -> sql.Composed:
    *key, moment = key_identifiers(history)
    same = [sql.SQL("past.{0} = {1}.{0}").format(name, _staged(table)) for name in key]
    return sql.SQL(
        "INSERT INTO {history} ({columns}) SELECT {given} FROM {staged} LEFT JOIN LATERAL ("
        "SELECT * FROM {history} AS past WHERE {same} AND past.{moment} <= %(published_at)s"
        " ORDER BY past.{moment} DESC LIMIT 1) AS last ON true"
        " WHERE {staged}.{value} IS NOT NULL AND (last.{moment} IS NULL OR {differs}) {on_conflict}"
    ).format(
        history=sql.Identifier(history.identifier),
        columns=COMMA.join(identifiers(history.columns)),
        given=COMMA.join(_given(column, table) for column in history.columns),
        staged=_staged(table),
        same=AND.join(same),
        moment=moment,
        value=_value(table),
        differs=differs,
        on_conflict=on_conflict,
    )


def _on_conflict(layout: Layout, columns: Iterable[Column], undeclared: Iterable[str]) -> sql.Composed:
    """Replace the row of the same key; a column that nobody declares any more is emptied."""
    updates = [sql.SQL("{0} = excluded.{0}").format(name) for name in identifiers(columns)]
    updates += [sql.SQL("{} = DEFAULT").format(sql.Identifier(name)) for name in undeclared]
    return sql.SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(COMMA.join(key_identifiers(layout)), COMMA.join(updates))


def _given(column: Column, table: PublishedTable) -> sql.Composable:
    """What a computed row has in a column: what was staged, or what the publisher fills."""
    if column.name == PUBLISHED_AT:
        return sql.SQL("%(published_at)s")
    if column.name == STALE:
        if REASON not in table.row_names or table.follows:
            return sql.SQL("false")
        return sql.SQL("{}.{} IS NOT NULL").format(_staged(table), sql.Identifier(REASON))
    if column.name == DAYS_BEHIND:
        return _days_behind(table, table.staging.identifier)
    return sql.SQL("{}.{}").format(_staged(table), sql.Identifier(column.identifier))


def _days_behind(table: PublishedTable, rows: str) -> sql.Composed:
    """Days from what a row of the table `rows` is about to the run's moment, in UTC as the session is."""
    assert table.history is not None
    as_of = sql.Identifier(rows, table.column(table.history.as_of).identifier)
    return sql.SQL("%(published_at)s::timestamptz::date - {}::date").format(as_of)


def _staged(table: PublishedTable | DerivedTable) -> sql.Identifier:
    return sql.Identifier(table.staging.identifier)


def _value(table: PublishedTable) -> sql.Identifier:
    return sql.Identifier(table.column(table.value).identifier)
