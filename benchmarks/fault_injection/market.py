"""Three small source tables, as each day knew them; one day corrects rows that were known before."""

from __future__ import annotations

import io
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psycopg2

from brain.core.moment import Moment

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

ASSETS = ("GOLD", "OIL", "SILVER")
CHUNKS = (("GOLD", "OIL"), ("SILVER",))
HORIZONS = (5, 20)
ROWS = 600
SEED = 1  # of all worlds: they are told apart by their faults
CORRECTED_ON = 1  # the day on which some rows of OIL turn out wrong, recent ones: every extraction sees that
CATALOGUE = """
defaults:
  horizons: [5, 20]
  training: {trials: 1, folds: 3, classifiers: [logistic]}
  retention: {snapshot_days: 1, audit: 1d, model_versions: 1}
assets: [GOLD, OIL, SILVER]
"""
_FIRST = pd.Timestamp("2015-01-01")


def moment(day: int) -> Moment:
    """The evening of a day; the first day is 0."""
    at = (_FIRST + pd.offsets.BDay(ROWS - 1 + day)).date()
    return Moment(datetime.combine(at, time(22), UTC))


def load(url: str, seed: int, day: int) -> None:
    """Make the source tables what they are in the evening of `day`."""
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            for place, asset in enumerate(ASSETS):
                _put(cursor, asset, table(seed, place, day))
    finally:
        connection.close()


def table(seed: int, place: int, day: int) -> pd.DataFrame:
    """An asset's rows: a feature that knows a little of the next days, and one that knows nothing."""
    count = ROWS + day
    random = np.random.default_rng([seed, place])
    noise = random.normal(0, 0.01, (ROWS + 4_000, 2))  # the first rows are the same on every day
    drift = 0.004 * np.sin(np.arange(len(noise)) / (7 + place))
    close = 100 * np.exp(np.cumsum(noise[:, 0] + drift))[:count]
    if place == 1 and day < CORRECTED_ON:
        close[ROWS - 12 : ROWS - 8] *= 1.001
    frame = pd.DataFrame({"Date": pd.bdate_range(_FIRST, periods=count).date, "Close": close})
    frame["trend"], frame["noise"] = drift[:count] + noise[:count, 1] / 10, noise[:count, 1]
    for horizon in HORIZONS:
        frame[f"RETURNS{horizon}"] = frame["Close"].shift(-horizon) / frame["Close"] - 1
    return frame


def _put(cursor: Cursor, asset: str, frame: pd.DataFrame) -> None:
    numbers = ", ".join(f'"{name}" double precision' for name in frame.columns[1:])
    cursor.execute(f'CREATE TABLE IF NOT EXISTS "{asset}" ("Date" date PRIMARY KEY, {numbers})')
    cursor.execute(f'DELETE FROM "{asset}"')
    buffer = io.StringIO(frame.to_csv(index=False, header=False, float_format="%.17g"))
    cursor.copy_expert(f'COPY "{asset}" FROM STDIN (FORMAT csv)', buffer)
