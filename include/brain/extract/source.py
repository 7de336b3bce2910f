"""Reading asset tables from any database SQLAlchemy speaks to; PostgreSQL has a faster way (`postgres.py`)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import sqlalchemy as sa

from brain.core.errors import SettingsError, SourceTableError
from brain.core.keys import CLOSE, DATE
from brain.extract.cells import first_moment, to_days, to_floats
from brain.extract.failures import explain, missing_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from numpy.typing import NDArray

    from brain.core.settings import Settings


class Kind(StrEnum):
    """What a column holds, as far as extraction cares."""

    DATE = "date"
    TIME = "timestamp without time zone"
    ZONED_TIME = "timestamp with time zone"
    NUMBER = "number"
    TEXT = "text"
    OTHER = "another type"


@dataclass(frozen=True)
class Batch:
    """A run of rows: their key and float64 columns.

    Args:
        keys: datetime64[us], shape (n,), ascending.
        values: float64, shape (columns, n); NULL is NaN.
    """

    keys: NDArray[np.datetime64]
    values: NDArray[np.float64]


class Source(Protocol):
    """A database with one table per asset."""

    def discover(self, schema: str | None = None) -> list[str]:
        """Every table or view with the standard columns ``Date`` and ``Close``, sorted."""

    def columns(self, table: str) -> dict[str, Kind]:
        """The table's columns in order.

        Raises:
            SourceTableError: There is no such table.
            ServerUnreachable: The connection was cut.
        """

    def read(
        self,
        table: str,
        key: str,
        columns: Sequence[str],
        *,
        since: date | datetime | None = None,
        until: date | datetime | None = None,
        batch_rows: int = 50_000,
    ) -> Iterator[Batch]:
        """Rows with since ≤ key ≤ until in bounded batches, ordered by `key`.

        Raises:
            SourceTableError: A cell is not of its column's type, or the table has changed meanwhile.
            ServerUnreachable: The connection was cut.
        """

    def newest_key(self, table: str, key: str, until: date | datetime) -> datetime | None:
        """The greatest key not after `until`; None if there is none."""

    def close(self) -> None:
        """Give the connections back."""


def open_source(settings: Settings, schema: str | None = None) -> Source:
    """The source of the settings; `schema` is the catalogue's `source.schema`.

    Connecting happens at the first read.

    Raises:
        SettingsError: The URL is malformed, or its driver is not installed.
    """
    return connect_source(settings.source_url.get_secret_value(), schema)


def connect_source(url: str, schema: str | None = None) -> Source:
    """The source behind a SQLAlchemy URL; as `open_source`."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql":
            from brain.extract.postgres import PostgresSource

            return PostgresSource(parsed, schema)
        return SqlSource(parsed, schema)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        reason = f"the missing driver {error.name}" if isinstance(error, ModuleNotFoundError) else "a malformed URL"
        raise SettingsError(
            "BRAIN_SOURCE_URL",
            found=reason,
            expected="a SQLAlchemy URL such as postgresql+psycopg2://user:password@host:5432/database",
            remedy="Correct the URL, or install the driver its scheme names.",
        ) from None


class SqlSource:
    """Any SQLAlchemy dialect, read with a server-side cursor where the dialect has one."""

    def __init__(self, url: sa.URL, schema: str | None) -> None:
        self.url = url
        self.schema = schema
        self._engine = sa.create_engine(url, pool_pre_ping=True)

    def discover(self, schema: str | None = None) -> list[str]:
        schema = schema or self.schema
        with self._explained(schema or "the default schema"):
            inspector = sa.inspect(self._engine)
            names = {*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)}
            return sorted(name for name in names if {DATE, CLOSE} <= set(self._kinds(name, schema)))

    def columns(self, table: str) -> dict[str, Kind]:
        with self._explained(table):
            return self._kinds(table, self.schema)

    def _kinds(self, table: str, schema: str | None) -> dict[str, Kind]:
        if self._engine.dialect.name == "duckdb":  # its driver cannot reflect under SQLAlchemy 2.1
            return self._standard_columns(table, schema)
        described = sa.inspect(self._engine).get_columns(table, schema=schema)
        return {column["name"]: kind_of(column["type"]) for column in described}

    def _standard_columns(self, table: str, schema: str | None) -> dict[str, Kind]:
        """The columns as the SQL standard's information schema lists them."""
        names = ("column_name", "data_type", "table_name", "table_schema", "ordinal_position")
        listed = sa.table("columns", *map(sa.column, names), schema="information_schema")
        query = sa.select(listed.c.column_name, listed.c.data_type).order_by(listed.c.ordinal_position)
        query = query.where(listed.c.table_name == table, listed.c.table_schema == (schema or sa.func.current_schema()))
        with self._engine.connect() as connection:
            found = {name: kind_named(type_) for name, type_ in connection.execute(query)}
        if not found:
            raise missing_table(table, schema)
        return found

    def read(
        self,
        table: str,
        key: str,
        columns: Sequence[str],
        *,
        since: date | datetime | None = None,
        until: date | datetime | None = None,
        batch_rows: int = 50_000,
    ) -> Iterator[Batch]:
        query = select_rows(self._table(table, [key, *columns]), key, since, until)
        with self._explained(table), self._engine.connect() as connection:
            rows = connection.execution_options(stream_results=True, yield_per=batch_rows).execute(query)
            for part in rows.partitions(batch_rows):
                cells = list(zip(*part, strict=True))
                keys = to_days(table, key, cells[0])
                yield Batch(keys, to_floats(table, columns, cells[1:], keys))

    def newest_key(self, table: str, key: str, until: date | datetime) -> datetime | None:
        source = self._table(table, [key])
        with self._explained(table), self._engine.connect() as connection:
            found = connection.execute(sa.select(sa.func.max(source.c[key])).where(source.c[key] <= until)).scalar()
        return None if found is None else first_moment(to_days(table, key, [found]))

    def close(self) -> None:
        self._engine.dispose()

    def _table(self, table: str, names: Sequence[str]) -> sa.TableClause:
        """Columns keep their native type where a cell tells it; the key compares as a date or time."""
        kinds = self.columns(table)
        typed: Mapping[str, Any] = {names[0]: sa.Date() if kinds.get(names[0]) == Kind.DATE else sa.DateTime()}
        return sa.table(table, *(sa.column(name, typed.get(name)) for name in names), schema=self.schema)

    @contextlib.contextmanager
    def _explained(self, table: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.NoSuchTableError:
            raise missing_table(table, self.schema) from None
        except ValueError as error:  # a cell that the dialect cannot turn into its column's type
            raise SourceTableError(
                table,
                found=str(error),
                expected="cells of their column's type",
                remedy="Correct the cell, or the column's type.",
            ) from None
        except sa.exc.DBAPIError as error:
            raise explain(error, self.url, table) from None


def select_rows(
    source: sa.TableClause, key: str, since: date | datetime | None, until: date | datetime | None
) -> sa.Select[Any]:
    """The rows of `source` between two keys, in order; names are quoted and values bound by the dialect."""
    query = sa.select(*source.c).order_by(source.c[key])
    if since is not None:
        query = query.where(source.c[key] >= since)
    if until is not None:
        bound = source.c[key] <= until
        # Rows without a key would be hidden by the bound; a read from the start must show them.
        query = query.where(bound if since is not None else sa.or_(bound, source.c[key].is_(None)))
    return query


def kind_of(declared: Any) -> Kind:
    """The kind of a column of a SQLAlchemy type."""
    if isinstance(declared, sa.DateTime):
        return Kind.ZONED_TIME if declared.timezone else Kind.TIME
    for kind, types in (
        (Kind.DATE, sa.Date),
        (Kind.NUMBER, (sa.Numeric, sa.Float, sa.Integer, sa.Boolean)),
        (Kind.TEXT, sa.String),
    ):
        if isinstance(declared, types):
            return kind
    return Kind.OTHER


def kind_named(type_: str) -> Kind:
    """The kind of a column whose type has this name in the SQL standard."""
    name = type_.upper().partition("(")[0].strip()
    if name.startswith("TIMESTAMP"):
        return Kind.ZONED_TIME if "WITH TIME ZONE" in name or name.endswith("TZ") else Kind.TIME
    if name == "DATE":
        return Kind.DATE
    if name in ("CHAR", "VARCHAR", "TEXT", "CHARACTER VARYING"):
        return Kind.TEXT
    numbers = ("INT", "FLOAT", "DOUBLE", "REAL", "DECIMAL", "NUMERIC", "BOOLEAN")
    return Kind.NUMBER if any(number in name for number in numbers) else Kind.OTHER
