"""Customers without an order are shown what sells in their group, where that is proven, and else what sells most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.usecases.recommendations.names import model_key
from brain.usecases.recommendations.replay import replay_list
from tests.usecases.recommendations.shop import NOON, told, workspace_of

CATALOGUE = """
use_cases:
  recommendations:
    shop:
      orders: {table: orders, quantity: quantity}
      customers: {table: customers, segment_by: [town, kind]}
    length: 5
    lists: [for_you, new_for_you]
"""
CUSTOMERS, ITEMS, TOWNS = 500, 40, 4


def load(url: str, *, taste: bool) -> None:
    """New customers come every day; with `taste`, everybody takes what is taken in her town."""
    random = np.random.default_rng(1)
    lines = []
    for number in range(CUSTOMERS):
        first = random.integers(0, 148)
        for day in (first, first + 2):
            items = random.integers(0, ITEMS // TOWNS, 3) * TOWNS + (number if taste else random.integers(0, 4)) % TOWNS
            lines += [
                (f"c{number:03d}", f"i{item:02d}", pd.Timestamp("2024-01-03") + pd.Timedelta(days=int(day)), 1.0)
                for item in items
            ]
    customers = pd.DataFrame({"customer": [f"c{number:03d}" for number in range(CUSTOMERS)]})
    customers["town"] = [f"town {number % TOWNS}" for number in range(CUSTOMERS)]
    customers["kind"] = 1
    new = pd.DataFrame({"customer": ["new", "stranger"], "town": ["town 2", None], "kind": [1, 1]})
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        orders = pd.DataFrame(lines, columns=["customer", "item", "time", "quantity"]).sort_values("time")
        orders.to_sql("orders", connection, index=False, if_exists="replace")
        pd.concat([customers, new]).to_sql("customers", connection, index=False, if_exists="replace")
    engine.dispose()


@pytest.mark.parametrize("taste", [True, False])
def test_groups_are_used_where_they_are_proven(settings: Settings, demo_url: str, tmp_path: Path, taste: bool) -> None:
    load(demo_url, taste=taste)
    workspace = workspace_of(settings, tmp_path, CATALOGUE)
    assert all(result.ok for result in run_all(workspace, NOON, workers=1))
    ((why,),) = set(told(workspace, "SELECT cold_start FROM recommendation_details"))
    shown = {
        who: told(
            workspace,
            f"SELECT item, reason FROM recommendations WHERE customer = '{who}' AND list = 'for_you' ORDER BY rank",
        )
        for who in ("new", "stranger", "*")
    }
    assert shown["stranger"] == shown["*"]
    assert {len(rows) for rows in shown.values()} == {5}
    if taste:
        assert why.startswith("what sells most by town and kind: it gains 0.")
        assert {int(item[1:]) % TOWNS for item, _ in shown["new"]} == {2}
        assert all(reason.endswith("customers of town 2, 1") for _, reason in shown["new"])
    else:
        assert why.startswith("what sells most: groups by town and kind gain -0.")
        assert shown["new"] == shown["*"]
    replay = replay_list(workspace.run("recommendations", NOON), model_key("shop", "for_you"))
    assert replay.identical, replay
