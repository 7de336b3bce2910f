"""Customers without purchases: what sells most among customers like them, where that beats what sells most to all.

Groups come from columns of the customers table. What sells in a small group is pulled towards what sells to all; how
much is chosen on first orders before the test, and the groups are used if they win on the first orders of the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.usecases.recommendations.competition import FEWEST, interval, spans
from brain.usecases.recommendations.measures import best, measure
from brain.usecases.recommendations.purchases import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from brain.usecases.recommendations.catalogue import Recommendations
    from brain.usecases.recommendations.competition import Span
    from brain.usecases.recommendations.purchases import Purchases

    Groups = Callable[[pd.Index], NDArray[Any]]  # of each customer her group in words; empty where nobody says

PULLS = (10.0, 100.0, 1_000.0)  # customers
MOST_GROUPS = 200  # the largest: each has a score for every item
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class ColdStart:
    """What the lists of customers without purchases are made of.

    Args:
        pull: So many customers who are like all others are added to each group; None if groups are not used.
        why: For people.
    """

    pull: float | None
    why: str


@dataclass(frozen=True)
class Popularity:
    """What sells in each group.

    Args:
        names: Of the groups, ascending.
        scores: What speaks for an item in a group, shape (groups, items).
    """

    names: tuple[str, ...]
    scores: NDArray[np.float32]

    @classmethod
    def of(cls, past: Purchases, groups: Groups, pull: float) -> Popularity:
        """The share of a group's customers who took an item, `pull` customers like all others among them."""
        owned = past.decayed(FOREVER, past.at[-1])
        owned.data[:] = 1
        buyers = np.diff(owned.indptr) > 0
        told = pd.Series(groups(past.customers)[buyers])
        names = sorted(told[told != ""].value_counts().index[:MOST_GROUPS])
        place = pd.Index(names, dtype="str").get_indexer(pd.Index(told, dtype="str"))
        all_of_them = np.asarray(owned.sum(axis=0)).ravel() / max(int(buyers.sum()), 1)
        scores = np.empty((len(names), owned.shape[1]), np.float32)
        for number in range(len(names)):
            own = owned[buyers][place == number]
            scores[number] = (np.asarray(own.sum(axis=0)).ravel() + pull * all_of_them) / (own.shape[0] + pull)
        return cls(tuple(names), scores)

    def places(self, told: NDArray[Any]) -> NDArray[np.intp]:
        """The place of each customer's group; -1 if she has none."""
        return pd.Index(self.names, dtype="str").get_indexer(pd.Index(told, dtype="str"))


def judged_cold_start(purchases: Purchases, groups: Groups | None, columns: str, section: Recommendations) -> ColdStart:
    """Whether groups are used.

    Args:
        groups: None where the catalogue names no columns.
        columns: Their names, for people.
    """
    if groups is None:
        return ColdStart(None, "what sells most: the catalogue names no `segment_by`")
    length, split = section.length, spans(purchases, section.test_days, section.max_items, newcomers)
    if split is None:
        return ColdStart(None, f"what sells most: fewer than {FEWEST} first orders to compare groups on")
    chosen, tested = split
    means = {pull: _gains(chosen, groups, pull, length) for pull in PULLS}
    pull = max(means, key=lambda one: float(means[one].mean()) if len(means[one]) else 0.0)
    gains = _gains(tested, groups, pull, length)
    if len(gains) < FEWEST:
        return ColdStart(
            None, f"what sells most: fewer than {FEWEST} first orders of customers with {columns} to test on"
        )
    low, high = interval(gains)
    told = f"{low:.4f} to {high:.4f} of nDCG over what sells most, on {len(gains)} first orders"
    if low <= 0:
        return ColdStart(None, f"what sells most: groups by {columns} gain {told}")
    return ColdStart(pull, f"what sells most by {columns}: it gains {told}")


def newcomers(span: Span) -> NDArray[np.int64]:
    """Customers whose first order is within the span."""
    return np.setdiff1d(span.future.customer, span.past.customer).astype(np.int64)


def _gains(span: Span, groups: Groups, pull: float, length: int) -> NDArray[np.float64]:
    """What the groups gain in nDCG over what sells most, for each customer whose first order is in the span."""
    if not len(span.past):
        return np.empty(0)
    popularity = Popularity.of(span.past, groups, pull)
    who = newcomers(span)
    place = popularity.places(groups(span.future.customers[who]))
    who, place = who[place >= 0], place[place >= 0]
    taken = _first_orders(span.future)[who]
    everybody = Popularity.of(span.past, lambda customers: np.full(len(customers), "all", object), 0.0)
    asked = np.diff(taken.indptr) > 0
    by_group = measure(best(popularity.scores, length)[place[asked]], taken[asked], length)
    by_all = measure(best(everybody.scores, length)[np.zeros(int(asked.sum()), np.intp)], taken[asked], length)
    gains: NDArray[np.float64] = by_group.ndcg - by_all.ndcg
    return gains


def _first_orders(purchases: Purchases) -> Any:
    """What each customer took on the first day of hers, shape (customers, items)."""
    first: Any = np.full(purchases.shape[0], purchases.at[-1] if len(purchases) else np.datetime64(0, "us"))
    np.minimum.at(first, purchases.customer, purchases.at)
    own = purchases.at < first[purchases.customer] + _DAY
    from scipy.sparse import csr_matrix

    ones = np.ones(int(own.sum()), np.float32)
    return csr_matrix((ones, (purchases.customer[own], purchases.item[own])), shape=purchases.shape)
