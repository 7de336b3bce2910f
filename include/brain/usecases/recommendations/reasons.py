"""Why an item stands in a list, in words: her own purchases, what it is bought with, or how many bought it."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from brain.usecases.recommendations.histories import Past
    from brain.usecases.recommendations.list_model import ListModel

    Codes = NDArray[np.int64]

_OWN, _WITH, _POPULAR, _GROUP = 1, 2, 3, 4
_KIND, _COUNT, _PLACE = 1 << 48, 1 << 24, (1 << 24) - 1
_MONTHS = 12
_EPOCH = 1970


@dataclass(frozen=True)
class Reasons:
    """Reasons as numbers while lists are made: there are few different ones, and millions of rows.

    Args:
        buyers: Customers who took each item, shape (items,).
        groups: Names of the model's groups.
        buyers_of: The same by group, shape (groups, items).
    """

    buyers: NDArray[np.int64]
    model: ListModel
    groups: tuple[str, ...]
    buyers_of: NDArray[np.int64]

    @classmethod
    def nobodys(cls, model: ListModel, groups: tuple[str, ...]) -> Reasons:
        """Before anybody is counted."""
        items = len(model.popularity)
        return cls(np.zeros(items, np.int64), model, groups, np.zeros((len(groups), items), np.int64))

    def places(self, told: NDArray[Any]) -> NDArray[np.intp]:
        """The group of each customer, -1 for none."""
        return pd.Index(self.groups, dtype="str").get_indexer(pd.Index(told, dtype="str"))

    def count(self, past: Past, whose: NDArray[np.intp] | None) -> None:
        """Count some more customers, see `places`."""
        items = len(self.buyers)
        self.buyers[:] += np.bincount(past.counts.indices, minlength=items)
        if whose is not None:
            group = np.repeat(whose, np.diff(past.counts.indptr))
            of = group[group >= 0] * items + past.counts.indices[group >= 0]
            self.buyers_of[:] += np.bincount(of, minlength=self.buyers_of.size).reshape(self.buyers_of.shape)

    def codes(
        self,
        past: Past,
        row: NDArray[np.intp],
        item: NDArray[np.int32],
        score: NDArray[np.float32],
        group: NDArray[np.intp] | None,
    ) -> Codes:
        """The reason of each picked item.

        Args:
            row, item, score: Of the picks; `row` is the place among the customers of `past`.
            group: Of who has no purchases, -1 for none; None if nobody has.
        """
        found = _POPULAR * _KIND + item.astype(np.int64)
        if not len(row):
            return found
        own = self.model.own * np.asarray(past.history[row, item]).ravel()
        others = score - own - self.model.popularity[item]
        counts = np.asarray(past.counts[row, item]).ravel().round().astype(np.int64)
        by_own = (own > 0) & (own >= others) | (counts > 0) & (self.model.weights is None)
        months = np.asarray(past.months()[row, item]).ravel().astype(np.int64) - 1
        told = _OWN * _KIND + np.minimum(counts, _PLACE) * _COUNT + months
        found[by_own] = told[by_own]
        if self.model.weights is not None:
            weighed = len(self.model.weights)
            seen = past.seen[:, :weighed]
            by_others = np.flatnonzero(~by_own & (np.diff(seen.indptr)[row] > 0) & (item < weighed))
            anchor, speaks = self._strongest(seen, row[by_others], item[by_others])
            found[by_others[speaks]] = _WITH * _KIND + anchor[speaks]
        if group is not None:
            in_group = group >= 0
            found[in_group] = _GROUP * _KIND + group[in_group] * _COUNT + item[in_group]
        return found

    def _strongest(
        self, seen: csr_matrix, row: NDArray[np.intp], item: NDArray[np.int32]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Of each pick the item in the customer's history that speaks most for it, and whether one does."""
        lengths = np.diff(seen.indptr)[row]
        if not len(row):
            return np.empty(0, np.int64), np.empty(0, bool)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        pick = np.repeat(np.arange(len(row)), lengths)
        places = np.arange(len(pick)) - starts[pick] + seen.indptr[row][pick]
        speaks = self.model.speaks(seen.indices[places], item[pick]) * seen.data[places]
        most = np.maximum.reduceat(speaks, starts)
        which = np.flatnonzero(speaks == most[pick])
        first = which[np.unique(pick[which], return_index=True)[1]]
        return seen.indices[places[first]].astype(np.int64), most > 0

    def words(self, codes: Codes, names: Sequence[str], newest: datetime) -> pd.Categorical:
        """The reasons in words.

        Args:
            names: Of the items.
            newest: Time of the newest order: a month of its year needs no year.
        """
        distinct, places = np.unique(codes, return_inverse=True)
        told = [self._told(int(code), names, newest) for code in distinct]
        texts, which = (
            np.unique(np.array(told, dtype=object), return_inverse=True) if told else (np.empty(0, object), [])
        )
        return pd.Categorical.from_codes(np.asarray(which, np.int32)[places], categories=pd.Index(texts, dtype="str"))

    def _told(self, code: int, names: Sequence[str], newest: datetime) -> str:
        kind, rest = divmod(code, _KIND)
        if kind == _WITH:
            return f"with {names[rest]}"
        if kind == _POPULAR:
            return f"bought by {self.buyers[rest]:,} customers" if self.buyers[rest] else "popular before"
        count, month = divmod(rest, _COUNT)
        if kind == _GROUP:
            buyers = self.buyers_of[count, month]
            return f"bought by {buyers:,} customers of {self.groups[count]}" if buyers else "popular before"
        year = _EPOCH + month // _MONTHS
        when = calendar.month_name[month % _MONTHS + 1] + (f" {year}" if year != newest.year else "")
        return f"bought once, in {when}" if count == 1 else f"bought {count} times since {when}"
