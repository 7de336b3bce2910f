"""What a publication notes in a ledger, in the same transaction."""

from __future__ import annotations

import threading
from datetime import date
from typing import TYPE_CHECKING

import pytest

from brain.warehouse.connection import transaction
from brain.warehouse.fence import hold
from brain.warehouse.grid import complete
from brain.warehouse.publish import TableRows, note, publish
from tests.warehouse.ledgers import LEDGER, OPENINGS, day, execute, moment, rows, say, told

if TYPE_CHECKING:
    import pandas as pd

    from brain.core.moment import Moment
    from brain.core.settings import Settings


def note_past(settings: Settings, at: Moment, frame: pd.DataFrame) -> int:
    given = [TableRows(OPENINGS, complete(OPENINGS, frame, None))]
    return note(settings.warehouse_url, "shops", given, at, [LEDGER])


def test_a_row_that_was_not_computed_is_not_noted(settings: Settings) -> None:
    frame = rows(day(1), {("Bern", 1): 0.7, ("Thun", 1): 0.6})
    frame.loc[1, ["probability", "reason"]] = [None, "no model"]
    assert say(settings, moment(1), frame).noted == 1
    assert told(settings, "SELECT shop FROM openings_ledger") == [("Bern",)]


def test_what_a_past_run_says_is_marked_until_readers_see_it(settings: Settings) -> None:
    say(settings, moment(3), rows(day(3), {("Bern", 1): 0.7}))
    say(settings, moment(2), rows(day(2), {("Bern", 1): 0.6}))
    marked = "SELECT as_of, hindcast FROM openings_ledger ORDER BY 1"
    assert told(settings, marked) == [(day(2), True), (day(3), False)]
    say(settings, moment(4), rows(day(2), {("Bern", 1): 0.61}))  # the newest row is held back: it is older than shown
    assert told(settings, marked) == [(day(2), True), (day(3), False)]
    execute(settings, "DELETE FROM openings")
    say(settings, moment(5), rows(day(2), {("Bern", 1): 0.62}))
    seen = f"SELECT probability, hindcast FROM openings_ledger WHERE as_of = '{day(2)}'"
    assert told(settings, seen) == [(0.62, False)]


def test_rows_of_every_year_have_a_part_of_their_own(settings: Settings) -> None:
    for year in (1999, 2024, 2024, 2025):
        say(settings, moment(1), rows(date(year, 5, 2), {("Bern", 1): 0.7}))
        execute(settings, "DELETE FROM openings")
    parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'openings_ledger'::regclass ORDER BY 1"
    assert told(settings, parts) == [(f"openings_ledger_{year}",) for year in (1999, 2024, 2025)]
    assert told(settings, "SELECT count(*) FROM openings_ledger") == [(3,)]


def test_what_an_earlier_release_published_is_noted_with_the_first_publication(settings: Settings) -> None:
    for number, said in ((1, 0.6), (2, 0.7)):
        given = [TableRows(OPENINGS, rows(day(1), {("Bern", 1): said}))]
        publish(settings.warehouse_url, "shops", given, [], moment(number))
    say(settings, moment(3), rows(day(3), {("Bern", 1): 0.8}))
    noted = "SELECT as_of, probability, published_at, hindcast FROM openings_ledger ORDER BY 1"
    assert told(settings, noted) == [(day(1), 0.6, moment(1).at, False), (day(3), 0.8, moment(3).at, False)]


def test_a_hindcast_is_noted_once_and_shown_to_no_reader(settings: Settings) -> None:
    past = rows(day(1), {("Bern", 1): 0.7, ("Thun", 1): 0.6})
    assert [note_past(settings, moment(1), past), note_past(settings, moment(1), past)] == [2, 0]
    noted = "SELECT shop, probability, published_at, hindcast FROM openings_ledger ORDER BY 1"
    assert told(settings, noted) == [("Bern", 0.7, moment(1).at, True), ("Thun", 0.6, moment(1).at, True)]
    say(settings, moment(2), rows(day(2), {("Bern", 1): 0.8}))
    note_past(settings, moment(1), rows(day(1), {("Bern", 1): 0.1}))
    assert told(settings, "SELECT probability FROM openings") == [(0.8,)]
    assert told(settings, "SELECT count(*) FROM openings_history") == [(1,)]


def test_a_hindcast_notes_first_what_an_earlier_release_published(settings: Settings) -> None:
    given = [TableRows(OPENINGS, rows(day(1), {("Bern", 1): 0.6}))]
    publish(settings.warehouse_url, "shops", given, [], moment(1))
    assert note_past(settings, moment(1), rows(day(1), {("Bern", 1): 0.9, ("Thun", 1): 0.5})) == 1
    noted = "SELECT shop, probability, hindcast FROM openings_ledger ORDER BY 1"
    assert told(settings, noted) == [("Bern", 0.6, False), ("Thun", 0.5, True)]


def test_a_hindcast_waits_for_a_publication_that_is_under_way(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(settings, moment(2), rows(day(2), {("Bern", 1): 0.8}))
    monkeypatch.setattr("brain.warehouse.publish.upgrade", lambda *_: {})  # it waits, too, and has nothing to do
    noting = threading.Thread(target=note_past, args=(settings, moment(1), rows(day(1), {("Bern", 1): 0.7})))
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        hold(cursor, "shops")
        noting.start()
        noting.join(1)
        assert noting.is_alive()
    noting.join()
    assert told(settings, "SELECT count(*) FROM openings_ledger") == [(2,)]
