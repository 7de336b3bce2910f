"""Who is told of what, and when nobody is."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from brain.core.catalogue import parse_catalogue
from brain.core.errors import CatalogueError
from brain.core.telling import EVERYBODY, TellingSettings
from brain.usecases import USE_CASES


def parsed(text: str) -> TellingSettings:
    return parse_catalogue(f"assets: [GOLD]\nnotices: {text}", USE_CASES).telling


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)


def test_without_a_section_everybody_is_told_at_any_hour() -> None:
    telling = parse_catalogue("assets: [GOLD]", USE_CASES).telling
    assert telling.route("direction", "failed", "GOLD") is EVERYBODY
    assert not any(telling.wait("failed", at(hour)) for hour in range(24))


@pytest.mark.parametrize("quotes", ["", "'"])
def test_a_clock_is_read_with_quotes_and_without(quotes: str) -> None:
    hours = parsed(f"{{quiet_hours: {{from: {quotes}22:30{quotes}, to: {quotes}07:00{quotes}}}}}").quiet_hours
    assert hours is not None
    assert (hours.begin, hours.end) == (time(22, 30), time(7))


def test_a_night_goes_over_midnight_and_a_lunch_does_not() -> None:
    night = parsed("{quiet_hours: {from: 22:00, to: 07:00}}")
    assert [night.wait("found", at(hour)) for hour in (21, 22, 23, 0, 6, 7, 12)] == [False, *[True] * 4, False, False]
    lunch = parsed("{quiet_hours: {from: 12:00, to: 13:00}}")
    assert [lunch.wait("found", at(hour)) for hour in (11, 12, 13, 23)] == [False, True, False, False]


def test_hours_are_those_of_the_people() -> None:
    night = parsed("{quiet_hours: {from: 22:00, to: 07:00, time_zone: Asia/Tokyo}}")
    assert night.wait("found", at(13, 0))
    assert not night.wait("found", at(12, 59))
    assert not night.wait("found", at(22, 0))


def test_what_cannot_wait_is_told_at_any_hour() -> None:
    night = parsed("{quiet_hours: {from: 22:00, to: 07:00, but_not: [alarm]}}")
    assert not night.wait("alarm", at(23))
    assert night.wait("late", at(23))


def test_the_first_route_that_takes_it_decides() -> None:
    telling = parsed(
        "{routes: [{use_case: direction, subject: 'G*', mail: [a@x.org]}, {kinds: [late, failed], mail: [b@x.org]}]}"
    )
    assert telling.route("direction", "failed", "GOLD").mail == ("a@x.org",)
    assert telling.route("direction", "failed", "KO").mail == ("b@x.org",)
    assert telling.route("shop", "late", "GOLD").mail == ("b@x.org",)
    assert telling.route("shop", "found", "GOLD") is EVERYBODY


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{quiet_hours: {from: 25:00, to: 07:00}}", "from"),
        ("{quiet_hours: {from: 22:00, to: 07:00, time_zone: Berlin}}", "IANA name"),
        ("{routes: [{mail: ['a@x.org, b@x.org']}]}", "mail address alone"),
        ('{routes: [{mail: ["a@x.org\\nBcc: b"]}]}', "mail address alone"),
        ("{routes: [{mail: team@x.org}]}", "mail"),
        ("{routes: [{kinds: [broken]}]}", "kinds"),
        ("{route: []}", "the nearest is routes"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told) as raised:
        parsed(text)
    assert "line 2" in str(raised.value) or ":2" in str(raised.value)
