"""Every customer's purchases one after another, so that those of some customers are one slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.usecases.recommendations.purchases import FOREVER, Purchases, presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Past:
    """What some customers bought of the items of a model.

    Args:
        customers: Their places among all.
        history: Decayed purchases, shape (customers, items).
        seen: The same, no entry above 1.
        counts: Purchases, shape (customers, items).
        bought: The purchases, by customer.
    """

    customers: slice
    history: csr_matrix
    seen: csr_matrix
    counts: csr_matrix
    bought: Purchases

    def months(self) -> csr_matrix:
        """The month of the first purchase of each item, counted from 1970, and 1 more: no entry is 0."""
        from scipy.sparse import csr_matrix

        width = max(self.bought.shape[1], 1)
        pair = self.bought.customer.astype(np.int64) * width + self.bought.item
        pairs, first = np.unique(pair, return_index=True)  # each customer's are ascending in time
        month = self.bought.at[first].astype("datetime64[M]").astype(np.int32) + 1
        return csr_matrix((month, (pairs // width, pairs % width)), shape=self.bought.shape)


@dataclass(frozen=True)
class Histories:
    """Purchases ordered by customer, each customer's ascending by time.

    Args:
        customers, items: Their names; customers may have bought nothing.
        first: Where each customer's begin, and where the last one's end, shape (customers + 1,).
        item: Places among the items, shape (n,).
        at: datetime64[us], shape (n,).
    """

    customers: pd.Index
    items: pd.Index
    first: NDArray[np.int64]
    item: NDArray[np.int32]
    at: NDArray[np.datetime64]

    @classmethod
    def of(cls, purchases: Purchases, customers: pd.Index) -> Histories:
        """Args: customers: Who they are of, and others."""
        places = customers.get_indexer(purchases.customers).astype(np.int32)
        who = places[purchases.customer]
        order = np.argsort(who, kind="stable").astype(np.int32)
        first = np.concatenate([[0], np.cumsum(np.bincount(who, minlength=len(customers)))])
        return cls(customers, purchases.items, first, purchases.item[order], purchases.at[order])

    def __len__(self) -> int:
        return len(self.item)

    def bought_items(self) -> pd.Index:
        """The items that anybody bought."""
        return self.items[np.bincount(self.item, minlength=len(self.items)) > 0]

    def pasts(self, items: pd.Index, half_life: float, end: np.datetime64, size: int) -> Iterator[Past]:
        """What `size` customers at a time bought of `items`; a purchase `half_life` days before `end` counts half."""
        places = items.get_indexer(self.items).astype(np.int32)
        for start in range(0, len(self.customers), size):
            rows = slice(start, min(start + size, len(self.customers)))
            bought = self._bought(rows, places, items)
            history = bought.decayed(half_life, end)
            counts = history if half_life >= FOREVER else bought.decayed(FOREVER, end)
            yield Past(rows, history, presence(history), counts, bought)

    def _bought(self, rows: slice, places: NDArray[np.int32], items: pd.Index) -> Purchases:
        lines = slice(self.first[rows.start], self.first[rows.stop])
        each = np.diff(self.first[rows.start : rows.stop + 1])
        who = np.repeat(np.arange(len(each), dtype=np.int32), each)
        item = places[self.item[lines]]
        keep = item >= 0
        return Purchases(self.customers[rows], items, who[keep], item[keep], self.at[lines][keep])
