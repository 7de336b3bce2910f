"""A made-up market with a new row every day, so that every moment has something new to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
import sqlalchemy as sa

from brain.demo.features import forward_returns
from brain.usecases.direction.names import CLOSE, DATE

ASSETS = ("AMBER", "JADE")
HORIZON = 5
ROWS = 700
CATALOGUE = f"""
defaults: {{horizons: [{HORIZON}], training: {{trials: 1, folds: 2, classifiers: [naive_bayes]}}}}
assets: [{", ".join(ASSETS)}]
"""


def make_market(url: str, last_day: date) -> None:
    """Write every asset's table, up to `last_day`; all its rows are there from the beginning."""
    write_tables(url, ASSETS, last_day, ROWS, lags=(1, 5), horizons=(HORIZON,))


def write_tables(
    url: str, assets: Sequence[str], last_day: date, rows: int, *, lags: Sequence[int], horizons: Sequence[int]
) -> None:
    """Write a random walk for each asset, with the returns over `lags` rows as features."""
    engine = sa.create_engine(url)
    try:
        for number, asset in enumerate(assets):
            table = _table(number, last_day, rows, lags, horizons)
            table.to_sql(asset, engine, index=False, if_exists="replace", dtype={DATE: sa.Date()})
            with engine.begin() as connection:
                connection.exec_driver_sql(f'ALTER TABLE "{asset}" ADD PRIMARY KEY ("{DATE}")')
    finally:
        engine.dispose()


def _table(seed: int, last_day: date, rows: int, lags: Sequence[int], horizons: Sequence[int]) -> pd.DataFrame:
    steps = np.random.default_rng(seed).normal(0.0003, 0.01, rows)
    close = pd.Series(100 * np.exp(np.cumsum(steps)))
    days = [last_day - timedelta(days=rows - 1 - row) for row in range(rows)]
    features = {f"return_{n}": close / close.shift(n) - 1 for n in lags}
    return pd.DataFrame({DATE: days, CLOSE: close, **features, **forward_returns(close, [*horizons])})
