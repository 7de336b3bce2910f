"""Reading tables: from PostgreSQL (`postgres.py`), or any database SQLAlchemy speaks to (`dialects.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from brain.core.errors import SettingsError
from brain.source.dialects import SqlSource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date, datetime

    import pyarrow as pa

    from brain.core.settings import Settings
    from brain.core.source_table import Database
    from brain.source.batches import Batch, Extent, Kind


class Source(Protocol):
    """A database whose tables are read."""

    def discover(self, columns: Collection[str]) -> list[str]:
        """Every table or view of its schema that has all of `columns`, sorted."""

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

        Args:
            key: A date or timestamp column.
            columns: Columns of numbers.
            since: Of the key's own type; timezone aware for a key with a time zone. So is `until`.

        Raises:
            SourceTableError: A value is not of its column's type, or the table has changed meanwhile.
            ServerUnreachable: The connection was cut.
        """

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
        """Every row, in any order; the columns have the types of `ARROW_TYPES`, NULL stays NULL.

        Args:
            columns: Columns of any kind but `Kind.OTHER`.
            key: The column that `since` and `until` are about, as in `read`; None reads the whole table.
            at_least: Another column, of times, and the smallest value that rows may have in it.

        Raises:
            SourceTableError: A value is not of its column's type, or the table has changed meanwhile.
            ServerUnreachable: The connection was cut.
        """

    def extent(
        self, table: str, key: str, *, since: date | datetime | None = None, until: date | datetime | None = None
    ) -> Extent:
        """Count the rows that `read` would give, and find the first and the last key; one query, no row is fetched."""

    def newest_key(self, table: str, key: str, until: date | datetime | None) -> datetime | None:
        """The greatest key, not after `until` if that is given, in UTC without zone; None if there is none."""

    def close(self) -> None:
        """Give the connections back."""


def open_source(settings: Settings, schema: str | None = None) -> Source:
    """The source of the settings; `schema` is the catalogue's `source.schema`.

    Connecting happens at the first read.

    Raises:
        SettingsError: The URL is malformed, or its driver is not installed.
    """
    return connect_source(settings.source_url.get_secret_value(), schema)


class Sources:
    """The databases that tables are read from, each opened when the first table of it is."""

    def __init__(self, settings: Settings, schema: str | None) -> None:
        self._settings, self._schema = settings, schema
        self._opened: dict[Database, Source] = {}

    def of(self, database: Database) -> Source:
        """The source database, or the warehouse as one; `schema` is that of the source.

        Raises:
            SettingsError: As `open_source`.
        """
        if database not in self._opened:
            url = self._settings.warehouse_url.get_secret_value()
            self._opened[database] = (
                open_source(self._settings, self._schema) if database == "source" else connect_source(url)
            )
        return self._opened[database]

    def close(self) -> None:
        """Give the connections back."""
        for source in self._opened.values():
            source.close()


def connect_source(url: str, schema: str | None = None) -> Source:
    """The source behind a SQLAlchemy URL; as `open_source`."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql":
            from brain.source.postgres import PostgresSource

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
