"""Time runs forward in what is shown; what comes late goes into the history only, where it overwrites nothing."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from brain.core.errors import TableBusy
from brain.warehouse.connection import transaction
from brain.warehouse.fence import advance, hold, newest_published
from brain.warehouse.publish import TableCounts
from brain.warehouse.read import stale_models
from brain.warehouse.tables import Column, History
from brain.warehouse.upgrade import upgrade
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, WEDNESDAY, execute, frame, show, told

if TYPE_CHECKING:
    from brain.core.settings import Settings

HISTORY = "SELECT as_of::text, published_at, pieces FROM sales_history ORDER BY 1, 2"
STOCK = replace(SALES, name="stock", history=History("stock_history", "All that was ever published."))
AGED = replace(SALES, columns=(*SALES.columns, Column("days_behind", "integer", "How old the row is.")))


def test_an_older_moment_never_replaces_a_newer_one(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), TUESDAY)
    shown = told(settings, "SELECT * FROM sales")
    late = show(settings, SALES, frame(("Bern", 1, 3, 2.5), ("Thun", 1, 4, 1.0)).assign(as_of="2024-01-04"), MONDAY)
    assert told(settings, "SELECT * FROM sales") == shown
    assert (late.behind, late.tables) == (TUESDAY.at, {"sales": TableCounts(0, 0, 0, 2)})
    assert late.line() == f"{TUESDAY.at:%Y-%m-%d %H:%M} UTC was published already: only histories were added to"
    assert told(settings, "SELECT DISTINCT published_at, as_of::text FROM sales_history ORDER BY 1") == [
        (MONDAY.at, "2024-01-04"),
        (TUESDAY.at, "2024-01-05"),
    ]


def test_a_late_publication_of_a_table_without_history_leaves_nothing(settings: Settings) -> None:
    bare = replace(SALES, history=None)
    show(settings, bare, frame(("Bern", 1, 10, 2.5)), TUESDAY)
    late = show(settings, bare, frame(("Bern", 1, 3, 2.5)), MONDAY)
    assert late.tables == {"sales": TableCounts(0, 0, 0, 0)}
    assert told(settings, "SELECT pieces FROM sales") == [(10,)]


def test_a_moment_that_published_no_row_counts_as_published(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), MONDAY)
    show(settings, SALES, frame(), TUESDAY)
    assert newest_published(settings.warehouse_url, "shops", [SALES]) == TUESDAY.at
    assert show(settings, SALES, frame(("Bern", 1, 3, 2.5)), MONDAY).behind == TUESDAY.at


def test_a_late_publication_changes_no_line_of_the_history(settings: Settings) -> None:
    for moment, pieces in ((MONDAY, 10), (WEDNESDAY, 12)):
        show(settings, SALES, frame(("Bern", 1, pieces, 2.5)), moment)
    before = told(settings, HISTORY)
    for moment in (MONDAY, TUESDAY):  # a number for that day was shown already
        assert show(settings, SALES, frame(("Bern", 1, 99, 2.5)), moment).tables["sales"].remembered == 0
    assert told(settings, HISTORY) == before


def test_a_late_publication_that_is_run_again_says_the_same(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), WEDNESDAY)
    for pieces in (7, 8):
        show(settings, SALES, frame(("Bern", 1, pieces, 2.5)).assign(as_of="2024-01-04"), TUESDAY)
    assert told(settings, HISTORY) == [("2024-01-04", TUESDAY.at, 7), ("2024-01-05", WEDNESDAY.at, 10)]


def test_the_newest_moment_may_be_published_again(settings: Settings) -> None:
    for pieces in (10, 11):
        assert show(settings, SALES, frame(("Bern", 1, pieces, 2.5)), TUESDAY).behind is None
    assert told(settings, "SELECT pieces FROM sales") == [(11,)]


def test_a_warehouse_without_fences_is_fenced_by_what_it_shows(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), TUESDAY)
    execute(settings, "DROP TABLE writer_fences")
    assert newest_published(settings.warehouse_url, "shops", [SALES]) == TUESDAY.at
    assert show(settings, SALES, frame(("Bern", 1, 3, 2.5)), MONDAY).behind == TUESDAY.at
    assert told(settings, "SELECT pieces FROM sales") == [(10,)]


def test_without_fences_the_newest_number_of_all_tables_counts(settings: Settings) -> None:
    assert newest_published(settings.warehouse_url, "shops", [SALES]) is None
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)), MONDAY)
    show(settings, STOCK, frame(("Bern", 1, 10, 2.5)), TUESDAY)
    execute(settings, "DROP TABLE writer_fences")
    for tables in ([SALES, STOCK], [STOCK, SALES]):
        assert newest_published(settings.warehouse_url, "shops", tables) == TUESDAY.at


def test_a_row_about_an_earlier_day_keeps_the_published_one_marked_stale(settings: Settings) -> None:
    show(settings, AGED, frame(("Bern", 1, 10, 2.5), ("Thun", 1, 7, 3.5)), MONDAY)
    rows = frame(("Bern", 1, 3, 2.5), ("Thun", 1, 8, 3.5))
    rows.loc[0, "as_of"] = "2024-01-03"
    done = show(settings, AGED, rows, TUESDAY)
    assert (done.fresh, done.stale) == (1, 1)
    shown = "SELECT pieces, as_of::text, stale, published_at, days_behind, reason FROM sales ORDER BY shop"
    bern, thun = told(settings, shown)
    assert bern[:5] == (10, "2024-01-05", True, MONDAY.at, 4)
    assert "the newest row known is of 2024-01-03, that of the published number of 2024-01-05" in bern[5]
    assert thun == (8, "2024-01-05", False, TUESDAY.at, 4, None)
    assert told(settings, "SELECT min(as_of)::text FROM sales_history") == [("2024-01-05",)]


def test_how_old_a_row_is_grows_while_it_cannot_be_computed(settings: Settings) -> None:
    ages = []
    for moment, pieces in ((MONDAY, 10), (TUESDAY, None), (WEDNESDAY, None)):
        show(settings, AGED, frame(("Bern", 1, pieces, 2.5)), moment)
        ages += told(settings, "SELECT days_behind, stale FROM sales")
    assert ages == [(3, False), (4, True), (5, True)]


def test_a_row_with_a_value_and_a_reason_is_shown_as_stale(settings: Settings) -> None:
    rows = frame(("Bern", 1, 10, 2.5), ("Chur", 1, None, None), ("Thun", 1, 7, 3.5))
    rows.loc[0, "reason"] = "its extraction failed"
    done = show(settings, AGED, rows)
    query = "SELECT pieces, stale, reason FROM sales ORDER BY shop"
    assert told(settings, query) == [(10, True, "its extraction failed"), (None, True, "no model"), (7, False, None)]
    assert done.tables == {"sales": TableCounts(fresh=1, stale=2, departed=0, remembered=2)}
    assert stale_models(settings.warehouse_url, AGED) == [{"shop": "Bern"}, {"shop": "Chur"}]


def test_writers_of_one_thing_take_turns_and_others_do_not_wait(settings: Settings) -> None:
    done: list[str] = []

    def write(work: str) -> None:
        with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
            hold(cursor, work)
            done.append(work)

    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        hold(cursor, "one")
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        hold(cursor, "one")
        waiting = threading.Thread(target=write, args=("one",))
        waiting.start()
        write("another")
        time.sleep(0.3)
        assert done == ["another"]
    waiting.join()
    assert done == ["another", "one"]


def test_the_second_of_two_first_writers_waits_for_the_table_and_goes_on(settings: Settings) -> None:
    failed: list[BaseException] = []

    def write() -> None:
        try:
            with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
                hold(cursor, "work 2")
        except BaseException as error:
            failed.append(error)

    second = threading.Thread(target=write)
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        hold(cursor, "work 1")
        second.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%writer_fences%'"
        )
        while second.is_alive() and told(settings, waiting) == [(0,)]:
            time.sleep(0.02)
        assert second.is_alive()
    second.join()
    assert failed == []
    assert told(settings, "SELECT work FROM writer_fences ORDER BY 1") == [("work 1",), ("work 2",)]


def test_who_is_overtaken_after_its_tables_were_prepared_comes_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(settings, SALES, frame(("Bern", 1, 9, 2.5)), MONDAY)
    done, prepared, overtaking = [], threading.Event(), threading.Event()

    def overtaken(*given: Any) -> Any:
        found = upgrade(*given)
        prepared.set()
        overtaking.wait(30)
        return found

    monkeypatch.setattr("brain.warehouse.publish.upgrade", overtaken)
    late = threading.Thread(target=lambda: done.append(show(settings, SALES, frame(("Bern", 1, 3, 2.5)), TUESDAY)))
    late.start()
    prepared.wait(30)
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        hold(cursor, "shops")
        overtaking.set()
        late.join(1)
        assert late.is_alive()
        cursor.execute("UPDATE sales SET pieces = 12, published_at = %s", (WEDNESDAY.at,))
        advance(cursor, "shops", WEDNESDAY)
    late.join()
    assert [one.behind for one in done] == [WEDNESDAY.at]
    assert told(settings, "SELECT pieces FROM sales") == [(12,)]


def test_the_reader_can_neither_take_nor_read_a_fence(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)))
    assert settings.reader_url is not None
    for attempt in (
        "SELECT * FROM writer_fences",
        "SELECT * FROM writer_fences FOR UPDATE",
        "LOCK TABLE writer_fences IN ACCESS SHARE MODE",
        "SELECT * FROM sales FOR SHARE",
        "LOCK TABLE sales IN SHARE MODE",
    ):
        with (
            pytest.raises(Exception, match="permission denied"),
            transaction(settings.reader_url) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SET TRANSACTION READ WRITE")
            cursor.execute(attempt)


def test_a_writer_that_waits_too_long_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brain.warehouse.connection.LOCK_SECONDS", 1)
    monkeypatch.setattr("brain.warehouse.upgrade.PATIENCE_SECONDS", 1)
    monkeypatch.setattr("brain.warehouse.upgrade.LAST_SECONDS", 1)
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)))
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        hold(cursor, "shops")
        with pytest.raises(TableBusy):
            show(settings, SALES, frame(("Bern", 1, 11, 2.5)), TUESDAY)
