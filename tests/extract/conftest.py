"""Asset tables in real databases: PostgreSQL, SQLite and DuckDB behind the same few calls."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from brain.core.catalog import AssetSpec
from brain.core.keys import Interval
from brain.core.settings import Settings
from brain.extract.incremental import extract_asset
from brain.extract.lake import Lake
from brain.extract.report import ExtractionReport
from brain.extract.source import Source, connect_source

HORIZONS = (1, 5, 20)
ROWS = 300


def asset_frame(
    rows: int = ROWS, *, known: int | None = None, seed: int = 0, start: str = "2020-01-01"
) -> pd.DataFrame:
    """An asset table as it was when `known` of its `rows` had happened: prices, two features, forward returns."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
    frame = pd.DataFrame({"Date": pd.bdate_range(start, periods=rows, unit="us"), "Open": close, "High": close * 1.01})
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


@pytest.fixture
def postgres(settings: Settings, demo_url: str) -> Iterator[Market]:
    market = Market(demo_url, settings.source_url.get_secret_value())
    with contextlib.closing(market):
        yield market


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


class Open:
    """A gate that lets everything through: what extraction does is tested here, what the gate refuses elsewhere."""

    passed, reason, warnings = True, "", 0

    def to_json(self) -> dict[str, Any]:
        return {"findings": []}


def open_gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> Open:
    return Open()


def until(day: str | dt.date) -> Interval:
    """The interval that ends at six in the morning after `day`, in UTC, so that `day` is its last whole day."""
    date = dt.date.fromisoformat(day) if isinstance(day, str) else day
    return Interval.until(dt.datetime.combine(date, dt.time(23), dt.UTC))


def spec(name: str = "GOLD", table: str | None = None, **settings: Any) -> AssetSpec:
    return AssetSpec.model_validate({"name": name, "table": table or name, "horizons": HORIZONS, **settings})


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
        return extract_asset(source, lake, asset or spec(), until(day), gate, full=full)


def last_dates(frame: pd.DataFrame, count: int) -> Sequence[dt.date]:
    return [stamp.date() for stamp in frame["Date"].iloc[-count:]]
