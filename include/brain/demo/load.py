"""The demo tables: real prices, features and forward returns, as one day in history knew them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from psycopg2 import sql
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from brain.core.connections import refusal
from brain.core.errors import SettingsError
from brain.demo.features import forward_returns, technical_features
from brain.demo.prices import ASSETS, prices
from brain.usecases.direction.names import CLOSE, DATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    import numpy as np
    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from sqlalchemy import Engine

    Until = Callable[[str, date | None], date | None]

DRIVER = "postgresql+psycopg2"
INCOMING = "incoming_rows"


@dataclass(frozen=True)
class LoadedTable:
    """What a load did to one table.

    Args:
        rows: Rows the table has now.
        written: Rows that were new or differed.
        removed: Rows that the table no longer has.
        last_day: Date of the newest row; None for an empty table.
        last_day_before: What it was before the load; None if there was no row.
        left: Rows of the series that are newer.
    """

    asset: str
    rows: int
    written: int
    removed: int
    last_day: date | None
    last_day_before: date | None = None
    left: int = 0

    @property
    def moved_back(self) -> bool:
        """The table knew later days before."""
        return self.last_day_before is not None and (self.last_day is None or self.last_day < self.last_day_before)


def demo_frame(asset: str, as_of: date | None = None) -> pd.DataFrame:
    """One asset's table as it was known at the end of `as_of`, without a database.

    Returns:
        ``Date`` (datetime64, ascending, unique), prices, features, forward returns; a row per trading day up to
        `as_of`. Forward returns that were not known yet are NaN.

    Raises:
        UnknownName: There is no demo asset of this name.
        ExtraNotInstalled: The `demo` extra is missing.
    """
    bars = prices(asset)
    if as_of is not None:
        bars = bars[bars[DATE] <= pd.Timestamp(as_of)]
    return pd.concat([bars, technical_features(bars), forward_returns(bars[CLOSE])], axis="columns")


def load_demo(
    url: str, as_of: date | None = None, assets: Iterable[str] | None = None, schema: str = "public"
) -> list[LoadedTable]:
    """Create or refresh the demo tables as one day knew them; `brain.demo.days` plays one day after another.

    Args:
        url: SQLAlchemy URL (``postgresql+psycopg2://``) of a role that may create tables in `schema`.
        as_of: The last day to be known; the whole series by default.
        assets: Names of demo assets; all 26 by default.
        schema: Schema of the tables.

    Raises:
        BrainError: As `refresh_tables`.
    """
    return refresh_tables(url, lambda _asset, _last_day: as_of, assets, schema)


def refresh_tables(
    url: str, until: Until, assets: Iterable[str] | None = None, schema: str = "public"
) -> list[LoadedTable]:
    """Make each table what it was on a day of its own.

    Each table changes in one transaction by upsert and delete, so that readers see the old rows or the new ones, and
    grants and views on it survive. A second load of the same day writes nothing; a load of the next one adds a row, and
    gives older rows the forward returns that have become known.

    Args:
        until: The last day to be known, by asset and by the last day that its table knows.

    Raises:
        UnknownName: There is no demo asset of this name; tables before it are loaded.
        ExtraNotInstalled: The `demo` extra is missing.
        SettingsError: The URL is not one of psycopg2's.
        ServerUnreachable: Nothing answers at the address.
        CredentialsRejected: The server refuses the login.
    """
    engine = _engine(url)
    try:
        names = ASSETS if assets is None else assets
        return [_refresh(engine, schema, asset, until) for asset in names]
    except OperationalError as error:
        raise refusal(error, engine.url, "the URL") from None
    finally:
        engine.dispose()


def _refresh(engine: Engine, schema: str, asset: str, until: Until) -> LoadedTable:
    table = sql.Identifier(schema, asset)
    series = prices(asset)[DATE]
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            before = _last_day(cursor, schema, asset)
            frame = demo_frame(asset, until(asset, before))
            columns = {str(name): _type_of(dtype) for name, dtype in frame.dtypes.items()}
            _create(cursor, table, columns)
            _copy(cursor, table, frame)
            written = _upsert(cursor, table, list(columns))
            removed = _remove_others(cursor, table)
    last_day = None if frame.empty else frame[DATE].iloc[-1].date()
    return LoadedTable(asset, len(frame), written, removed, last_day, before, len(series) - len(frame))


def _last_day(cursor: Cursor, schema: str, asset: str) -> date | None:
    """None where there is no row, or no table."""
    cursor.execute("SELECT to_regclass(format('%%I.%%I', %s, %s)) IS NULL", (schema, asset))
    if cursor.fetchall() == [(True,)]:
        return None
    table = sql.Identifier(schema, asset)
    cursor.execute(sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(DATE), table))
    ((found,),) = cursor.fetchall()
    return found  # type: ignore[no-any-return]


def _create(cursor: Cursor, table: sql.Identifier, columns: dict[str, str]) -> None:
    """Create the table, or give one made by an earlier version of the demo the columns it lacks."""
    date_column = sql.SQL("CREATE TABLE IF NOT EXISTS {} ({} date PRIMARY KEY)")
    cursor.execute(date_column.format(table, sql.Identifier(DATE)))
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table))
    present = {column.name for column in cursor.description or ()}
    added = [
        sql.SQL("ADD COLUMN {} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in columns.items()
        if name not in present
    ]
    if added:  # ALTER TABLE waits for every reader, even when there is nothing to alter
        cursor.execute(sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(added)))


def _copy(cursor: Cursor, table: sql.Identifier, frame: pd.DataFrame) -> None:
    import pyarrow as pa
    from pyarrow import csv

    incoming, names = sql.Identifier(INCOMING), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    selection = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
    cursor.execute(selection.format(incoming, names, table))
    day = pa.array(frame[DATE], type=pa.timestamp("us")).cast(pa.date32())
    content = pa.Table.from_pandas(frame, preserve_index=False)
    rows = io.BytesIO()
    csv.write_csv(content.set_column(0, DATE, day), rows, csv.WriteOptions(include_header=False))
    rows.seek(0)
    cursor.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(incoming), rows)


def _upsert(cursor: Cursor, table: sql.Identifier, columns: list[str]) -> int:
    """Insert new rows and update those that differ; how many."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    assignments = [
        sql.SQL("{name} = EXCLUDED.{name}").format(name=sql.Identifier(name)) for name in columns if name != DATE
    ]
    old = [sql.SQL("present.{}").format(sql.Identifier(name)) for name in columns]
    new = [sql.SQL("EXCLUDED.{}").format(sql.Identifier(name)) for name in columns]
    statement = sql.SQL(
        "INSERT INTO {table} AS present ({names}) SELECT {names} FROM {incoming} "
        "ON CONFLICT ({date}) DO UPDATE SET {assignments} WHERE ({old}) IS DISTINCT FROM ({new})"
    )
    cursor.execute(
        statement.format(
            table=table,
            names=names,
            incoming=sql.Identifier(INCOMING),
            date=sql.Identifier(DATE),
            assignments=sql.SQL(", ").join(assignments),
            old=sql.SQL(", ").join(old),
            new=sql.SQL(", ").join(new),
        )
    )
    return int(cursor.rowcount)


def _remove_others(cursor: Cursor, table: sql.Identifier) -> int:
    statement = sql.SQL("DELETE FROM {table} WHERE {date} NOT IN (SELECT {date} FROM {incoming})")
    cursor.execute(statement.format(table=table, date=sql.Identifier(DATE), incoming=sql.Identifier(INCOMING)))
    return int(cursor.rowcount)


def _type_of(dtype: np.dtype[Any]) -> str:
    return {"M": "date", "i": "bigint", "f": "double precision"}[dtype.kind]


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _wrong_url("text that is not a URL") from None
    if parsed.drivername != DRIVER:
        raise _wrong_url(f"a URL of {parsed.drivername!r}")
    return create_engine(parsed)


def _wrong_url(found: str) -> SettingsError:
    return SettingsError(
        "the demo database",
        found=found,
        expected=f"{DRIVER}://user:password@host:port/database",
        remedy="Correct the URL.",
    )
