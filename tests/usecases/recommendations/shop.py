"""A small shop whose customers have habits, follow one another's taste, and find new things; loaded into a database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace

NOON = Moment(datetime(2024, 6, 1, 12, tzinfo=UTC))
LATER = Moment(datetime(2024, 6, 2, 12, tzinfo=UTC))
CATALOGUE = """
use_cases:
  recommendations:
    shop:
      orders: {table: orders, quantity: quantity, value: paid}
      customers: {table: customers, age: age}
      items: {table: items, name: name, category: category, stock: stock}
    length: 5
    rules: recommendation_rules
"""
DAYS, CUSTOMERS, ITEMS, GROUPS = 150, 120, 40, 4


def orders(seed: int = 0) -> pd.DataFrame:
    """Every customer likes one group of items: some she buys again and again, others of the group now and then."""
    random = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-03 09:00")
    lines = []
    for customer in range(CUSTOMERS):
        group = customer % GROUPS
        own = np.arange(group, ITEMS, GROUPS)
        habits = random.choice(own, 2, replace=False)
        for day in np.sort(random.choice(DAYS, 20, replace=False)):
            at = start + pd.Timedelta(days=int(day), minutes=customer)
            basket = {int(random.choice(habits)), int(random.choice(own))}
            lines += [(f"c{customer:03d}", f"i{item:02d}", at, 1.0, 2.5) for item in basket]
    return pd.DataFrame(lines, columns=["customer", "item", "time", "quantity", "paid"]).sort_values("time")


def load(url: str, lines: pd.DataFrame) -> None:
    """The shop's tables, written anew."""
    items = pd.DataFrame({"item": [f"i{number:02d}" for number in range(ITEMS)]})
    items["name"] = [f"thing {number}" for number in range(ITEMS)]
    items["category"] = [f"group {number % GROUPS}" for number in range(ITEMS)]
    items["stock"] = 5
    customers = pd.DataFrame({"customer": [f"c{number:03d}" for number in range(CUSTOMERS)] + ['O\'Hara "new"']})
    customers["age"] = [20 + number % 50 for number in range(len(customers))]
    columns = "rule text, kind text, list text, customer text, item text, category text, value double precision"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name, frame in {"orders": lines, "items": items, "customers": customers}.items():
            frame.to_sql(name, connection, index=False, if_exists="replace")
        connection.exec_driver_sql(
            f"DROP TABLE IF EXISTS recommendation_rules; CREATE TABLE recommendation_rules ({columns})"
        )
    engine.dispose()


def change(url: str, *statements: str) -> None:
    """Run statements on the source as its owner."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def workspace_of(settings: Settings, folder: Path, text: str = CATALOGUE) -> Workspace:
    path = folder / "catalogue.yaml"
    path.write_text(text)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def told(workspace: Workspace, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a reader of the warehouse sees."""
    assert workspace.settings.reader_url is not None
    return ask(workspace.settings.reader_url, query).rows
