"""Real bars for the demo `anomalies`: 6,225 hours of EURUSD in 2017, whose last week is spoiled on purpose.

They are of the package `gym-anytrading` (MIT), part of the `demo` extra; nothing of it is shipped or copied here.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from psycopg2 import sql
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError

from brain.core.connections import refusal
from brain.demo.extra import extra_missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

ANOMALIES = "anomalies"
PACKAGE, FILE = "gym_anytrading", "datasets/data/FOREX_EURUSD_1H_ASK.csv"
BARS, FEEDBACK = "intraday_bars", "anomaly_feedback"
TABLES: Mapping[str, str] = {
    BARS: "symbol text, at timestamptz, open double precision NOT NULL, high double precision NOT NULL,"
    " low double precision NOT NULL, close double precision NOT NULL, volume double precision,"
    " PRIMARY KEY (symbol, at)",
    FEEDBACK: "anomaly text PRIMARY KEY, verdict text, note text",
}
BAD_TICK, BAD_DAY = "2017-12-26 22:00", "2017-12-28"  # what was planted: `spoiled`


@dataclass(frozen=True)
class LoadedBars:
    """What a load left in the database.

    Args:
        last: Time of the newest bar.
    """

    rows: int
    last: pd.Timestamp


def eurusd() -> pd.DataFrame:
    """The bars as the package has them: symbol, at, open, high, low, close, volume.

    Raises:
        ExtraNotInstalled: The package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise extra_missing("gym-anytrading")
    found = pd.read_csv(Path(spec.origin).parent / FILE).rename(columns=str.lower)
    at = pd.to_datetime(found["time"], format="%d.%m.%Y %H:%M:%S.%f", utc=True)
    return found.assign(symbol="EURUSD", at=at)[["symbol", "at", "open", "high", "low", "close", "volume"]]


def spoiled(bars: pd.DataFrame) -> pd.DataFrame:
    """The same with a close that is off by one percent, and a day on which it is stuck from 9:00 to 17:00."""
    found = bars.copy()
    at = found["at"]
    off = at == pd.Timestamp(BAD_TICK, tz="UTC")
    found.loc[off, ["close", "low"]] *= 0.99
    stuck = at.between(pd.Timestamp(f"{BAD_DAY} 09:00", tz="UTC"), pd.Timestamp(f"{BAD_DAY} 17:00", tz="UTC"))
    last = found.loc[at == pd.Timestamp(f"{BAD_DAY} 08:00", tz="UTC"), "close"].iloc[0]
    for name in ("open", "high", "low", "close"):
        found.loc[stuck, name] = last
    return found


def load_bars(url: str) -> LoadedBars:
    """Write the bars and an empty table for feedback, which keeps what is in it.

    Args:
        url: SQLAlchemy URL of a role that may create tables.

    Raises:
        ExtraNotInstalled: The data are not installed.
        ServerUnreachable: Nothing answers at the address.
    """
    bars = spoiled(eurusd())
    engine = create_engine(make_url(url))
    try:
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor() as cursor:
                _load(cursor, bars)
    except OperationalError as error:
        raise refusal(error, engine.url, "the URL") from None
    finally:
        engine.dispose()
    return LoadedBars(len(bars), bars["at"].max())


def _load(cursor: Cursor, bars: pd.DataFrame) -> None:
    for name, columns in TABLES.items():
        made = sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(sql.Identifier(name), sql.SQL(columns))
        cursor.execute(made)
    cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(BARS)))
    content = io.StringIO(bars.to_csv(index=False, header=False))
    cursor.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(BARS)), content)
