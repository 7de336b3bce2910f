"""Reading what was published, the way any SQL client would."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors as pg
from psycopg2 import sql

from brain.core.errors import QueryRefused, UnknownColumn, UnknownTable
from brain.core.nearest import told_nearest
from brain.warehouse.connection import transaction
from brain.warehouse.ledger import HINDCAST, KNOWN_AT, NOTE, OUTCOME
from brain.warehouse.statements import AND, COMMA, key_identifiers
from brain.warehouse.tables import PUBLISHED_AT, STALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import ModelColumns, PublishedTable

OPEN_CURSOR = """
DO $$ DECLARE answer refcursor := 'answer'; BEGIN OPEN answer FOR EXECUTE current_setting('brain.question'); END $$
"""
# ValueError: text that cannot be sent, or an answer Python has no value for (a date before the year 1).
REFUSALS = (
    *(psycopg2.ProgrammingError, psycopg2.DataError, psycopg2.InternalError, psycopg2.NotSupportedError),
    *(pg.ProgramLimitExceeded, pg.StatementTooComplex, pg.ConfigurationLimitExceeded, pg.QueryCanceled),
    *(ValueError, OverflowError),
)
# A login may change its own defaults, and those of everybody who shares it.
AS_DECLARED = """
SET TRANSACTION READ ONLY;
SET LOCAL extra_float_digits = 1; SET LOCAL datestyle = ISO;
SET LOCAL intervalstyle = postgres; SET LOCAL bytea_output = hex;
"""


_NO_QUESTION = re.compile(r"cannot open (?!multi-query)(.+) query as cursor")
_UNQUOTED = re.compile(r'trailing junk after numeric literal at or near "(.+)"')
_QUOTED = re.compile(r'"(.+)"')
_READABLE = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
    AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND has_table_privilege(oid, 'SELECT')
"""


@dataclass(frozen=True)
class Answer:
    """A query's result: column names and rows of plain values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def reader_url(settings: Settings) -> SecretStr:
    """The read-only login where one is set, else the publisher's own."""
    return settings.reader_url or settings.warehouse_url


def ask(url: SecretStr, query: str | sql.Composable, values: Sequence[object] | None = None) -> Answer:
    """Run one query in a read-only transaction, `values` bound by the driver.

    The server itself opens a cursor for the text: it refuses several statements, and one that is no query.

    Raises:
        QueryRefused: The query is wrong, takes too long, or the role may not do what it asks for.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(AS_DECLARED)
        cursor.execute("SAVEPOINT asking")
        try:
            text = cursor.mogrify(query, values).decode()
            cursor.execute("SELECT set_config('brain.question', %s, true)", (text,))
            cursor.execute(OPEN_CURSOR)
            cursor.execute("FETCH ALL FROM answer")
            assert cursor.description is not None
            return Answer(tuple(column.name for column in cursor.description), cursor.fetchall())
        except (pg.UndefinedTable, pg.UndefinedColumn) as error:
            cursor.execute("ROLLBACK TO SAVEPOINT asking")
            raise _unknown(cursor, error) from error
        except REFUSALS as error:
            raise _refused(error) from error


def last_published(
    url: SecretStr, table: PublishedTable, key: Mapping[str, object], as_of: date | datetime | None
) -> dict[str, Any] | None:
    """The row last published for that key and day, from the table's history; None if there was none.

    Args:
        key: A value for each column of the table's key.
        as_of: By default the newest.

    Raises:
        QueryRefused: Nothing was published yet.
    """
    history = table.history_layout
    assert history is not None, f"{table.name} keeps no history"
    *wanted, day, moment = key_identifiers(history)
    given = [key[name] for name in table.key]
    if as_of is not None:
        wanted, given = [*wanted, day], [*given, as_of]
    query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} DESC, {} DESC LIMIT 1").format(
        COMMA.join(sql.Identifier(column.identifier) for column in history.columns),
        sql.Identifier(history.identifier),
        AND.join(sql.SQL("{} = %s").format(name) for name in wanted),
        day,
        moment,
    )
    found = ask(url, query, given).rows
    return dict(zip((column.name for column in history.columns), found[0], strict=True)) if found else None


def resolved_rows(ledger: Ledger, last: int) -> tuple[sql.Composed, sql.Composed]:
    """Queries for how many rows of a ledger are scored, live and hindcast, and for the `last` of them by `known_at`.

    The rows are narrow: what was said, not by whom nor how it scored, what came true, and ``how`` (live or hindcast).
    """
    left_out = {ledger.claim, ledger.table.model.version if ledger.table.model else None}
    shown = [*ledger.key, *(name for name in ledger.kept if name not in left_out), OUTCOME, KNOWN_AT]
    table, known = sql.Identifier(ledger.layout.identifier), sql.SQL("WHERE outcome IS NOT NULL")
    hindcast = sql.Identifier(HINDCAST)
    return (
        sql.SQL("SELECT count(*) FILTER (WHERE NOT {0}), count(*) FILTER (WHERE {0}) FROM {1} {2}").format(
            hindcast, table, known
        ),
        sql.SQL(
            "SELECT {}, CASE WHEN {} THEN 'hindcast' ELSE 'live' END AS how FROM {} {} ORDER BY {} DESC, {} LIMIT {}"
        ).format(
            COMMA.join(map(sql.Identifier, shown)),
            hindcast,
            table,
            known,
            sql.Identifier(KNOWN_AT),
            COMMA.join(map(sql.Identifier, ledger.key)),
            sql.Literal(last),
        ),
    )


def referenced_versions(
    url: SecretStr, tables: Iterable[PublishedTable], since: datetime
) -> list[tuple[dict[str, Any], int]] | None:
    """The model versions behind a row that is shown now or was published after `since`.

    Returns:
        For each, the columns of the row from which the use case makes the model's key, and the version. Tables that
        declare no model are left out. None where one was not published yet: then nobody knows what it will point to.
    """
    found = []
    for table in tables:
        if table.model:
            if ask(url, "SELECT to_regclass(quote_ident(%s)) IS NULL", [table.layout.identifier]).rows == [(True,)]:
                return None
            rows = ask(url, _versions(table, table.model), [since] if table.history_layout else None).rows
            found += [(dict(zip(table.model.key, row, strict=True)), version) for *row, version in rows]
    return found


def stale_models(url: SecretStr, table: PublishedTable) -> list[dict[str, Any]]:
    """The columns that tell the model behind a row, for each whose row is marked stale; the table declares a model."""
    assert table.model is not None
    query = sql.SQL("SELECT DISTINCT {names} FROM {} WHERE {} ORDER BY {names}").format(
        sql.Identifier(table.layout.identifier),
        sql.Identifier(STALE),
        names=COMMA.join(sql.Identifier(table.column(name).identifier) for name in table.model.key),
    )
    return [dict(zip(table.model.key, row, strict=True)) for row in ask(url, query).rows]


def shown_keys(url: SecretStr, table: PublishedTable) -> list[dict[str, Any]]:
    """Of each row that a table shows the columns of its key, and those that tell the model behind it."""
    names = list(dict.fromkeys((*table.key, *(table.model.key if table.model else ()))))
    query = sql.SQL("SELECT {} FROM {}").format(
        COMMA.join(sql.Identifier(table.column(name).identifier) for name in names),
        sql.Identifier(table.layout.identifier),
    )
    try:
        return [dict(zip(names, row, strict=True)) for row in ask(url, query).rows]
    except UnknownTable:
        return []


def has_tables(url: SecretStr, names: Iterable[str]) -> bool:
    """Whether the warehouse has tables or views of these names."""
    query = "SELECT coalesce(bool_and(to_regclass(quote_ident(name)) IS NOT NULL), true) FROM unnest(%s) AS n (name)"
    return bool(ask(url, query, [list(names)]).rows == [(True,)])


def largest_changes(url: SecretStr, table: PublishedTable, moment: Moment, count: int) -> Answer:
    """The values that a moment's publication changed most, each beside what was published before.

    Returns:
        The table's key, ``before``, ``after``; at most `count` rows, the largest change first. None where the table
        keeps no history or its value is no number.
    """
    history = table.history_layout
    if history is None or table.column(table.value).type != "double precision":
        return Answer((), [])
    keys = [sql.Identifier(table.column(name).identifier) for name in table.key]
    query = sql.SQL(
        "SELECT {keys}, earlier.{value} AS before, now.{value} AS after FROM {history} AS now CROSS JOIN LATERAL"
        " (SELECT {value} FROM {history} AS past WHERE {same} AND past.{at} < now.{at} ORDER BY past.{at} DESC LIMIT 1)"
        " AS earlier WHERE now.{at} = %s AND earlier.{value} <> now.{value}"
        " ORDER BY abs(now.{value} - earlier.{value}) DESC, {keys} LIMIT {count}"
    ).format(
        keys=COMMA.join(sql.SQL("now.{}").format(key) for key in keys),
        value=sql.Identifier(table.column(table.value).identifier),
        history=sql.Identifier(history.identifier),
        same=AND.join(sql.SQL("past.{0} = now.{0}").format(key) for key in keys),
        at=sql.Identifier(PUBLISHED_AT),
        count=sql.Literal(count),
    )
    return ask(url, query, [moment.at])


def open_rows(url: SecretStr, ledger: Ledger) -> tuple[int, int | None]:
    """How many live rows of a ledger wait for their outcome, and in how many rows of data the first of them has one.

    The second is None where some live row has its outcome already, or none waits.
    """
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE {outcome} IS NULL AND {note} IS NULL),"
        " CASE WHEN count({outcome}) = 0 THEN min({span}) END FROM {table} WHERE NOT {hindcast}"
    ).format(
        outcome=sql.Identifier(OUTCOME),
        note=sql.Identifier(NOTE),
        span=ledger.span_sql,
        table=sql.Identifier(ledger.layout.identifier),
        hindcast=sql.Identifier(HINDCAST),
    )
    ((waiting, rows),) = ask(url, query).rows
    return waiting, rows


def _versions(table: PublishedTable, model: ModelColumns) -> sql.Composed:
    names = [sql.Identifier(table.column(name).identifier) for name in (*model.key, model.version)]
    select = sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL")
    query = select.format(COMMA.join(names), sql.Identifier(table.layout.identifier), names[-1])
    if (history := table.history_layout) is None:
        return sql.SQL("{} GROUP BY {}").format(query, COMMA.join(names))
    past = select.format(COMMA.join(names), sql.Identifier(history.identifier), names[-1])
    return sql.SQL("{} UNION {} AND {} >= %s").format(query, past, sql.Identifier(PUBLISHED_AT))


def _refused(error: Exception) -> QueryRefused:
    found = str(error).strip().splitlines()[0]
    if statement := _NO_QUESTION.search(found):
        told = f"{statement[1]}, which is no question"
        return QueryRefused("SQL", found=told, expected="only SELECT", remedy="`brain sql` reads and changes nothing.")
    if unquoted := _UNQUOTED.search(found):
        name = re.search(re.escape(unquoted[1]) + r"\w*", str(error).removeprefix(found))
        remedy = f'Quote the name, which starts with a digit: "{name[0] if name else unquoted[1]}".'
        return QueryRefused("SQL", found=found, expected="one query on the published tables", remedy=remedy)
    return QueryRefused("SQL", found=found, expected="one query on the published tables", remedy="Correct it.")


def _unknown(cursor: Cursor, error: pg.UndefinedTable | pg.UndefinedColumn) -> UnknownTable:
    """What is asked for and not there, with what comes nearest to it of what there is."""
    found = str(error.diag.message_primary)
    meant = _QUOTED.search(found)
    near = str(error.diag.message_hint or "").removesuffix(".")
    remedy = f"{near}. " if near else ""
    if isinstance(error, pg.UndefinedTable):
        cursor.execute(_READABLE)
        readable = [name for (name,) in cursor.fetchall()]
        near = told_nearest(meant[1], readable) if meant else ""
        remedy = (
            f"{near}`brain tables` shows what there is, and makes what an update added."
            if readable
            else ("Nothing was published yet: `make run` or `brain run` does.")
        )
        return UnknownTable("SQL", found=found, expected="a table that is there", remedy=remedy.strip())
    return UnknownColumn("SQL", found=found, expected="columns that are there", remedy=remedy.strip() or "Correct it.")
