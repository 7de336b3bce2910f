"""PostgreSQL read as Arrow over binary COPY (ADBC): no Python object per value. Figures in docs/decisions."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import adbc_driver_manager
import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi
import numpy as np
import psycopg2
import pyarrow as pa
import sqlalchemy as sa
from psycopg2.extensions import make_dsn
from sqlalchemy.dialects import postgresql

from brain.core.errors import BrainError, SettingsError, SourceTableError
from brain.source.batches import ARROW_TYPES, Batch, Extent, Kind
from brain.source.failures import explain, missing_table
from brain.source.values import first_moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

_KINDS = {
    "date": Kind.DATE,
    "timestamp": Kind.TIME,
    "timestamptz": Kind.ZONED_TIME,
    "bool": Kind.BOOLEAN,
    **dict.fromkeys(("int2", "int4", "int8"), Kind.WHOLE),
    **dict.fromkeys(("float4", "float8", "numeric"), Kind.NUMBER),
    **dict.fromkeys(("text", "varchar", "bpchar", "name"), Kind.TEXT),
}
_DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
_COMPILER: Any = _DIALECT.statement_compiler(_DIALECT, None)
_VALUE_BYTES = 9  # of a number on the wire, about
_TEXT_BYTES = 30
_SESSION = {"application_name": "brain", "connect_timeout": "10", "options": "-c default_transaction_read_only=on"}
_TYPE = b"POSTGRESQL:type"  # where the driver tells a column's type
_NO_TABLE = "42P01"
_IN_UTC = " AT TIME ZONE 'UTC'"
_CASTS = {Kind.NUMBER: "double precision", Kind.WHOLE: "bigint", Kind.TEXT: "text"}
_FIRST_DAY, _LAST_DAY = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")

_DISCOVER = """
SELECT c.relname::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname = coalesce(nullif($1, ''), current_schema())
GROUP BY c.relname HAVING array_agg(a.attname::text) @> ARRAY(SELECT json_array_elements_text($2::json))
"""


class PostgresSource:
    """PostgreSQL through one read-only connection, opened at the first read and again after it was cut."""

    def __init__(self, url: sa.URL, schema: str | None) -> None:
        self.url = url
        self.schema = schema
        self._open: Any = None
        self._types: dict[str, dict[str, str]] = {}

    def discover(self, columns: Collection[str]) -> list[str]:
        with self._explained(self.schema or "the default schema"):
            return sorted(row[0] for row in self._query(_DISCOVER, (self.schema or "", json.dumps(list(columns)))))

    def columns(self, table: str) -> dict[str, Kind]:
        return {name: _KINDS.get(type_, Kind.OTHER) for name, type_ in self._describe(table).items()}

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
        types = self._types.get(table) or self._describe(table)
        selected = ", ".join([_quoted(key), *(_as_number(name, types.get(name, "float8")) for name in columns)])
        where = _bounds(key, since, until)
        query = " ".join(["SELECT", selected, "FROM", self._name(table), *where, "ORDER BY", _quoted(key)])
        with self._explained(table), self._batches(query, batch_rows * _VALUE_BYTES * (len(columns) + 1)) as batches:
            for batch in batches:
                yield _batch(table, key, batch)

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
        selected = ", ".join(_as_kind(name, kinds[name]) for name in columns)
        where = [] if key is None else _bounds(key, since, until)
        if at_least is not None:
            others = ["AND (", *where[1:], ")"] if where else []
            where = ["WHERE", _quoted(at_least[0]), ">=", _rendered(at_least[1]), *others]
        query = " ".join(["SELECT", selected, "FROM", self._name(table), *where])
        with self._explained(table), self._batches(query, batch_rows * _TEXT_BYTES * len(columns)) as batches:
            found = batches.read_all().rename_columns(list(columns))
        for name in columns:
            _require_finite(table, name, found.column(name))
        return found.cast(pa.schema([(name, ARROW_TYPES[kinds[name]]) for name in columns]))

    def extent(
        self, table: str, key: str, *, since: date | datetime | None = None, until: date | datetime | None = None
    ) -> Extent:
        name = _quoted(key)
        where = _bounds(key, since, until)
        query = " ".join(["SELECT count(*),", f"min({name}), max({name})", "FROM", self._name(table), *where])
        with self._explained(table), self._batches(query, _TEXT_BYTES) as batches:
            (batch,) = batches
        first, last = (batch.column(index).to_numpy(zero_copy_only=False) for index in (1, 2))
        return Extent(batch.column(0)[0].as_py(), *(keys.astype("datetime64[us]")[0] for keys in (first, last)))

    def newest_key(self, table: str, key: str, until: date | datetime | None) -> datetime | None:
        name, zoned = _quoted(key), self._types.get(table, {}).get(key) == "timestamptz"
        where = [] if until is None else ["WHERE", name, "<=", _rendered(until)]
        newest = f"max({name}){_IN_UTC if zoned else ''}"
        with self._explained(table):
            ((found,),) = self._query(" ".join(["SELECT", newest, "FROM", self._name(table), *where]))
        return None if found is None else first_moment(np.array([found], "datetime64[us]"))

    def close(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with contextlib.suppress(adbc_driver_manager.Error):  # the server may have cut it already
                connection.close()

    def _describe(self, table: str) -> dict[str, str]:
        """The type of each column, as PostgreSQL calls it; a domain has the name of the type behind it."""
        with self._explained(table), self._statement(f"TABLE {self._name(table)}") as statement:
            try:
                schema = pa.schema(statement.execute_schema())
            except adbc_driver_manager.ProgrammingError as error:
                if error.sqlstate == _NO_TABLE:
                    raise missing_table(table, self.schema) from None
                raise
        self._types[table] = {field.name: field.metadata[_TYPE].decode() for field in schema}
        return self._types[table]

    def _name(self, table: str) -> str:
        return _quoted(table) if self.schema is None else f"{_quoted(self.schema)}.{_quoted(table)}"

    @contextlib.contextmanager
    def _statement(self, query: str) -> Iterator[Any]:
        """A statement to execute once; a cursor would prepare it first, at the price of another round trip."""
        with self._connection().cursor() as cursor:
            cursor.adbc_statement.set_sql_query(query)
            yield cursor.adbc_statement

    @contextlib.contextmanager
    def _batches(self, query: str, size: int) -> Iterator[pa.RecordBatchReader]:
        """The rows of a query in batches of about `size` bytes."""
        with self._statement(query) as statement:
            statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(size)})
            handle, _ = statement.execute_query()
            with pa.RecordBatchReader.from_stream(handle) as batches:
                yield batches

    def _query(self, text: str, values: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        with self._connection().cursor() as cursor:
            cursor.execute(text, values or None)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def _connection(self) -> Any:
        if self._open is None:
            self._open = adbc_driver_postgresql.dbapi.connect(self._address(), autocommit=True)
        return self._open

    def _address(self) -> str:
        given = self.url.translate_connect_args(username="user", database="dbname")
        try:
            return str(make_dsn(**{**_SESSION, **self.url.query, **given}))
        except psycopg2.ProgrammingError as error:
            raise SettingsError(
                "BRAIN_SOURCE_URL",
                found=str(error),
                expected="options that libpq knows",
                remedy="Correct what follows the question mark in the URL.",
            ) from None

    @contextlib.contextmanager
    def _explained(self, table: str) -> Iterator[None]:
        """Database errors in our words; the next read gets a fresh connection."""
        try:
            yield
        except (adbc_driver_manager.Error, OSError, pa.ArrowException) as error:
            self.close()
            raise _explain(error, self.url, table) from None


def _explain(error: Exception, url: sa.URL, table: str) -> BrainError:
    state = str(getattr(error, "sqlstate", None) or "")
    named = state.startswith(("22", "42")) and state not in ("42501", "42P01", "42703")
    if named or (isinstance(error, OSError) and "ERROR:" in str(error)):  # no state is known once rows have come
        return SourceTableError(
            table,
            found=str(error).strip().splitlines()[0],
            expected="a readable table",
            remedy="Correct the table or the view behind it, then extract again.",
        )
    return explain(error, url, table)


def _bounds(key: str, since: date | datetime | None, until: date | datetime | None) -> list[str]:
    """What `select_rows` compiles for other databases; that took as long as a tenth of a daily run."""
    name = _quoted(key)
    if since is None:  # rows without a key would be hidden by the bound; a read from the start must show them
        return [] if until is None else ["WHERE", name, "<=", _rendered(until), "OR", name, "IS NULL"]
    upper = [] if until is None else ["AND", name, "<=", _rendered(until)]
    return ["WHERE", name, ">=", _rendered(since), *upper]


def _rendered(moment: date | datetime) -> str:
    """COPY takes no parameters, so the dialect renders them; they come from `date` objects."""
    return str(_COMPILER.render_literal_value(moment, sa.DateTime() if isinstance(moment, datetime) else sa.Date()))


_quoted = _DIALECT.identifier_preparer.quote_identifier


def _as_number(name: str, type_: str) -> str:
    """The column as double precision, converted by the server where it is another kind of number.

    Plain text with a quoted name: compiling expressions for 35 columns took longer than reading their newest rows.
    """
    if type_ == "float8":
        return _quoted(name)
    return f"CAST({_quoted(name)}{'::integer' if type_ == 'bool' else ''} AS double precision)"


def _as_kind(name: str, kind: Kind) -> str:
    """The column as the one type that stands for its kind; times with a zone in UTC."""
    if kind is Kind.ZONED_TIME:
        return f"{_quoted(name)}{_IN_UTC}"
    return f"CAST({_quoted(name)} AS {_CASTS[kind]})" if kind in _CASTS else _quoted(name)


def _batch(table: str, key: str, batch: pa.RecordBatch) -> Batch:
    keys: NDArray[np.datetime64] = batch.column(0).to_numpy(zero_copy_only=False)
    if outside := _outside(keys):
        raise SourceTableError(
            table,
            found=f"{outside} rows whose {key} is infinite or outside the years 1 to 9999",
            expected="calendar dates",
            remedy="Delete or correct those rows.",
        )
    values = np.empty((batch.num_columns - 1, batch.num_rows))
    for index in range(batch.num_columns - 1):
        values[index] = batch.column(index + 1).to_numpy(zero_copy_only=False)
    return Batch(keys.astype("datetime64[us]"), values)


def _require_finite(table: str, name: str, column: pa.ChunkedArray) -> None:
    if not pa.types.is_temporal(column.type):
        return
    if outside := _outside(column.to_numpy()):
        raise SourceTableError(
            table,
            found=f"{outside} values of {name!r} that are infinite or outside the years 1 to 9999",
            expected="calendar dates and times, or NULL",
            remedy=f"Correct them, or read the table through a view: SELECT nullif({_quoted(name)}, 'infinity'), …",
        )


def _outside(keys: NDArray[np.datetime64]) -> int:
    days = keys.astype("datetime64[D]")  # an infinite date is beyond what fits into microseconds
    return int(((days > _LAST_DAY) | (days < _FIRST_DAY)).sum())
