"""Bars of symbols that wander, with a day that has its times; loaded into a database as topics or users leave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.usecases.anomalies.series import Series
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace

NOON = Moment(datetime(2024, 6, 3, 12, tzinfo=UTC))
LATER = Moment(datetime(2024, 6, 4, 12, tzinfo=UTC))
DAYS = 80
CATALOGUE = """
use_cases:
  anomalies:
    feeds: [{table: bars, database: warehouse, volume: volume}]
    feedback: anomaly_feedback
    detectors: [robust_z, jump, stuck, burst, drift, gap, volume]
"""
BARS = """
CREATE TABLE bars (symbol text, at timestamptz, open double precision NOT NULL, high double precision NOT NULL,
  low double precision NOT NULL, close double precision NOT NULL, volume double precision, arrived_at timestamptz
  NOT NULL, PRIMARY KEY (symbol, at)) PARTITION BY RANGE (at);
CREATE TABLE bars_all PARTITION OF bars FOR VALUES FROM ('2000-01-01') TO ('2100-01-01');
"""
FEEDBACK = "CREATE TABLE anomaly_feedback (anomaly text PRIMARY KEY, verdict text, note text)"


def series(symbol: str = "GOLD", days: int = DAYS, minutes: int = 60, seed: int = 1, zone: str = "UTC") -> Series:
    """A random walk with weekends off, livelier in the afternoon."""
    random = np.random.default_rng(seed)
    times = pd.date_range(end=NOON.at, periods=days * 24 * 60 // minutes, freq=f"{minutes}min")
    times = times[times.day_of_week < 5]
    busy = 1 + np.sin((times.hour.to_numpy() - 8) / 24 * 2 * np.pi) * 0.7
    value = 100 * np.exp(np.cumsum(random.normal(0, 0.001, len(times)) * busy))
    volume = np.exp(random.normal(5, 0.3, len(times))) * busy
    return Series(symbol, times.as_unit("s").astype(np.int64).to_numpy().astype(float), value, volume, zone)


def frame(*known: Series) -> pd.DataFrame:
    """The bars as a table has them."""
    parts = []
    for one in known:
        at = pd.to_datetime(one.at, unit="s", utc=True)
        part = pd.DataFrame({"symbol": one.symbol, "at": at, "close": one.value, "volume": one.volume})
        parts.append(part)
    found = pd.concat(parts, ignore_index=True)
    for name in ("open", "high", "low"):
        found[name] = found["close"]
    return found.assign(arrived_at=found["at"] + timedelta(minutes=1))


def spoiled(one: Series) -> Series:
    """The same with a bad tick four days of trade before the end, and a value that is stuck for 15 bars."""
    value = one.value.copy()
    value[-100] *= 1.08
    value[-30:-15] = value[-31]
    return Series(one.symbol, one.at, value, one.volume, one.zone)


def load(url: str, bars: pd.DataFrame, table: str = "bars") -> None:
    """The bars, written anew."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
        if table == "bars":
            connection.exec_driver_sql(BARS)
        bars.to_sql(table, connection, index=False, if_exists="append", method="multi", chunksize=2000)
    engine.dispose()


def change(url: str, *statements: str) -> None:
    """Run statements as the owner."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def workspace_of(settings: Settings, folder: Path, text: str = CATALOGUE) -> Workspace:
    path = folder / "catalogue.yaml"
    path.write_text(text)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def told(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    """What a reader of the warehouse sees."""
    assert workspace.settings.reader_url is not None
    return ask(workspace.settings.reader_url, query).rows
