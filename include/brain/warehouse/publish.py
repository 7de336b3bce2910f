"""One transaction from computed rows to the published tables: readers see all of the old or all of the new."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from brain.core.errors import PublishError
from brain.scoring.blocks import blocks
from brain.warehouse import fence, statements
from brain.warehouse.bulk import copy_in
from brain.warehouse.connection import transaction
from brain.warehouse.filling import fill, prepare
from brain.warehouse.news import new_rows, tell_news
from brain.warehouse.notices import make_ready
from brain.warehouse.refusal import explained
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.scoring.blocks import Rows
    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import DerivedTable, Layout, PublishedTable


COPIED_ROWS = 100_000  # as text in memory at a time


@dataclass(frozen=True)
class TableRows:
    """What a table is to show, as `brain.warehouse.grid.complete` gives it; None is what it shows now."""

    table: PublishedTable
    rows: Rows | None


@dataclass(frozen=True)
class TableCounts:
    """What a publication did to one table, in rows.

    Args:
        fresh: Computed in this run, of data that is as new as it should be.
        stale: Marked so: kept from an earlier publication, listed without a value, or computed of old data.
        departed: Removed: no longer expected, or not computed in a table that does not keep such rows.
        remembered: Lines added to its history, or changed by a rerun of the same moment.
        explains: The table explains rows of another; its own are no results.
        gone: The units of which no row is expected any more, where rows of them were removed.
    """

    fresh: int
    stale: int
    departed: int
    remembered: int
    explains: bool = False
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Publication:
    """What one publication did.

    Args:
        tables: By name of the table.
        behind: The newest moment published, if that is a newer one: then only histories were added to.
        noted: Rows that the ledgers did not have.
        mark: Of the rows as they were written, see `publish_shown`; empty where one is stale or has no value.
    """

    published_at: datetime
    tables: Mapping[str, TableCounts]
    behind: datetime | None = None
    noted: int = 0
    mark: str = ""

    def line(self) -> str:
        """One line for a person."""
        if self.behind is not None:
            return f"{self.behind:%Y-%m-%d %H:%M} UTC was published already: only histories were added to"
        told = f"{self.fresh} rows are fresh, {self.stale} stale, {self.departed} removed"
        return f"{told}, {self.noted} new in the ledger" if self.noted else told

    @property
    def fresh(self) -> int:
        return sum(counts.fresh for counts in self._results)

    @property
    def stale(self) -> int:
        return sum(counts.stale for counts in self._results)

    @property
    def departed(self) -> int:
        return sum(counts.departed for counts in self._results)

    @property
    def gone(self) -> list[str]:
        """The units whose rows were removed because the catalogue names them no longer."""
        return sorted({unit for counts in self._results for unit in counts.gone})

    @property
    def _results(self) -> list[TableCounts]:
        return [counts for counts in self.tables.values() if not counts.explains]


def publish(
    url: SecretStr,
    use_case: str,
    tables: Sequence[TableRows],
    derived: Sequence[DerivedTable],
    moment: Moment,
    ledgers: Sequence[Ledger] = (),
) -> Publication:
    """Replace what readers see of the tables of one use case, in one transaction.

    An older moment than the newest published one adds to the histories, and changes nothing that is there.

    Args:
        url: The warehouse.
        tables: A row without a value keeps its last published one, marked stale with the reason, or goes, as its table
            declares. So does a row that is about an earlier day than the published one. A row of the warehouse that is
            not among them goes.
        derived: Filled from `tables` at the end.
        moment: A rerun of the newest one gives the same rows.
        ledgers: Note what was not published before, in the same transaction.

    Raises:
        PublishError: The rows break what their table declares, or the warehouse's table cannot be brought to what this
            release declares; no row was changed.
        TableBusy: Another session holds a lock on a table.
    """
    with explained():
        undeclared = _made_ready(url, use_case, [given.table for given in tables], derived, ledgers)
        with transaction(url) as connection, connection.cursor() as cursor:
            fence.hold(cursor, use_case)
            return _published(cursor, use_case, tables, derived, undeclared, moment, ledgers)


def publish_shown(
    url: SecretStr,
    use_case: str,
    tables: Sequence[PublishedTable],
    derived: Sequence[DerivedTable],
    moment: Moment,
    ledgers: Sequence[Ledger],
    mark: str,
) -> Publication | None:
    """As `publish`, of the rows that the tables show: scoring gave them, and would give them again.

    Args:
        mark: Of the publication that wrote them.

    Returns:
        None where the tables have another mark, so that somebody has been at them, or where a newer moment was
        published in between; nothing was changed.

    Raises:
        As `publish`.
    """
    with explained():
        undeclared = _made_ready(url, use_case, tables, derived, ledgers)
        with transaction(url) as connection, connection.cursor() as cursor:
            fence.hold(cursor, use_case)
            newest = fence.newest(cursor, use_case, tables)
            if newest is None or moment.at < newest or _mark(cursor, tables) != mark:
                return None
            given = [TableRows(table, None) for table in tables]
            return _published(cursor, use_case, given, derived, undeclared, moment, ledgers)


def _made_ready(
    url: SecretStr,
    use_case: str,
    tables: Sequence[PublishedTable],
    derived: Sequence[DerivedTable],
    ledgers: Sequence[Ledger],
) -> Mapping[str, tuple[str, ...]]:
    """Columns that nobody declares any more, by table, once every table is as declared."""
    undeclared = upgrade(url, use_case, [*layouts_of(tables, derived), *(ledger.layout for ledger in ledgers)])
    if any(table.news for table in tables):
        make_ready(url)
    return undeclared


def _published(
    cursor: Cursor,
    use_case: str,
    tables: Sequence[TableRows],
    derived: Sequence[DerivedTable],
    undeclared: Mapping[str, tuple[str, ...]],
    moment: Moment,
    ledgers: Sequence[Ledger],
) -> Publication:
    for ledger in ledgers:
        prepare(cursor, ledger)
    publication = _publish(cursor, use_case, tables, derived, undeclared, moment)
    noted = [fill(cursor, ledger, moment, is_past=publication.behind is not None) for ledger in ledgers]
    mark = "" if publication.behind is not None else _mark(cursor, [given.table for given in tables])
    return replace(publication, noted=sum(noted), mark=mark)


def _mark(cursor: Cursor, tables: Sequence[PublishedTable]) -> str:
    """Of all rows that the tables show; empty where one is stale or has no value: it says more than was scored."""
    marks = []
    for table in tables:
        cursor.execute(statements.mark(table))
        ((rows, told, unscored),) = cursor.fetchall()
        if unscored:
            return ""
        marks.append(f"{rows}:{told}")
    return " ".join(marks)


def note(url: SecretStr, use_case: str, tables: Sequence[TableRows], moment: Moment, ledgers: Sequence[Ledger]) -> int:
    """Note in the ledgers what a hindcast says of a past moment; published tables and their histories stay as they are.

    A key and a day that a ledger has already is left alone, so that noting again changes nothing.

    Returns:
        How many rows were noted.

    Raises:
        PublishError: The rows break what their table declares; none was noted.
        TableBusy: Another session holds a lock on a table.
    """
    with explained():
        upgrade(url, use_case, [ledger.layout for ledger in ledgers])
        with transaction(url) as connection, connection.cursor() as cursor:
            fence.hold(cursor, use_case)
            for given in tables:
                _stage(cursor, given)
            for ledger in ledgers:
                prepare(cursor, ledger)
            return sum(fill(cursor, ledger, moment, is_past=True) for ledger in ledgers)


def _publish(
    cursor: Cursor,
    use_case: str,
    tables: Sequence[TableRows],
    derived: Sequence[DerivedTable],
    undeclared: Mapping[str, tuple[str, ...]],
    moment: Moment,
) -> Publication:
    newest = fence.newest(cursor, use_case, [given.table for given in tables])
    for given in tables:
        _stage(cursor, given)
    if newest is not None and moment.at < newest:
        return Publication(
            moment.at, {one.table.name: _remember_past(cursor, one.table, moment) for one in tables}, newest
        )
    for table in derived:
        cursor.execute(statements.create_temporary(table.staging))
    counts = {
        given.table.name: _publish_table(cursor, given.table, undeclared[given.table.name], moment) for given in tables
    }
    for table in derived:
        derive(cursor, table, undeclared[table.name])
    fence.advance(cursor, use_case, moment)
    return Publication(moment.at, counts)


def _require_whole(table: PublishedTable, rows: pd.DataFrame) -> None:
    """Refuse a row with a value that lacks what its table requires."""
    needed = [name for name in table.required if name in table.row_names]
    empty = rows[needed].isna().any(axis="columns").to_numpy()
    lacking = rows[empty & rows[table.value].notna().to_numpy()]
    if lacking.empty:
        return
    first = " ".join(str(lacking.iloc[0][name]) for name in table.key)
    raise PublishError(
        table.name,
        found=f"{len(lacking)} rows with a value and without all of {', '.join(needed)}; the first is {first}",
        expected="every row with a value to have them",
        remedy="Nothing was published. Look at what scores these rows.",
    )


def layouts_of(tables: Sequence[PublishedTable], derived: Sequence[DerivedTable]) -> list[Layout]:
    """All tables that a publication writes."""
    histories = [table.history_layout for table in tables if table.history_layout]
    return [*(table.layout for table in tables), *(table.layout for table in derived), *histories]


def _publish_table(cursor: Cursor, table: PublishedTable, undeclared: tuple[str, ...], moment: Moment) -> TableCounts:
    values = {"published_at": moment.at}
    if table.history:
        _run(cursor, statements.hold_back(table, table.history))
    if table.of:
        _run(cursor, statements.drop_unshown(table, table.of), values)
    if table.follows:
        _run(cursor, statements.drop_unled(table, table.follows))
    added = new_rows(cursor, table) if table.news else []
    computed = _run(cursor, statements.upsert_computed(table, undeclared), values)
    if table.news:
        tell_news(cursor, table.news, added, moment)
    keeps = table.unscored == "keep"
    kept = _run(cursor, statements.keep_uncomputed(table), values) if keeps else 0
    dropped = 0 if keeps else _run(cursor, statements.remove_uncomputed(table))
    departed, gone = _remove_departed(cursor, table)
    if table.follows:
        kept += _run(cursor, statements.mark_unled(table, table.follows))
    history = table.history_layout
    remembered = _run(cursor, statements.remember(table, history), values) if history else 0
    stale = _run(cursor, statements.stale(table)) if table.marks_stale else 0
    return TableCounts(computed + kept - stale, stale, departed + dropped, remembered, table.of is not None, gone)


def _remove_departed(cursor: Cursor, table: PublishedTable) -> tuple[int, tuple[str, ...]]:
    """The number of rows that went because they are no longer expected, and the units that went with all theirs."""
    if table.model is None:
        return _run(cursor, statements.remove_departed(table)), ()
    cursor.execute(statements.remove_departed_telling(table, table.model.key[0]))
    ((rows, units),) = cursor.fetchall()
    return rows, tuple(sorted(units or ()))


def _remember_past(cursor: Cursor, table: PublishedTable, moment: Moment) -> TableCounts:
    history, values = table.history_layout, {"published_at": moment.at}
    remembered = _run(cursor, statements.remember_past(table, history), values) if history else 0
    return TableCounts(0, 0, 0, remembered, table.of is not None)


def _stage(cursor: Cursor, given: TableRows) -> None:
    table = given.table
    cursor.execute(statements.create_temporary(table.staging))
    if given.rows is None:
        cursor.execute(statements.stage_shown(table))
        return
    for rows in blocks(given.rows):
        _require_whole(table, rows)
        for start in range(0, len(rows), COPIED_ROWS):
            _copy(cursor, table, rows.iloc[start : start + COPIED_ROWS].loc[:, list(table.row_names)])


def _copy(cursor: Cursor, table: PublishedTable, rows: pd.DataFrame) -> None:
    """As text; by Arrow, in a fifth of the time, where every column is of one type."""
    from pandas.api.types import is_object_dtype

    if not any(map(is_object_dtype, rows.dtypes)):
        copy_in(cursor, statements.copy(table), pa.Table.from_pandas(rows, preserve_index=False))
        return
    buffer = io.StringIO()
    rows.to_csv(buffer, index=False, header=False, na_rep="", float_format="%.17g", quoting=csv.QUOTE_ALL)
    buffer.seek(0)
    cursor.copy_expert(statements.copy(table), buffer)


def derive(cursor: Cursor, table: DerivedTable, undeclared: tuple[str, ...]) -> None:
    """Fill a derived table from those it is made of."""
    cursor.execute(statements.fill(table))
    cursor.execute(statements.upsert(table, undeclared))
    cursor.execute(statements.remove_departed(table))


def _run(cursor: Cursor, statement: object, values: Mapping[str, object] | None = None) -> int:
    cursor.execute(statement, values)
    return int(cursor.rowcount)
