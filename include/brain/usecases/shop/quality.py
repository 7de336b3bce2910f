"""The gate in front of a shop's orders: one line of facts on the lines that were read, and rules on it."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.quality.facts import Facts
from brain.quality.rules import between

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.quality.gate import Check
    from brain.quality.rules import Rule
    from brain.usecases.shop.catalogue import ShopSettings

_DAY = np.timedelta64(86_400, "s")


def orders_check(shop: ShopSettings) -> Check:
    """What the gate asks of new order lines."""

    def check(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:  # noqa: ARG001
        facts = {"table": order_facts(frame, shop, moment, total_rows)}
        rules = tuple(rule for rule in _rules(shop) if rule.severity != "off")
        return Facts(shop.name, len(frame), rules, facts)

    return check


def linked_check(subject: str) -> Check:
    """Linked tables have a key and columns of their types, which extraction sees to; nothing else is asked of them."""

    def check(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:  # noqa: ARG001
        return Facts(subject, len(frame))

    return check


def order_facts(frame: pd.DataFrame, shop: ShopSettings, moment: Moment, total_rows: int) -> pd.DataFrame:
    """One line: shares of the lines in `frame`, and the age of the newest in days; NaN where there is none."""
    orders = shop.orders
    names = [frame[column] for column in (orders.customer, orders.item) if column]
    numbers = [frame[column].astype("Float64").to_numpy(np.float64, na_value=np.nan) for column in _numbers(shop)]
    unnamed = np.logical_or.reduce([(name.isna() | (name.astype(str) == "")).to_numpy() for name in names])
    infinite = np.logical_or.reduce([np.isinf(values) for values in numbers] or [np.zeros(len(frame), bool)])
    returned = np.logical_or.reduce([values < 0 for values in numbers] or [np.zeros(len(frame), bool)])
    shares = {"unnamed": unnamed, "infinite": infinite, "returns": returned, "duplicates": frame.duplicated()}
    facts = {name: round(float(np.mean(where)), 4) if len(frame) else np.nan for name, where in shares.items()}
    whole = len(frame) == total_rows and len(frame)
    counts = frame[orders.customer].value_counts()
    facts["giant"] = round(float(counts.iloc[0] / len(frame)), 4) if whole and len(counts) > 1 else np.nan
    now = np.datetime64(moment.at.astimezone(UTC).replace(tzinfo=None), "us")
    facts["stale"] = np.floor((now - frame[orders.time].to_numpy()[-1]) / _DAY) if len(frame) else np.nan
    return pd.DataFrame([facts], dtype=np.float64)


def _numbers(shop: ShopSettings) -> list[str]:
    return [column for column in (shop.orders.quantity, shop.orders.value) if column]


def _rules(shop: ShopSettings) -> list[Rule]:
    given = shop.quality
    return [
        between("unnamed", given.unnamed, "table", "unnamed",
            "a share of {found} of the lines without customer or item: they are left out", max_value=given.max_unnamed),
        between("infinite", given.infinite, "table", "infinite",
            "a share of {found} of the lines with an infinite quantity or value: they are left out", max_value=0),
        between("returns", given.returns, "table", "returns",
            "a share of {found} of the lines are returns", max_value=given.max_returns),
        between("duplicates", given.duplicates, "table", "duplicates",
            "a share of {found} of the lines repeat another: equal lines count once", max_value=given.max_duplicates),
        between("giant", given.giant, "table", "giant",
            "one customer has a share of {found} of all lines", max_value=given.max_giant),
        between("stale", given.stale, "table", "stale",
            "the newest line is {found} days old", max_value=given.max_stale),
    ]  # fmt: skip
