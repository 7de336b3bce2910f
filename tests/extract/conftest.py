"""Asset tables in real databases: PostgreSQL, SQLite and DuckDB behind the same few calls."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from psycopg2 import sql

from brain.core.moment import Moment
from brain.core.source_table import SourceTable
from brain.extract.report import ExtractionReport
from brain.extract.table import extract_table
from brain.lake.lake import Lake
from brain.lake.rows import Rows
from brain.lake.snapshot import folder_of
from brain.quality.result import GateResult
from brain.source.connect import Source, connect_source
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.inputs import asset_table
from local.databases import limit_database
from local.servers import Servers

HORIZONS = (1, 5, 20)
ROWS = 300


def asset_frame(
    rows: int = ROWS, *, known: int | None = None, seed: int = 0, start: str = "2020-01-01"
) -> pd.DataFrame:
    """An asset table as it was when `known` of its `rows` had happened: prices, two features, forward returns."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
    dates = pd.date_range(start, periods=rows, freq="B", unit="us")
    frame = pd.DataFrame({"Date": dates, "Open": close, "High": close * 1.01})
    frame = frame.assign(Low=close * 0.99, Close=close, Volume=1000.0, momentum=random.normal(size=rows))
    frame["vola"] = random.normal(size=rows)
    frame = frame.iloc[: known or rows].copy()
    for horizon in HORIZONS:
        frame[f"RETURNS{horizon}"] = frame["Close"].shift(-horizon) / frame["Close"] - 1
    return frame


@dataclass
class Market:
    """A source database that a test may change.

    Args:
        url: As the role that writes.
        read_url: As extraction reads it.
    """

    url: str
    read_url: str
    _engine: sa.Engine = field(init=False)

    def __post_init__(self) -> None:
        self._engine = sa.create_engine(self.url)

    def put(
        self, name: str, frame: pd.DataFrame, types: Mapping[str, Any] | None = None, key: str | None = "Date"
    ) -> None:
        """Create the table anew with these rows."""
        kinds = {"Date": sa.Date(), **(types or {})}
        columns = [sa.Column(c, kinds.get(c, sa.Double()), primary_key=c == key) for c in map(str, frame.columns)]
        table = sa.Table(name, sa.MetaData(), *columns)
        cells = frame.astype(object).where(frame.notna(), None)
        for column in frame.columns:
            if pd.api.types.is_datetime64_any_dtype(frame[column]) and isinstance(kinds.get(column), sa.Date):
                cells[column] = [None if pd.isna(day) else day.date() for day in frame[column]]
        with self._engine.begin() as connection:
            connection.execute(sa.schema.DropTable(table, if_exists=True))
            connection.execute(sa.schema.CreateTable(table))
            if len(frame):
                connection.execute(sa.insert(table).values([tuple(row) for row in cells.to_numpy().tolist()]))

    def execute(self, statement: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def source(self) -> Source:
        return connect_source(self.read_url)

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture(scope="module")
def shared_postgres(servers: Servers) -> Iterator[Market]:
    """One PostgreSQL database for all tests of a file: copying one costs half a second."""
    name = f"market_{uuid.uuid4().hex[:12]}"
    urls = servers.connections(name, name, name)
    with contextlib.closing(servers.postgres.connect("postgres", servers.postgres_port)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            database = sql.Identifier(name)
            cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE market OWNER market_owner").format(database))
            limit_database(cursor, name, "brain_source")
            with contextlib.closing(Market(urls["BRAIN_DEMO_URL"], urls["BRAIN_SOURCE_URL"])) as market:
                yield market
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


_DROP_ALL = """
DO $$ DECLARE found record; BEGIN
    FOR found IN
        SELECT relname, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    LOOP
        EXECUTE format('DROP %s IF EXISTS %I CASCADE', found.kind, found.relname);
    END LOOP;
    DROP SCHEMA IF EXISTS prices CASCADE;
    DROP DOMAIN IF EXISTS price;
END $$
"""


@pytest.fixture
def postgres(shared_postgres: Market) -> Market:
    """An empty source database, written as its owner and read as `brain_source`."""
    shared_postgres.execute(_DROP_ALL)
    return shared_postgres


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Market]:
    url = f"sqlite:///{tmp_path / 'market.db'}"
    with contextlib.closing(Market(url, url)) as market:
        yield market


@pytest.fixture
def duckdb(tmp_path: Path) -> Iterator[Market]:
    url = f"duckdb:///{tmp_path / 'market.duckdb'}"
    with contextlib.closing(Market(url, url)) as market:
        yield market


@pytest.fixture(params=["postgres", "sqlite", "duckdb"])
def market(request: pytest.FixtureRequest) -> Market:
    """The same test on three databases."""
    found: Market = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def open_gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:
    """Lets everything through: what extraction does is tested here, what the gate refuses elsewhere."""
    return GateResult("any", len(frame), ())


def rows_of(frame: pd.DataFrame) -> Rows:
    """The rows of an asset's frame, the reverse of `Rows.to_frame`."""
    columns = tuple(str(name) for name in frame.columns if name != "Date")
    values = frame[list(columns)].to_numpy(dtype=np.float64).T
    return Rows(frame["Date"].to_numpy().astype("datetime64[D]"), columns, np.ascontiguousarray(values))


def until(day: str | dt.date) -> Moment:
    """An hour before midnight of `day`, in UTC: its row may be used."""
    date = dt.date.fromisoformat(day) if isinstance(day, str) else day
    return Moment(dt.datetime.combine(date, dt.time(23), dt.UTC))


def spec(name: str = "GOLD", table: str | None = None, **settings: Any) -> AssetSpec:
    return AssetSpec.model_validate({"name": name, "table": table or name, "horizons": HORIZONS, **settings})


def table_of(name: str = "GOLD", table: str | None = None, **settings: Any) -> SourceTable:
    return asset_table(spec(name, table, **settings))


def extract(
    market: Market,
    lake: Lake,
    day: str | dt.date = "2030-01-01",
    asset: AssetSpec | None = None,
    *,
    full: bool = False,
    gate: Any = open_gate,
) -> ExtractionReport:
    """One extraction; it must not have failed unless the test looks at the report."""
    source = market.source()
    with contextlib.closing(source):
        return extract_table(source, lake, asset_table(asset or spec()), until(day), gate, full=full)


def quarantined(lake: Lake, table: SourceTable) -> list[dict[str, Any]]:
    """The reports of the table's refused rows, oldest first."""
    folder = f"{folder_of(table.space, table.name)}/quarantine"
    return [json.loads(lake.storage.read(f"{folder}/{name}")) for name in lake.storage.names(folder)]


def last_dates(frame: pd.DataFrame, count: int) -> Sequence[dt.date]:
    return [stamp.date() for stamp in frame["Date"].iloc[-count:]]
