"""Who bought what, when: the order lines as numbers, and the matrices of customers and items made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.shop.repeats import repeated

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Codes = NDArray[np.int32]
    Times = NDArray[np.datetime64]

_DAY = np.timedelta64(86_400_000_000, "us")
FOREVER = 1e6  # days: a half-life that forgets nothing


@dataclass(frozen=True)
class Purchases:
    """Purchases, a line each: a customer took an item at a time. What was returned again is not among them.

    Args:
        customers, items: Their names, ascending.
        customer, item: Places among the names, shape (n,).
        at: datetime64[us], shape (n,), ascending.
    """

    customers: pd.Index
    items: pd.Index
    customer: Codes
    item: Codes
    at: Times

    @classmethod
    def of(cls, lines: pd.DataFrame) -> Purchases:
        """The purchases among the order lines `lines` (see `brain.usecases.shop.orders.Orders`).

        An item counts once per customer and time; one of which a customer gave back as much as she took, never.
        """
        customer, item = lines["customer"].cat, lines["item"].cat
        who: Codes = np.asarray(customer.codes, dtype=np.int32)
        what: Codes = np.asarray(item.codes, dtype=np.int32)
        at, quantity = lines["at"].to_numpy(), lines["quantity"].to_numpy()
        bought = (quantity > 0) & ~_given_back(who, what, quantity, len(item.categories))
        if not bought.all():
            who, what, at = who[bought], what[bought], at[bought]
        once = ~repeated([who, what, at]) if len(at) else np.empty(0, bool)
        if not once.all():
            who, what, at = who[once], what[once], at[once]
        return cls(customer.categories, item.categories, who, what, at)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.customers), len(self.items)

    def until(self, end: np.datetime64) -> Purchases:
        """Those up to a time."""
        return self._part(self.at <= end)

    def between(self, start: np.datetime64, end: np.datetime64) -> Purchases:
        """Those after `start`, up to `end`."""
        return self._part((self.at > start) & (self.at <= end))

    def _part(self, keep: NDArray[np.bool_]) -> Purchases:
        return Purchases(self.customers, self.items, self.customer[keep], self.item[keep], self.at[keep])

    def of_items(self, names: pd.Index) -> Purchases:
        """The same with these items only, in this order."""
        if names.equals(self.items):
            return self
        place = names.get_indexer(self.items).astype(np.int32)[self.item]
        keep = place >= 0
        return Purchases(self.customers, names, self.customer[keep], place[keep], self.at[keep])

    def popular(self, count: int, first: int | None = None) -> pd.Index:
        """The `count` items that most customers took, ascending by name; of equals the first by name.

        Args:
            first: So many of them, the most popular ones, stand before the others; each part is ascending by name.
        """
        owned = self.decayed(FOREVER, self.at[-1])
        customers = np.bincount(owned.indices, minlength=len(self.items))
        order = np.lexsort((np.arange(len(customers)), -customers))[:count]
        order = order[customers[order] > 0]
        first = len(order) if first is None else first
        return self.items[np.concatenate([np.sort(order[:first]), np.sort(order[first:])])]

    def decayed(self, half_life: float, end: np.datetime64) -> csr_matrix:
        """Purchases of each item by each customer, one of `half_life` days before `end` counting half.

        Returns:
            float32, shape (customers, items).
        """
        from scipy.sparse import csr_matrix

        age = (end - self.at) / _DAY
        weights = np.exp2(-np.maximum(age, 0) / half_life).astype(np.float32)
        return csr_matrix((weights, (self.customer, self.item)), shape=self.shape)


def _given_back(who: Codes, what: Codes, quantity: NDArray[np.float64], items: int) -> NDArray[np.bool_]:
    """Which lines are of an item that their customer gave back as much of as she took."""
    back = np.flatnonzero(quantity < 0)
    found = np.zeros(len(who), bool)
    if len(back):
        pair = who.astype(np.int64) * items + what
        returned = np.unique(pair[back])
        place = np.minimum(np.searchsorted(returned, pair), len(returned) - 1)
        some = np.flatnonzero(returned[place] == pair)
        left = np.bincount(place[some], weights=quantity[some], minlength=len(returned))
        found[some] = left[place[some]] <= 0
    return found


def presence(history: csr_matrix) -> csr_matrix:
    """`history` with no entry above 1: whether an item was taken, less the longer ago that was."""
    found = history.copy()
    found.data = np.minimum(found.data, np.float32(1))
    return found
