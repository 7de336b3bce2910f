"""What was published for the future is taken back: readers see the last rows before it, and time may go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.warehouse.fence import newest_published
from brain.warehouse.tables import Column, DerivedTable, History
from brain.warehouse.taking_back import RESTORED, publications_after, take_back
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, WEDNESDAY, frame, show, told

if TYPE_CHECKING:
    from brain.core.settings import Settings
    from brain.warehouse.tables import PublishedTable

SHOWN = "SELECT shop, pieces, published_at, stale FROM sales ORDER BY 1"
HISTORY = "SELECT shop, published_at, pieces FROM sales_history ORDER BY 1, 2"
BARE = replace(
    SALES,
    columns=tuple(column for column in SALES.columns if column.name not in ("stale", "reason")),
    history=None,
    unscored="drop",
)
WIDE = DerivedTable(
    name="Wide",
    meaning="Pieces by shop.",
    key=("shop",),
    columns=(Column("shop", "text", "The shop."), Column("pieces", "bigint", "All of them.")),
    select=sql.SQL("SELECT shop, sum(pieces) FROM sales GROUP BY shop"),
)


def back(settings: Settings, table: PublishedTable = SALES, *derived: DerivedTable) -> int:
    return take_back(settings.warehouse_url, "shops", [table], derived, TUESDAY)


def test_the_last_rows_before_it_are_shown_again(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5), ("Thun", 1, 4, 1.0)), MONDAY)
    show(settings, SALES, frame(("Bern", 1, 11, 2.5), ("Chur", 1, 7, 1.0)), WEDNESDAY)
    assert publications_after(settings.warehouse_url, "shops", [SALES], TUESDAY)
    assert back(settings) == 2
    assert told(settings, SHOWN) == [("Bern", 10, MONDAY.at, True)]
    assert told(settings, "SELECT reason FROM sales") == [(RESTORED,)]
    assert told(settings, HISTORY) == [("Bern", MONDAY.at, 10), ("Thun", MONDAY.at, 4)]
    assert not publications_after(settings.warehouse_url, "shops", [SALES], TUESDAY)


def test_time_goes_on_afterwards(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), MONDAY)
    show(settings, SALES, frame(("Bern", 1, 11, 2.5)), WEDNESDAY)
    assert show(settings, SALES, frame(("Bern", 1, 12, 2.5)), TUESDAY).behind == WEDNESDAY.at
    back(settings)
    assert newest_published(settings.warehouse_url, "shops", [SALES]) == MONDAY.at
    assert show(settings, SALES, frame(("Bern", 1, 12, 2.5)), TUESDAY).behind is None
    assert told(settings, SHOWN) == [("Bern", 12, TUESDAY.at, False)]


def test_where_only_the_future_was_published_nothing_is_left(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 11, 2.5)), WEDNESDAY)
    assert back(settings) == 1
    assert told(settings, SHOWN) == told(settings, HISTORY) == []
    assert newest_published(settings.warehouse_url, "shops", [SALES]) is None


def test_the_newest_number_left_in_any_table_is_the_newest_moment(settings: Settings) -> None:
    stock = replace(SALES, name="stock", history=History("stock_history", "All that was ever published."))
    for table, moment in ((SALES, MONDAY), (stock, TUESDAY), (SALES, WEDNESDAY), (stock, WEDNESDAY)):
        show(settings, table, frame(("Bern", 1, 10, 2.5)), moment)
    take_back(settings.warehouse_url, "shops", [SALES, stock], [], TUESDAY)
    assert newest_published(settings.warehouse_url, "shops", [SALES, stock]) == TUESDAY.at


def test_twice_is_as_once(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), MONDAY)
    show(settings, SALES, frame(("Bern", 1, 11, 2.5)), WEDNESDAY)
    back(settings)
    before = told(settings, SHOWN), told(settings, HISTORY)
    assert back(settings) == 0
    assert (told(settings, SHOWN), told(settings, HISTORY)) == before


def test_a_table_without_history_has_no_rows_until_the_next_publication(settings: Settings) -> None:
    for moment in (MONDAY, WEDNESDAY):
        show(settings, BARE, frame(("Bern", 1, 10, 2.5)), moment)
    assert back(settings, BARE) == 1
    assert told(settings, "SELECT * FROM sales") == []


def test_what_is_made_from_them_follows(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), MONDAY, [WIDE])
    show(settings, SALES, frame(("Bern", 1, 11, 2.5), ("Chur", 1, 7, 1.0)), WEDNESDAY, [WIDE])
    back(settings, SALES, WIDE)
    assert told(settings, "SELECT * FROM wide") == [("Bern", 10)]
