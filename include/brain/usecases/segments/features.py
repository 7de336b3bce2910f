"""What is known of each customer at a moment: recency, frequency, value and behaviour, and what is expected of her."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.usecases.segments.customer_value import PurchaseModel, SpendModel, Unfit, fit_purchases, fit_spend, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from brain.usecases.segments.purchases import Purchases

    Values = NDArray[np.float64]

FEATURES = ("recency_days", "orders", "order_value", "irregularity", "expected_spend")  # what groups are formed on
UNEVEN = 3  # days of purchase from which on their gaps can be more or less even


@dataclass(frozen=True)
class ValueModels:
    """Both models of customer value; None and the reason where one cannot be fitted."""

    purchases: PurchaseModel | None
    spend: SpendModel | None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        models = {"purchases": self.purchases, "spend": self.spend}
        return {"reason": self.reason, **{name: model and to_json(model) for name, model in models.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ValueModels:
        purchases, spend = value["purchases"], value["spend"]
        return cls(purchases and PurchaseModel(*purchases), spend and SpendModel(*spend), value["reason"])


def fit_value(known: pd.DataFrame) -> ValueModels:
    """The models of customer value on what `describe` says of all customers."""
    x, t_x, T = _history(known)
    try:
        purchases = fit_purchases(x, t_x, T)
        return ValueModels(purchases, fit_spend(x + 1, known["order_value"].to_numpy()))
    except Unfit as error:
        return ValueModels(None, None, str(error))


def describe(purchases: Purchases) -> pd.DataFrame:
    """A row a customer who bought, by her name, in the order of `Purchases.customers`.

    Returns:
        recency_days, tenure_days (from the last and the first purchase to the newest line of all customers); orders
        (days of purchase); value and order_value (spent in all, and a day of purchase); irregularity (of the gaps
        between purchases, standard deviation by mean; NaN below three purchases); returned_share (of the value); items
        (different ones a day).
    """
    count, today = len(purchases.customers), purchases.newest
    orders = np.bincount(purchases.who, minlength=count)
    value = np.bincount(purchases.who, purchases.spent, count)
    starts = np.searchsorted(purchases.who, np.arange(count))
    bought = orders > 0
    first = np.full(count, today, dtype=np.int64)
    last = first.copy()
    first[bought] = purchases.day[starts[bought]]
    last[bought] = purchases.day[(starts + orders - 1)[bought]]
    with np.errstate(invalid="ignore", divide="ignore"):
        known = pd.DataFrame(
            {
                "recency_days": (today - last).astype(np.float64),
                "tenure_days": (today - first).astype(np.float64),
                "orders": orders.astype(np.float64),
                "value": value,
                "order_value": value / orders,
                "irregularity": _irregularity(purchases, orders, last - first),
                "returned_share": np.minimum(purchases.returned / value, 1.0),
                "items": purchases.items,
            },
            index=pd.Index(purchases.customers, name="customer"),
        )
    return known[bought]


def expect(known: pd.DataFrame, models: ValueModels, days: int) -> pd.DataFrame:
    """`known` with alive_probability, expected_purchases and expected_spend of the next `days`; NaN without models."""
    if models.purchases is None or models.spend is None:
        return known.assign(alive_probability=np.nan, expected_purchases=np.nan, expected_spend=np.nan)
    x, t_x, T = _history(known)
    purchases = models.purchases.expected_purchases(float(days), x, t_x, T)
    each = models.spend.expected_spend(x + 1, known["order_value"].to_numpy())
    alive = models.purchases.alive(x, t_x, T)
    return known.assign(alive_probability=alive, expected_purchases=purchases, expected_spend=purchases * each)


def _history(known: pd.DataFrame) -> tuple[Values, Values, Values]:
    """A customer's history as BG/NBD takes it: purchases after the first, time of the last, time until now."""
    x = known["orders"].to_numpy() - 1
    T = known["tenure_days"].to_numpy()
    return x, T - known["recency_days"].to_numpy(), T


def _irregularity(purchases: Purchases, orders: NDArray[np.int64], span: NDArray[np.int64]) -> Values:
    follows = purchases.who[1:] == purchases.who[:-1]
    gaps = np.diff(purchases.day)[follows].astype(np.float64)
    squares = np.bincount(purchases.who[1:][follows], gaps**2, len(orders))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = span / (orders - 1)
        spread = np.sqrt(np.maximum(squares / (orders - 1) - mean**2, 0.0)) / mean
    return np.where(orders >= UNEVEN, spread, np.nan)
