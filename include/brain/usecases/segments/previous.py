"""What was published before this moment: which segment each customer was in, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import UnknownTable
from brain.usecases.segments.tables import CUSTOMER_SEGMENTS, SEGMENT_PROFILES
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from datetime import date

    from pydantic import SecretStr

    from brain.core.moment import Moment

COLUMNS = ("customer", "segment", "previous_segment", "moved", "since", "published_at")


@dataclass(frozen=True)
class Previous:
    """The publication before a moment.

    Args:
        rows: By customer: ``segment`` (before the moment), ``stands`` (as the tables have it) and ``since``.
        segments: The segments that have a profile.
        is_known: Whether the tables show it: not where they show a later moment, nor where `brain repair` took back the
            customers, of whom there is no history. `rows` is empty then.
    """

    rows: pd.DataFrame
    segments: tuple[int, ...]
    is_known: bool = True

    @property
    def customers(self) -> list[str]:
        return list(self.rows.index)

    def compared(self, rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
        """`rows` (customer, segment, …) with previous_segment, moved and since.

        Where the tables have this moment's own rows already, they are not taken for those before it: a rerun gives the
        same rows.
        """
        before = self.rows.reindex(rows["customer"])
        segment = before["segment"].to_numpy(np.float64)
        now = rows["segment"].to_numpy(np.float64)
        known = ~np.isnan(segment)
        stays = before["stands"].to_numpy(np.float64) == now
        since = before["since"].to_numpy(dtype=object, copy=True)
        since[~stays | before["since"].isna().to_numpy()] = as_of
        previous = pd.array(np.where(known, segment, 0).astype(np.int64), dtype="Int64")
        previous[~known] = pd.NA
        return rows.assign(previous_segment=previous, moved=known & (segment != now), since=since)


def read_previous(url: SecretStr, moment: Moment) -> Previous:
    """What the tables show, seen from `moment`; nothing where nothing was published."""
    try:
        found = ask(url, f"SELECT {', '.join(COLUMNS)} FROM {CUSTOMER_SEGMENTS.name}").rows  # noqa: S608 - names only
        profiles = ask(url, f"SELECT segment, customers FROM {SEGMENT_PROFILES.name} ORDER BY segment").rows  # noqa: S608
    except UnknownTable:
        found, profiles = [], []
    told = pd.DataFrame(found, columns=list(COLUMNS)).set_index("customer")
    is_later = bool((told["published_at"] > moment.at).any())
    is_gone = told.empty and any(customers for _, customers in profiles)
    if is_later:
        told = told.iloc[:0]
    own = (told["published_at"] == moment.at).to_numpy(bool)
    stands = _numbers(told["segment"])
    before = np.where(own, _numbers(told["previous_segment"]), stands)
    rows = pd.DataFrame({"segment": before, "stands": stands, "since": told["since"]}, index=told.index)
    return Previous(rows, tuple(number for number, _ in profiles), not (is_later or is_gone))


def _numbers(values: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
