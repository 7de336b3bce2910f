"""Trading days that pass: the last rows of each demo asset are held back, and come out one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brain.core.errors import SourceTableError
from brain.demo.load import refresh_tables
from brain.demo.prices import prices
from brain.usecases.direction.names import DATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from brain.demo.load import LoadedTable

HELD_BACK = 20  # rows of each asset, by its own calendar: a month of trading days


def start_demo(url: str, assets: Iterable[str] | None = None, schema: str = "public") -> list[LoadedTable]:
    """Create the demo tables without the rows that are held back; a table that knows later days keeps them.

    Raises:
        BrainError: As `brain.demo.load.refresh_tables`.
    """
    return refresh_tables(url, _where_it_is, assets, schema)


def next_day(url: str, assets: Iterable[str] | None = None, schema: str = "public") -> list[LoadedTable]:
    """Let one trading day pass: every asset gets its next row, with what was known then.

    Assets have calendars of their own, so their next rows may have different dates. A table that has its whole series
    stays as it is, and a table set back by `as_of` goes on from there.

    Raises:
        SourceTableError: A table has no row; tables before it have gone on.
        BrainError: As `brain.demo.load.refresh_tables`.
    """
    return refresh_tables(url, _day_after, assets, schema)


def _where_it_is(asset: str, last_day: date | None) -> date:
    first: date = prices(asset)[DATE].iloc[-1 - HELD_BACK].date()
    return first if last_day is None else max(first, last_day)


def _day_after(asset: str, last_day: date | None) -> date:
    if last_day is None:
        raise SourceTableError(
            asset,
            found="no table with a row",
            expected="the demo table, to which the next day can be added",
            remedy="Run `brain demo` first.",
        )
    later = prices(asset)[DATE][lambda days: days > pd.Timestamp(last_day)]
    return later.iloc[0].date() if len(later) else last_day
