"""A small shop's source tables, as each day knew them: new orders every day, and new customers now and then."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psycopg2

from brain.core.moment import Moment

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

NAME = "corner"
INPUTS = (NAME, f"{NAME} customers", f"{NAME} items")
CUSTOMERS, ITEMS, KNOWN_DAYS, DAYS = 60, 12, 150, 250
CATALOGUE = """
use_cases:
  {use_case}:
    shop:
      name: corner
      orders: {{table: orders, quantity: quantity, value: value}}
      customers: {{table: customers, age: age}}
      items: {{table: items, name: name, category: category, stock: stock}}
      retention: {{snapshot_days: 1, audit: 1d, model_versions: 1}}
    {settings}
"""
RECOMMENDATIONS = CATALOGUE.format(use_case="recommendations", settings="length: 3\n    retrain_days: 1")
SEGMENTS = CATALOGUE.format(
    use_case="segments",
    settings="min_customers: 20\n    max_age_days: 1\n    bootstraps: 4\n    max_groups: 3\n    period_days: 14",
)
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_NUMBERS = ("quantity", "value", "stock", "age")


def moment(day: int) -> Moment:
    """The evening of a day; the first day is 0."""
    return Moment(_FIRST + timedelta(days=KNOWN_DAYS + day, hours=22))


def load(url: str, seed: int, day: int) -> None:
    """Make the source tables what they are in the evening of `day`."""
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            for name, frame in tables(seed, day).items():
                _put(cursor, name, frame)
    finally:
        connection.close()


def tables(seed: int, day: int) -> dict[str, pd.DataFrame]:
    """Orders, customers and items; orders of a day that was told stay as they are."""
    random = np.random.default_rng(seed)
    lines = []
    for customer in range(CUSTOMERS):
        every, worth = ((3, 20), (9, 80), (20, 15))[customer % 3]
        at = float(random.integers(0, 60))
        while at < KNOWN_DAYS + DAYS:
            for _ in range(int(random.integers(1, 4))):
                item = (customer % 4 + 4 * int(random.integers(0, 3))) % ITEMS
                seconds, spent = int(random.integers(0, 70_000)), worth * float(random.lognormal(0, 0.3))
                bought = _FIRST + timedelta(days=int(at), seconds=seconds)
                lines.append((f"c{customer:03d}", f"i{item:02d}", bought.replace(tzinfo=None), 1.0, spent))
            at += 1 + float(random.exponential(every))
    orders = pd.DataFrame(lines, columns=["customer", "item", "time", "quantity", "value"])
    orders = orders[orders["time"] <= moment(day).at.replace(tzinfo=None)].sort_values("time", kind="stable")
    known = [f"c{number:03d}" for number in range(CUSTOMERS + 2 * day)]
    items = pd.DataFrame({"item": [f"i{number:02d}" for number in range(ITEMS)]})
    items["name"], items["category"] = "thing " + items["item"], [f"group {number % 4}" for number in range(ITEMS)]
    items["stock"] = 5
    customers = pd.DataFrame({"customer": known, "age": [20 + number % 50 for number in range(len(known))]})
    return {"orders": orders, "customers": customers, "items": items}


def _put(cursor: Cursor, name: str, frame: pd.DataFrame) -> None:
    columns = ", ".join(f'"{column}" {_type(str(column))}' for column in frame)
    cursor.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({columns})')
    cursor.execute(f'DELETE FROM "{name}"')
    buffer = io.StringIO(frame.to_csv(index=False, header=False, float_format="%.17g"))
    cursor.copy_expert(f'COPY "{name}" FROM STDIN (FORMAT csv)', buffer)


def _type(column: str) -> str:
    return "double precision" if column in _NUMBERS else "timestamp" if column == "time" else "text"
