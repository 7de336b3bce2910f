"""From order lines to days of purchase: what the features of a customer are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Places = NDArray[np.int64]


@dataclass(frozen=True)
class Purchases:
    """Days on which customers bought, in the order of customer and day.

    Args:
        customers: All in the orders, as text; also those who only sent things back.
        who: Place in `customers`, shape (n,).
        day: Days since 1970, shape (n,).
        spent: Value of what was bought on it, above zero, shape (n,).
        returned: Value of what each customer sent back, shape (customers,).
        items: Mean number of different items a customer bought on such a day, shape (customers,); NaN where no items
            are known.
        newest: The day of the newest line, in days since 1970.
        left_out: Lines without a value.
    """

    customers: NDArray[np.object_]
    who: Places
    day: Places
    spent: Values
    returned: Values
    items: Values
    newest: int
    left_out: int = 0

    @property
    def buyers(self) -> NDArray[np.bool_]:
        """Who bought at all, shape (customers,)."""
        bought: NDArray[np.bool_] = np.bincount(self.who, minlength=len(self.customers)) > 0
        return bought

    def until(self, day: int) -> Purchases:
        """The purchases up to a day; what was sent back and the items stay those of all days."""
        kept = self.day <= day
        parts = self.who[kept], self.day[kept], self.spent[kept]
        return Purchases(self.customers, *parts, self.returned, self.items, day, self.left_out)


def purchases_of(lines: pd.DataFrame) -> Purchases:
    """The days of purchase in some order lines.

    A line with a value or a quantity below zero is a return: it is no purchase, and counts in `returned`.

    Args:
        lines: As `brain.usecases.shop.orders.Orders` has them; a line without a value is left out.
    """
    valued = lines["value"].notna().to_numpy()
    told = lines[valued] if not valued.all() else lines
    customers = np.asarray(told["customer"].cat.categories, dtype=object)
    who = told["customer"].cat.codes.to_numpy().astype(np.int64)
    value, quantity = (told[name].to_numpy(np.float64) for name in ("value", "quantity"))
    back = (value < 0) | (quantity < 0)
    value = np.abs(value)
    day = told["at"].to_numpy().astype("datetime64[D]").astype(np.int64)
    first, span = (int(day.min()), int(np.ptp(day)) + 1) if len(day) else (0, 1)
    bought = ~back & (value > 0)
    visits, visit = np.unique(who[bought] * span + day[bought] - first, return_inverse=True)
    items = np.full(len(customers), np.nan)
    if "item" in told:
        item = told["item"].cat.codes.to_numpy().astype(np.int64)[bought]
        items = _items(visit, item, visits // span, len(customers))
    spent: Values = np.bincount(visit, value[bought], len(visits)).astype(np.float64)
    returned: Values = np.bincount(who[back], value[back], len(customers)).astype(np.float64)
    left_out, newest = int((~valued).sum()), first + span - 1
    return Purchases(customers, visits // span, visits % span + first, spent, returned, items, newest, left_out)


def _items(visit: Places, item: Places, who: Places, customers: int) -> Values:
    """The mean number of different items a day of purchase, by customer.

    Args:
        visit, item: Of each line; an item that is not known is below 0.
        who: Of each visit.
    """
    width = int(item.max(initial=0)) + 1
    different = np.unique((visit * width + item)[item >= 0]) // width
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Values = np.bincount(who[different], minlength=customers) / np.bincount(who, minlength=customers)
    return mean
