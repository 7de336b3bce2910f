"""Asset tables of any database SQLAlchemy speaks to, read through its dialect."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from brain.core.errors import SourceTableError
from brain.source.batches import Batch, Kind
from brain.source.failures import explain, missing_table
from brain.source.values import first_moment, to_days, to_floats
from brain.usecases.direction.names import CLOSE, DATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime


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
