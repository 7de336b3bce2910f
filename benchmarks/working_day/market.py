"""Tables of many assets made of real series, as they were known on one day after another."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING

import adbc_driver_postgresql.dbapi
import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg2 import sql
from pyarrow import csv
from sqlalchemy import make_url

from brain.core.moment import Moment
from brain.demo.features import forward_returns, technical_features
from brain.demo.prices import ASSETS, prices
from brain.usecases.direction.names import CLOSE, DATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from psycopg2.extensions import connection as Connection  # noqa: N812

HORIZONS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 21, 25, 30, 42, 63, 84, 126, 161)
FEATURES = (
    *("return_1", "return_5", "return_21", "return_63", "momentum_252_21", "volatility_21", "volatility_ratio_10_63"),
    *("sma_distance_10", "sma_distance_50", "zscore_60", "drawdown_252", "rsi_14", "day_of_week"),
)
WARM_UP = 260  # rows before the first in which every feature has a value
BLOCK = 40  # rows of a real series that stay together
FIRST_DAY = "2011-01-03"


@dataclass(frozen=True)
class Shape:
    """How large a market is.

    Args:
        rows: Of each table before the first day that passes.
        days: How many days may pass.
    """

    horizons: tuple[int, ...]
    rows: int
    days: int

    @property
    def dates(self) -> pd.DatetimeIndex:
        return pd.bdate_range(FIRST_DAY, periods=self.rows + self.days)

    def moment(self, day: int, hours: int = 6) -> Moment:
        """The morning after the newest row of a day; day 0 is the one before any has passed."""
        newest = self.dates[self.rows + day - 1].date()
        return Moment(datetime.combine(newest, time(), UTC) + timedelta(days=1, hours=hours))


def asset_name(number: int) -> str:
    return f"ASSET{number:04}"


def asset_frame(number: int, shape: Shape, day: int) -> pd.DataFrame:
    """An asset's table as known on a day: Date, Close, 13 features, RETURNSn; shape (rows, 35) for 20 horizons.

    The asset is one of the demo's real series, its blocks of days in an order of their own.
    """
    dates, close, features = _whole(number, shape)
    rows = shape.rows + day
    known = pd.Series(close[:rows])
    columns = {DATE: dates[:rows], CLOSE: known, **{name: values[:rows] for name, values in features.items()}}
    return pd.concat([pd.DataFrame(columns), forward_returns(known, shape.horizons)], axis="columns")


def _whole(number: int, shape: Shape) -> tuple[pd.DatetimeIndex, NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Dates, closes and features of all rows that there ever will be."""
    moves = _moves(ASSETS[number % len(ASSETS)])
    random = np.random.default_rng(number)
    count = WARM_UP + shape.rows + shape.days
    starts = random.integers(0, len(moves) - BLOCK, -(-count // BLOCK))
    drawn = np.concatenate([moves[start : start + BLOCK] for start in starts])[:count]
    close = pd.Series(100 * np.exp(np.cumsum(drawn)))
    dates = pd.bdate_range(end=shape.dates[-1], periods=count)
    features = technical_features(pd.DataFrame({DATE: dates, CLOSE: close}))
    kept = {name: features[name].to_numpy()[WARM_UP:] for name in FEATURES}
    return dates[WARM_UP:], close.to_numpy()[WARM_UP:], kept


@cache
def _moves(asset: str) -> NDArray[np.float64]:
    """Log returns of a real series."""
    moves: NDArray[np.float64] = np.diff(np.log(prices(asset)[CLOSE].to_numpy(dtype=np.float64)))
    return moves[np.isfinite(moves)]


def create_tables(url: str, numbers: Iterable[int], shape: Shape) -> None:
    """The tables of some assets, as known on day 0; those that are there are made anew."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with adbc_driver_postgresql.dbapi.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
        for number in numbers:
            cursor.adbc_ingest(asset_name(number), _arrow(asset_frame(number, shape, 0)), mode="replace")
            cursor.executescript(f'ALTER TABLE "{asset_name(number)}" ADD PRIMARY KEY ("Date")')


def pass_day(connection: Connection, numbers: Sequence[int], shape: Shape, day: int) -> None:
    """Give each table the row of a day, and older rows the returns that it makes known."""
    for number in numbers:
        frame = asset_frame(number, shape, day)
        last = len(frame) - 1
        changed = frame.iloc[sorted({last, *(last - horizon for horizon in shape.horizons)})]
        rows = io.BytesIO()
        csv.write_csv(_arrow(changed), rows, csv.WriteOptions(include_header=False))
        rows.seek(0)
        table = sql.Identifier(asset_name(number))
        with connection, connection.cursor() as cursor:
            gone = sql.SQL('DELETE FROM {} WHERE "Date" = ANY(%s)').format(table)
            cursor.execute(gone, ([stamp.date() for stamp in changed[DATE]],))
            cursor.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table), rows)


def _arrow(frame: pd.DataFrame) -> pa.Table:
    day = pa.array(frame[DATE], type=pa.timestamp("us")).cast(pa.date32())
    return pa.Table.from_pandas(frame, preserve_index=False).set_column(0, DATE, day)
