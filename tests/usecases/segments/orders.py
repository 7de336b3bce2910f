"""Orders of a made-up shop, for the tests of segments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from brain.usecases.segments.purchases import Purchases, purchases_of
from brain.usecases.shop.catalogue import ShopSettings
from brain.usecases.shop.orders import clean_lines

LEAVES = 0.05  # of customers, after each purchase
START = date(2023, 1, 1)
SHOP = ShopSettings.model_validate({"orders": {"table": "orders", "quantity": "quantity", "value": "value"}})


def order_lines(customers: int = 240, days: int = 400, seed: int = 3) -> pd.DataFrame:
    """Lines of regulars, occasional big spenders and people who come once, from 1 January 2023 on; some never again."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(customers):
        kind = number % 4
        every, worth, last = ((7, 20, days), (30, 90, days), (60, 15, days), (400, 40, 200))[kind]
        day = float(random.integers(0, min(every * 2, 200)))
        while day < last:
            for _ in range(int(random.integers(1, 4))):
                value = worth * float(random.lognormal(0, 0.3))
                found.append(
                    (f"c{number:04d}", f"item{random.integers(0, 40)}", START + timedelta(days=int(day)), 1, value)
                )
            if random.random() < LEAVES:
                break
            day += 1 + float(random.exponential(every))
    lines = pd.DataFrame(found, columns=["customer", "item", "day", "quantity", "value"])
    seconds = random.integers(0, 86_000, len(lines))
    lines["time"] = pd.to_datetime(lines.pop("day")) + pd.to_timedelta(seconds, unit="s")
    return lines.sort_values("time", ignore_index=True)


def at(day: date, hour: int = 23) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def put(url: str, lines: pd.DataFrame, table: str = "orders") -> None:
    """Create the table anew with these lines."""
    engine = sa.create_engine(url)
    lines.to_sql(table, engine, index=False, if_exists="replace")
    engine.dispose()


def bought(lines: pd.DataFrame, shop: ShopSettings = SHOP) -> Purchases:
    """The purchases in some lines, as a use case reads them."""
    return purchases_of(clean_lines(pa.Table.from_pandas(lines, preserve_index=False), shop)[0])
