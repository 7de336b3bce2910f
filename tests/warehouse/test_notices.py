"""A problem is written once and told once, for as long as it lasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from brain.core.moment import Moment
from brain.warehouse.notices import NEWS, Place, Problem, deliver, note
from brain.warehouse.read import ask
from brain.warehouse.taking_back import take_back
from tests.warehouse.conftest import SALES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.core.settings import Settings

MONDAY = Moment(datetime(2026, 11, 23, 6, tzinfo=UTC))
KO = Problem(Place("direction", "extract", "KO"), "quarantined", "3 rows without Close", "The others.", "Correct them.")
DAY = timedelta(days=1)


def later(days: float) -> Moment:
    return Moment(MONDAY.at + days * DAY)


def told(settings: Settings, moment: Moment) -> list[str]:
    heard: list[Problem] = []

    def hear(problems: Sequence[Problem]) -> None:
        heard.extend(problems)

    count = deliver(settings.warehouse_url, moment, "mailed_at", hear)
    assert count == len(heard)
    return [problem.place.subject for problem in heard]


def test_a_lasting_problem_is_told_once(settings: Settings) -> None:
    for days in range(4):
        note(settings.warehouse_url, later(days), [KO])
        assert told(settings, later(days)) == (["KO"] if days == 0 else [])
    assert ask(settings.warehouse_url, "SELECT since, last_seen, solved_at FROM notices").rows == [
        (MONDAY.at, later(3).at, None)
    ]


def test_a_rerun_of_a_moment_tells_nothing_new_whatever_it_finds(settings: Settings) -> None:
    note(settings.warehouse_url, MONDAY, [KO])
    assert told(settings, MONDAY) == ["KO"]
    note(settings.warehouse_url, MONDAY, [], [KO.place])
    note(settings.warehouse_url, MONDAY, [KO])
    assert told(settings, MONDAY) == []


def test_once_it_was_solved_the_next_one_is_new(settings: Settings) -> None:
    note(settings.warehouse_url, MONDAY, [KO])
    note(settings.warehouse_url, later(1), [], [KO.place])
    assert told(settings, later(1)) == []  # solved before anybody could be told
    note(settings.warehouse_url, later(2), [KO])
    assert told(settings, later(2)) == ["KO"]


def test_an_older_moment_neither_solves_nor_opens_anything(settings: Settings) -> None:
    note(settings.warehouse_url, later(1), [KO])
    note(settings.warehouse_url, MONDAY, [], [KO.place])
    assert told(settings, later(1)) == ["KO"]
    note(settings.warehouse_url, later(2), [], [KO.place])
    note(settings.warehouse_url, MONDAY, [KO])
    assert told(settings, later(2)) == []


def test_a_unit_that_fails_on_in_later_steps_of_the_moment_is_one_problem(settings: Settings) -> None:
    trained = replace(KO, place=replace(KO.place, step="train"), kind="failed")
    note(settings.warehouse_url, MONDAY, [KO])
    note(settings.warehouse_url, MONDAY, [trained])
    assert told(settings, MONDAY) == ["KO"]
    note(settings.warehouse_url, later(1), [trained], [KO.place])
    assert told(settings, later(1)) == ["KO"]


def test_an_event_is_told_each_time(settings: Settings) -> None:
    alarm = replace(KO, kind="alarm", lasting=False)
    for days in range(2):
        note(settings.warehouse_url, later(days), [alarm])
        note(settings.warehouse_url, later(days), [alarm])
        assert told(settings, later(days)) == ["KO"]


def test_what_could_not_be_told_is_told_by_the_next_run(settings: Settings) -> None:
    note(settings.warehouse_url, MONDAY, [KO])

    def fail(problems: Sequence[Problem]) -> None:
        raise OSError("no route to host")

    with pytest.raises(OSError, match="no route"):
        deliver(settings.warehouse_url, MONDAY, "mailed_at", fail)
    assert told(settings, later(1)) == ["KO"]


def test_a_mail_that_was_sent_before_a_kill_is_sent_again_as_it_was_and_later_news_by_another(
    settings: Settings,
) -> None:
    mails: list[list[str]] = []

    def killed_after(problems: Sequence[Problem]) -> None:
        mails.append([problem.place.subject for problem in problems])
        raise KeyboardInterrupt

    def sent(problems: Sequence[Problem]) -> None:
        mails.append([problem.place.subject for problem in problems])

    def refused(problems: Sequence[Problem]) -> None:
        raise OSError(f"{len(problems)} problems")

    note(settings.warehouse_url, MONDAY, [KO])
    with pytest.raises(KeyboardInterrupt):
        deliver(settings.warehouse_url, MONDAY, "mailed_at", killed_after)
    gold, silver = (replace(KO, place=replace(KO.place, subject=name)) for name in ("GOLD", "SILVER"))
    note(settings.warehouse_url, later(1), [gold])
    assert deliver(settings.warehouse_url, later(1), "mailed_at", sent) == 2
    assert mails == [["KO"], ["KO"], ["GOLD"]]
    for problem, problems in ((silver, 1), (replace(KO, place=replace(KO.place, subject="WTI")), 2)):
        note(settings.warehouse_url, later(2), [problem])
        with pytest.raises(OSError, match=f"{problems} problems"):
            deliver(settings.warehouse_url, later(2), "mailed_at", refused)


def test_each_way_tells_by_itself(settings: Settings) -> None:
    note(settings.warehouse_url, MONDAY, [KO])
    assert told(settings, MONDAY) == ["KO"]
    heard: list[Problem] = []
    assert deliver(settings.warehouse_url, MONDAY, "posted_at", heard.extend) == 1
    assert [problem.happened for problem in heard] == [KO.happened]


def test_old_news_is_kept_back_from_a_way_that_is_switched_on_late(settings: Settings) -> None:
    note(settings.warehouse_url, MONDAY, [KO])
    assert told(settings, Moment(MONDAY.at + NEWS)) == []
    note(settings.warehouse_url, Moment(MONDAY.at + NEWS), [KO])
    assert told(settings, Moment(MONDAY.at + NEWS)) == ["KO"]


def test_nothing_is_told_before_anything_was_written(settings: Settings) -> None:
    assert told(settings, MONDAY) == []


def test_odd_names_are_values(settings: Settings) -> None:
    odd = replace(
        KO, place=replace(KO.place, subject="'; DROP TABLE notices; --"), happened='100 % of {rows} are "odd"'
    )
    note(settings.warehouse_url, MONDAY, [odd])
    assert told(settings, MONDAY) == ["'; DROP TABLE notices; --"]


def test_what_a_run_dated_in_the_future_met_is_taken_back(settings: Settings) -> None:
    """Else it would hide the next problem of its unit until its day has come."""
    note(settings.warehouse_url, later(300), [KO])
    take_back(settings.warehouse_url, "direction", [SALES], [], MONDAY)
    note(settings.warehouse_url, later(1), [KO])
    assert told(settings, later(1)) == ["KO"]
    note(settings.warehouse_url, later(300), [], [KO.place])
    take_back(settings.warehouse_url, "direction", [SALES], [], later(2))
    assert ask(settings.warehouse_url, "SELECT last_seen, solved_at FROM notices").rows == [(later(1).at, None)]
