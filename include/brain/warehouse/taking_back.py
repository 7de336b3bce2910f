"""Taking back publications of moments that have not come: a wrong clock, a typo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.warehouse import fence
from brain.warehouse.connection import transaction
from brain.warehouse.evaluation import layouts_of_ledgers, take_back_scores
from brain.warehouse.extraction_runs import EXTRACTION_RUNS
from brain.warehouse.notices import forget_notices
from brain.warehouse.publish import derive, layouts_of
from brain.warehouse.refusal import explained
from brain.warehouse.statements import COMMA, create_temporary, identifiers, key_identifiers
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import DerivedTable, Layout, PublishedTable

_COUNT_EXTRACTIONS = "SELECT count(*) FROM extraction_runs WHERE use_case = %s AND interval_end > %s"
_FORGET_EXTRACTIONS = "DELETE FROM extraction_runs WHERE use_case = %s AND interval_end > %s"
RESTORED = "restored from the history by `brain repair`; the next publication computes it"


def publications_after(url: SecretStr, use_case: str, tables: Sequence[PublishedTable], after: Moment) -> bool:
    """Whether a moment later than `after` was published."""
    newest = fence.newest_published(url, use_case, tables)
    return newest is not None and newest > after.at


def take_back(
    url: SecretStr,
    use_case: str,
    tables: Sequence[PublishedTable],
    derived: Sequence[DerivedTable],
    after: Moment,
    ledgers: Sequence[Ledger] = (),
) -> int:
    """Remove what was published for moments later than `after`, in one transaction.

    In its place comes the last row of the history that is not later, marked as stale, and the tables may be published
    for moments after `after` again. A table without a history has no rows until then where they were later. The ledgers
    forget what was noted later, and what was scored later is open again.

    Returns:
        How many published rows were later.
    """
    with explained():
        undeclared = upgrade(url, use_case, [*layouts_of(tables, derived), *layouts_of_ledgers(ledgers)])
        with transaction(url) as connection, connection.cursor() as cursor:
            fence.hold(cursor, use_case)
            later = sum(_take_back(cursor, table, after) for table in tables)
            for table in derived:
                cursor.execute(create_temporary(table.staging))
                derive(cursor, table, undeclared[table.name])
            fence.set_back(cursor, use_case, tables)
            for ledger in ledgers:
                take_back_scores(cursor, use_case, ledger, after)
            forget_notices(cursor, use_case, after)
            return later


def extractions_after(url: SecretStr, use_case: str, after: Moment) -> int:
    """How many extractions are recorded for moments later than `after`."""
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (EXTRACTION_RUNS.name,))
        if cursor.fetchall() == [(False,)]:
            return 0
        cursor.execute(_COUNT_EXTRACTIONS, (use_case, after.at))
        ((count,),) = cursor.fetchall()
        return int(count)


def forget_extractions(url: SecretStr, use_case: str, after: Moment) -> None:
    """Delete the records of extractions for moments later than `after`."""
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(_FORGET_EXTRACTIONS, (use_case, after.at))


def _take_back(cursor: Cursor, table: PublishedTable, after: Moment) -> int:
    later, history = sql.Identifier(f"later_{table.layout.identifier}"), table.history_layout
    key, at = COMMA.join(key_identifiers(table.layout)), {"after": after.at, "reason": RESTORED}
    cursor.execute(_LATER.format(later=later, key=key, table=_named(table.layout), moment=_MOMENT), at)
    cursor.execute(_DELETE.format(table=_named(table.layout), moment=_MOMENT), at)
    count = int(cursor.rowcount)
    if history is not None:
        cursor.execute(_DELETE.format(table=_named(history), moment=_MOMENT), at)
        cursor.execute(_restore(table, history, later), at)
    return count


def _restore(table: PublishedTable, history: Layout, later: sql.Identifier) -> sql.Composed:
    """The last line of the history for every row whose key is in `later`."""
    keeps = table.unscored == "keep"
    marks = sql.SQL(", {}, {}").format(sql.Identifier(STALE), sql.Identifier(REASON))
    return sql.SQL(
        "INSERT INTO {table} ({columns}{marks}) SELECT DISTINCT ON ({key}) {columns}{values}"
        " FROM {history} JOIN {later} USING ({key}) ORDER BY {key}, {moment} DESC"
    ).format(
        table=_named(table.layout),
        columns=COMMA.join(identifiers(history.columns)),
        marks=marks if keeps else sql.SQL(""),
        key=COMMA.join(key_identifiers(table.layout)),
        values=sql.SQL(", true, %(reason)s") if keeps else sql.SQL(""),
        history=_named(history),
        later=later,
        moment=_MOMENT,
    )


def _named(layout: Layout) -> sql.Identifier:
    return sql.Identifier(layout.identifier)


_MOMENT = sql.Identifier(PUBLISHED_AT)
_LATER = sql.SQL(
    "CREATE TEMPORARY TABLE {later} ON COMMIT DROP AS SELECT {key} FROM {table} WHERE {moment} > %(after)s"
)
_DELETE = sql.SQL("DELETE FROM {table} WHERE {moment} > %(after)s")
