"""Timelines with marks, asked of a real PostgreSQL: who has one, what is drawn of many points, and no mark left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from brain.core.errors import ModelNotFound, QueryRefused
from brain.page import timelines
from brain.usecases import USE_CASES
from brain.usecases.page import Timelines
from brain.warehouse.connection import transaction

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.core.settings import Settings

ODD = 'O\'Hara "2" <b> %s; --'
START = "2024-06-03 00:00+00"
COUNTED = 5_000


def anomalies() -> Timelines:
    page = USE_CASES["anomalies"].page
    assert isinstance(page, Timelines)
    return page


def made(settings: Settings, *statements: str) -> SecretStr:
    """The tables of the page, empty, and what the statements put into them; the URL that reads them."""
    page = anomalies()
    assert page.marks is not None
    assert page.makers is not None
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        for table in (page.table, page.points, page.marks.table, page.makers.table):
            columns = ", ".join(f'"{column.identifier}" {column.type}' for column in table.columns)
            cursor.execute(f"CREATE TABLE {table.layout.identifier} ({columns}, PRIMARY KEY ({', '.join(table.key)}))")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO bi_reader")
    assert settings.reader_url is not None
    return settings.reader_url


def mark(symbol: str, minute: str, key: str, status: str = "over", feedback: str = "NULL") -> str:
    told = symbol.replace("'", "''")
    at = f"timestamptz '{START}' + {minute} * interval '1 minute'"
    return (
        "INSERT INTO anomalies (anomaly, feed, symbol, started_at, ended_at, kind, score, severity, told, detector,"
        f" noticed_by, status, feedback, first_published) SELECT {key}, 'bars', '{told}', {at}, {at} + interval '5"
        f" minutes', 'jump', 2, 'medium', 'off', 'jump', 'jump', '{status}', {feedback}, {at}"
    )


FEED = (
    "INSERT INTO anomaly_feeds (feed, as_of, not_watched, stale, feedback_table)"
    f" VALUES ('bars', '{START}', 'X: new', false, 'said')"
)
CARD = (
    "INSERT INTO detector_scorecard (feed, symbol, detector, admitted, verdict, gain)"
    " SELECT 'bars', symbol, detector, detector = 'jump' AND symbol = 'GOLD', 'why', 0.1"
    " FROM unnest(ARRAY['GOLD', 'QUIET']) AS symbol, unnest(ARRAY['jump', 'lstm']) AS detector"
)
POINTS = (
    "INSERT INTO anomaly_scores (feed, symbol, at, value, usual_low, usual_high, score)"
    f" SELECT 'bars', 'GOLD', timestamptz '{START}' + place * interval '1 minute', CASE place WHEN 1234 THEN -9"
    f" WHEN 4321 THEN 99 ELSE sin(place / 100.0) END, -2, 2, 0 FROM generate_series(0, {COUNTED - 1}) AS place"
)


def test_who_has_most_to_look_at_comes_first_and_is_found_by_a_part_of_the_name(settings: Settings) -> None:
    many = mark("GOLD", "place", "'gold ' || place") + " FROM generate_series(1, 3) AS place"
    url = made(
        settings,
        FEED,
        CARD,
        many,
        mark(ODD, "7", "'odd'", "going on"),
        mark("OIL", "9", "'oil'", "over", "'confirmed'"),
    )
    found = timelines.overview(url, anomalies())
    assert [(one["member"], one["open"], one["unjudged"], one["marks"]) for one in found["members"]] == [
        *((ODD, 1, 1, 1), ("GOLD", 0, 3, 3), ("OIL", 0, 0, 1), ("QUIET", 0, 0, 0)),
    ]
    assert [(one["made_by"], one["makers"]) for one in found["members"]] == [(0, 0), (1, 2), (0, 0), (0, 2)]
    assert found["there"] == 4
    assert [one["told"] for one in found["units"][0]["lacking"]] == ["X: new"]
    told = timelines.members(url, anomalies(), 'o\'hara "2" <B> %')
    assert [one["member"] for one in told["members"]] == [ODD]
    assert (
        timelines.members(url, anomalies(), "\0")
        == timelines.members(url, anomalies(), "_")
        == {"members": [], "there": 0}
    )


def test_who_is_not_listed_is_counted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelines, "MOST_MEMBERS", 1)
    found = timelines.overview(made(settings, FEED, CARD), anomalies())
    assert (len(found["members"]), found["there"]) == (1, 2)


def test_of_many_points_no_peak_is_lost_and_a_stretch_shows_all_of_it(settings: Settings) -> None:
    url = made(settings, FEED, CARD, POINTS)
    drawn = timelines.timeline(url, anomalies(), "bars", "GOLD")["points"]
    assert (drawn["there"], drawn["thinned"]) == (COUNTED, True)
    at, (line,) = drawn["at"], drawn["lines"]
    assert len(at) == len(line) == len(drawn["low"]) == len(drawn["high"]) <= timelines.MOST_POINTS
    assert at == sorted(set(at))
    assert (min(line), max(line)) == (-9, 99)
    assert (at[-1] - at[0]) / 60 >= COUNTED - 4
    span = (at[0] + 1000 * 60, at[0] + 1999 * 60)
    closer = timelines.points(url, anomalies(), "bars", "GOLD", span)
    assert (closer["there"], closer["thinned"], len(closer["at"])) == (1000, False, 1000)
    assert timelines.points(url, anomalies(), "bars", "GOLD", (span[1], span[0]))["at"] == []


def test_every_mark_is_told_the_newest_first_a_part_at_a_time(settings: Settings) -> None:
    size = timelines.MOST_MARKS + 7
    many = mark("GOLD", "place", "to_char(place, 'FM000')") + f" FROM generate_series(1, {size}) AS place"
    url = made(settings, FEED, many)
    first = timelines.timeline(url, anomalies(), "bars", "GOLD")["marks"]
    rest = timelines.marks(url, anomalies(), "bars", "GOLD", timelines.MOST_MARKS)
    told = [one["mark"] for one in (*first["marks"], *rest["marks"])]
    assert told == [f"{place:03}" for place in range(size, 0, -1)]
    assert first["there"] == rest["there"] == size
    assert (first["marks"][0]["rank"], first["degrees"]) == (1, ["low", "medium", "high"])


def test_timelines_without_marks_are_shown_all_the_same(settings: Settings) -> None:
    """As forecasts of readings would be: values, and between what they are expected."""
    url = made(settings, FEED, POINTS)
    plain = replace(anomalies(), marks=None, makers=None, lines=(("seen", "value"), ("expected", "usual_low")))
    found = timelines.overview(url, plain)
    assert [(one["member"], one["marks"]) for one in found["members"]] == [("GOLD", 0)]
    told = timelines.timeline(url, plain, "bars", "GOLD")
    assert (told["marks"], told["makers"], told["lines"]) == (None, None, ["seen", "expected"])
    assert len(told["points"]["lines"]) == 2
    with pytest.raises(ModelNotFound, match="a page whose timelines have marks"):
        timelines.marks(url, plain, "bars", "GOLD", 0)
    bare = replace(plain, band=None)
    assert set(timelines.timeline(url, bare, "bars", "GOLD")["points"]["low"]) == {None}


@pytest.mark.parametrize("whose", [("bars", "nobody"), ("nothing", "GOLD"), ("bars", "GOLD\0"), ("bars", "GOLD' --")])
def test_what_is_not_published_is_said(settings: Settings, whose: tuple[str, str]) -> None:
    url = made(settings, FEED, CARD)
    for asked in (timelines.timeline, timelines.marks, timelines.points):
        more: tuple[Any, ...] = {timelines.marks: (0,), timelines.points: ((0.0, 1.0),)}.get(asked, ())
        with pytest.raises(ModelNotFound, match="nothing that is published"):
            asked(url, anomalies(), *whose, *more)


def test_an_empty_warehouse_has_no_timelines(settings: Settings) -> None:
    assert settings.reader_url is not None
    found = timelines.overview(settings.reader_url, anomalies())
    assert [found[name] for name in ("units", "members", "there", "published_at")] == [[], [], 0, None]
    with pytest.raises(ModelNotFound, match="nothing that is published"):
        timelines.feedback_place(settings.reader_url, anomalies(), "any")


def test_where_people_say_what_they_think_is_told_by_the_run(settings: Settings) -> None:
    url = made(settings, FEED, mark("GOLD", "1", "'known'"))
    assert timelines.feedback_place(url, anomalies(), "known") == "said"
    for unknown in ("other", "known\0", "' OR true --"):
        with pytest.raises(ModelNotFound, match=r"anomaly .* nothing that is published"):
            timelines.feedback_place(url, anomalies(), unknown)
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE anomaly_feeds DROP COLUMN feedback_table")  # as an earlier release left it
    with pytest.raises(QueryRefused, match=r"feedback_table.*Publish again"):
        timelines.feedback_place(url, anomalies(), "known")
