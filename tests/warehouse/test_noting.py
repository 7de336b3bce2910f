"""What a publication notes in a ledger, in the same transaction."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from brain.warehouse.publish import TableRows, publish
from tests.warehouse.ledgers import OPENINGS, day, execute, moment, rows, say, told

if TYPE_CHECKING:
    from brain.core.settings import Settings


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
