"""From order lines to days of purchase: what the features of a customer are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from datetime import date, datetime

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CUSTOMER, TIME, VALUE, ITEM, QUANTITY = "customer", "time", "value", "item", "quantity"


@dataclass(frozen=True)
class Purchases:
    """Days on which customers bought, in the order of customer and day.

    Args:
        customers: Their names as text, ascending; also of those who only sent things back.
        who: Place in `customers`, shape (n,).
        day: Days since 1970, shape (n,).
        spent: Value of what was bought on it, above zero, shape (n,).
        returned: Value of what each customer sent back, shape (customers,).
        items: Mean number of different items a customer bought on such a day, shape (customers,); NaN where no items
            are known.
        notes: What was left out, in words.
    """

    customers: NDArray[np.object_]
    who: NDArray[np.int64]
    day: NDArray[np.int64]
    spent: Values
    returned: Values
    items: Values
    notes: tuple[str, ...] = ()

    @property
    def newest(self) -> int:
        """The newest day of purchase, in days since 1970."""
        return int(self.day.max())

    def before(self, day: int) -> Purchases:
        """The purchases before a day; what was sent back and the items stay those of all days."""
        kept = self.day < day
        return Purchases(self.customers, self.who[kept], self.day[kept], self.spent[kept], self.returned, self.items)


def day_number(day: date) -> int:
    """Days since 1970."""
    return int(np.datetime64(day, "D").astype(np.int64))


def purchases_of(orders: pd.DataFrame, until: datetime) -> Purchases:
    """The days of purchase in some order lines.

    A line with a value or a quantity below zero is a return: it is no purchase, and counts in `returned`. Lines are left
    out, and noted, that say no customer, time or finite value, that are of a time after `until`, or that repeat another
    one of the same customer, time, item, quantity and value.

    Args:
        orders: The columns customer, time (in UTC) and value, and item and quantity where they are known.
    """
    lines, notes = _sound(orders, until)
    back = lines[VALUE].to_numpy() < 0
    if QUANTITY in lines:
        back |= lines[QUANTITY].fillna(1).to_numpy(np.float64) < 0
    who, customers = _named(lines[CUSTOMER])
    value = np.abs(lines[VALUE].to_numpy(np.float64))
    day = lines[TIME].to_numpy().astype("datetime64[D]").astype(np.int64)
    first, span = (int(day.min()), int(np.ptp(day)) + 1) if len(day) else (0, 1)
    bought = ~back & (value > 0)
    visits, visit = np.unique(who[bought] * span + day[bought] - first, return_inverse=True)
    items = np.full(len(customers), np.nan)
    if ITEM in lines:
        item, _ = pd.factorize(lines[ITEM].to_numpy()[bought])
        items = _items(visit, item, visits // span, len(customers))
    spent, returned = np.bincount(visit, value[bought], len(visits)), np.bincount(who[back], value[back], len(customers))
    return Purchases(customers, visits // span, visits % span + first, spent, returned, items, tuple(notes))


def _sound(orders: pd.DataFrame, until: datetime) -> tuple[pd.DataFrame, list[str]]:
    notes: list[str] = []

    def without(frame: pd.DataFrame, bad: pd.Series[bool], what: str) -> pd.DataFrame:
        count = int(bad.sum())
        if count:
            notes.append(f"{count} order lines {what}")
        return frame[~bad.to_numpy()] if count else frame

    lines = orders.assign(**{TIME: pd.to_datetime(orders[TIME], utc=True).dt.tz_localize(None)})
    lines[VALUE] = pd.to_numeric(lines[VALUE], errors="coerce").astype(np.float64)
    empty = lines[[CUSTOMER, TIME, VALUE]].isna().any(axis="columns") | np.isinf(lines[VALUE])
    lines = without(lines, empty, "without customer, time or value")
    ahead = lines[TIME] > pd.Timestamp(until).tz_convert("UTC").tz_localize(None)
    lines = without(lines, ahead, "from a time after the run")
    if ITEM in lines:
        same = [name for name in (CUSTOMER, TIME, ITEM, QUANTITY, VALUE) if name in lines]
        lines = without(lines, lines.duplicated(same), "that repeat another one")
    return lines, notes


def _named(customer: pd.Series[Any]) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Each line's place among the customers, and these as text, ascending."""
    place, found = pd.factorize(customer)
    names = np.array([str(name) for name in found], dtype=object)
    distinct, number = np.unique(names, return_inverse=True)  # 7 and "7" are one
    return number[place], np.asarray(distinct, dtype=object)


def _items(visit: NDArray[np.int64], item: NDArray[np.int64], who: NDArray[np.int64], customers: int) -> Values:
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
