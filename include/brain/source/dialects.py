"""Tables of any database SQLAlchemy speaks to, read through its dialect."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from brain.core.errors import SourceTableError
from brain.source.batches import ARROW_TYPES, Batch, Extent, Kind
from brain.source.failures import explain, missing_table
from brain.source.values import first_moment, to_arrow, to_floats, to_times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime


class SqlSource:
    """Any SQLAlchemy dialect, read with a server-side cursor where the dialect has one."""

    def __init__(self, url: sa.URL, schema: str | None) -> None:
        self.url = url
        self.schema = schema
        self._engine = sa.create_engine(url, pool_pre_ping=True)

    def discover(self, columns: Collection[str]) -> list[str]:
        with self._explained(self.schema or "the default schema"):
            inspector = sa.inspect(self._engine)
            names = {*inspector.get_table_names(schema=self.schema), *inspector.get_view_names(schema=self.schema)}
            return sorted(name for name in names if set(columns) <= set(self._kinds(name)))

    def columns(self, table: str) -> dict[str, Kind]:
        with self._explained(table):
            return self._kinds(table)

    def _kinds(self, table: str) -> dict[str, Kind]:
        if self._engine.dialect.name == "duckdb":  # its driver cannot reflect under SQLAlchemy 2.1
            return self._standard_columns(table)
        described = sa.inspect(self._engine).get_columns(table, schema=self.schema)
        return {column["name"]: kind_of(column["type"]) for column in described}

    def _standard_columns(self, table: str) -> dict[str, Kind]:
        """The columns as the SQL standard's information schema lists them."""
        names = ("column_name", "data_type", "table_name", "table_schema", "ordinal_position")
        listed = sa.table("columns", *map(sa.column, names), schema="information_schema")
        query = sa.select(listed.c.column_name, listed.c.data_type).order_by(listed.c.ordinal_position)
        inside = listed.c.table_schema == (self.schema or sa.func.current_schema())
        query = query.where(listed.c.table_name == table, inside)
        with self._engine.connect() as connection:
            found = {name: kind_named(type_) for name, type_ in connection.execute(query)}
        if not found:
            raise missing_table(table, self.schema)
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
        kinds = {name: kind for name, kind in self.columns(table).items() if name == key}
        query = select_rows(self._table(table, [key, *columns], kinds), key, since, until)
        zoned = kinds.get(key) is Kind.ZONED_TIME
        for values in self._columnwise(table, query, batch_rows):
            keys = to_times(table, key, values[0], zoned=zoned)
            yield Batch(keys, to_floats(table, columns, values[1:], keys))

    def read_table(
        self,
        table: str,
        columns: Sequence[str],
        *,
        key: str | None = None,
        since: date | datetime | None = None,
        until: date | datetime | None = None,
        at_least: tuple[str, datetime] | None = None,
        batch_rows: int = 50_000,
    ) -> pa.Table:
        kinds = self.columns(table)
        schema = pa.schema([(name, ARROW_TYPES[kinds[name]]) for name in columns])
        source = self._table(table, [*columns, *([at_least[0]] if at_least else [])], kinds)
        query = sa.select(*(source.c[name] for name in columns))
        if key is not None:
            query = query.where(*_between(source.c[key], since, until))
        if at_least is not None:
            query = query.where(source.c[at_least[0]] >= at_least[1])
        batches = []
        for values in self._columnwise(table, query, batch_rows):
            arrays = [to_arrow(table, name, kinds[name], part) for name, part in zip(columns, values, strict=True)]
            batches.append(pa.record_batch(arrays, schema=schema))
        return pa.Table.from_batches(batches, schema)

    def extent(
        self, table: str, key: str, *, since: date | datetime | None = None, until: date | datetime | None = None
    ) -> Extent:
        kinds = {name: kind for name, kind in self.columns(table).items() if name == key}
        source = self._table(table, [key], kinds)
        ends = (sa.func.count(), sa.func.min(source.c[key]), sa.func.max(source.c[key]))
        query = sa.select(*ends).where(*_between(source.c[key], since, until)).select_from(source)
        with self._explained(table), self._engine.connect() as connection:
            rows, *keys = connection.execute(query).one()
        first, last = to_times(table, key, keys, zoned=kinds.get(key) is Kind.ZONED_TIME)
        return Extent(rows, first, last)

    def newest_key(self, table: str, key: str, until: date | datetime | None) -> datetime | None:
        kinds = {name: kind for name, kind in self.columns(table).items() if name == key}
        source = self._table(table, [key], kinds)
        query = sa.select(sa.func.max(source.c[key])).where(*_between(source.c[key], None, until))
        with self._explained(table), self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        zoned = kinds.get(key) is Kind.ZONED_TIME
        return None if found is None else first_moment(to_times(table, key, [found], zoned=zoned))

    def _columnwise(self, table: str, query: sa.Select[Any], batch_rows: int) -> Iterator[list[Any]]:
        """The rows of a query in bounded batches, each as one tuple of values a column."""
        with self._explained(table), self._engine.connect() as connection:
            rows = connection.execution_options(stream_results=True, yield_per=batch_rows).execute(query)
            for part in rows.partitions(batch_rows):
                yield list(zip(*part, strict=True))

    def close(self) -> None:
        self._engine.dispose()

    def _table(self, table: str, names: Sequence[str], kinds: Mapping[str, Kind]) -> sa.TableClause:
        """Dates and times of `kinds` are typed, so that a lax database gives them as such; the rest comes as it is."""
        typed = {name: _TIME_TYPES[kind] for name, kind in kinds.items() if kind in _TIME_TYPES}
        return sa.table(table, *(sa.column(name, typed.get(name)) for name in names), schema=self.schema)

    @contextlib.contextmanager
    def _explained(self, table: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.NoSuchTableError:
            raise missing_table(table, self.schema) from None
        except ValueError as error:  # a value that the dialect cannot turn into its column's type
            raise SourceTableError(
                table,
                found=str(error),
                expected="values of their column's type",
                remedy="Correct the value, or the column's type.",
            ) from None
        except sa.exc.DBAPIError as error:
            raise explain(error, self.url, table) from None


def select_rows(
    source: sa.TableClause, key: str, since: date | datetime | None, until: date | datetime | None
) -> sa.Select[Any]:
    """The rows of `source` between two keys, in order; names are quoted and values bound by the dialect."""
    return sa.select(*source.c).where(*_between(source.c[key], since, until)).order_by(source.c[key])


def _between(
    key: sa.ColumnClause[Any], since: date | datetime | None, until: date | datetime | None
) -> Iterator[sa.ColumnElement[bool]]:
    if since is not None:
        yield key >= since
    if until is not None:
        # Rows without a key would be hidden by the bound; a read from the start must show them.
        yield key <= until if since is not None else sa.or_(key <= until, key.is_(None))


def kind_of(declared: Any) -> Kind:
    """The kind of a column of a SQLAlchemy type."""
    if isinstance(declared, sa.DateTime):
        return Kind.ZONED_TIME if declared.timezone else Kind.TIME
    for kind, types in (
        (Kind.DATE, sa.Date),
        (Kind.BOOLEAN, sa.Boolean),
        (Kind.WHOLE, sa.Integer),
        (Kind.NUMBER, (sa.Numeric, sa.Float)),
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
    return _NAMED.get(name, Kind.OTHER)


_TIME_TYPES: dict[Kind, Any] = {
    Kind.DATE: sa.Date(),
    Kind.TIME: sa.DateTime(),
    Kind.ZONED_TIME: sa.DateTime(timezone=True),
}
_WHOLE = ("TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "HUGEINT")
_NAMED = {
    "DATE": Kind.DATE,
    "BOOLEAN": Kind.BOOLEAN,
    **dict.fromkeys(("CHAR", "VARCHAR", "TEXT", "CHARACTER VARYING"), Kind.TEXT),
    **dict.fromkeys((*_WHOLE, *(f"U{name}" for name in _WHOLE)), Kind.WHOLE),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DOUBLE PRECISION", "REAL", "DECIMAL", "NUMERIC"), Kind.NUMBER),
}
