from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from sqlalchemy import create_engine
from typer.testing import CliRunner

from brain.core.errors import SourceTableError
from brain.demo.days import HELD_BACK, next_day, start_demo
from brain.demo.load import demo_frame, load_demo
from brain.demo.prices import prices
from brain.usecases.direction.catalogue import HORIZONS
from local.command import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

OF_EACH_SOURCE = ("GOLD", "SP500", "VIX", "XOM")  # with calendars and ends of their own


def table(demo_url: str, asset: str) -> pd.DataFrame:
    engine = create_engine(demo_url)
    try:
        return pd.read_sql(f'SELECT * FROM "{asset}" ORDER BY "Date"', engine, parse_dates=["Date"])
    finally:
        engine.dispose()


def brain(demo_url: str, home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"BRAIN_DEMO_URL": demo_url, "BRAIN_HOME": str(home)})


def told(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_the_last_rows_of_each_asset_are_held_back(demo_url: str) -> None:
    loaded = start_demo(demo_url, OF_EACH_SOURCE)
    assert {line.left for line in loaded} == {HELD_BACK}
    for line in loaded:
        assert line.last_day == prices(line.asset)["Date"].iloc[-1 - HELD_BACK].date()
    assert len({line.last_day for line in loaded}) == len(OF_EACH_SOURCE)
    passed = next_day(demo_url, OF_EACH_SOURCE)
    assert [line.last_day for line in passed] == [
        prices(name)["Date"].iloc[-HELD_BACK].date() for name in OF_EACH_SOURCE
    ]


def test_every_day_adds_a_row_as_it_was_known_then_until_none_is_left(demo_url: str) -> None:
    start_demo(demo_url, ["VIX"])
    days = prices("VIX")["Date"]
    for number in range(1, HELD_BACK + 1):
        (line,) = next_day(demo_url, ["VIX"])
        day = days.iloc[number - HELD_BACK - 1].date()
        assert (line.last_day, line.left, line.removed) == (day, HELD_BACK - number, 0)
        assert line.written == 1 + len(HORIZONS)  # the new row, and one older row for each horizon
        found = table(demo_url, "VIX")
        pd.testing.assert_frame_equal(found, demo_frame("VIX", day), check_exact=True, check_dtype=False)
    (ended,) = next_day(demo_url, ["VIX"])
    assert (ended.written, ended.left, ended.last_day) == (0, 0, ended.last_day_before)


def test_starting_again_keeps_the_days_that_have_passed(demo_url: str) -> None:
    start_demo(demo_url, ["VIX"])
    for _ in range(3):
        (passed,) = next_day(demo_url, ["VIX"])
    (again,) = start_demo(demo_url, ["VIX"])
    assert (again.last_day, again.written, again.removed, again.left) == (passed.last_day, 0, 0, HELD_BACK - 3)


def test_a_table_that_was_loaded_whole_stays_whole(demo_url: str) -> None:
    load_demo(demo_url, assets=["VIX"])
    (again,) = start_demo(demo_url, ["VIX"])
    assert (again.rows, again.written, again.left) == (1259, 0, 0)


def test_a_table_set_back_goes_on_from_there(demo_url: str) -> None:
    load_demo(demo_url, date(2018, 6, 30), ["VIX"])  # a Saturday
    (day,) = next_day(demo_url, ["VIX"])
    assert (day.last_day_before, day.last_day) == (date(2018, 6, 29), date(2018, 7, 2))


def test_a_day_needs_a_table(demo_url: str) -> None:
    with pytest.raises(SourceTableError, match=r"VIX.*brain demo"):
        next_day(demo_url, ["VIX"])
    load_demo(demo_url, date(2010, 1, 1), ["VIX"])  # before its first day: a table without a row
    with pytest.raises(SourceTableError, match="no table with a row"):
        next_day(demo_url, ["VIX"])


def test_the_command_plays_days_and_says_when_there_are_no_more(demo_url: str, home: Path) -> None:
    assert "2018-12-03 │ 20" in told(brain(demo_url, home, "demo", "VIX"))
    assert "passed for 1 of 1 assets; 19 more to come." in told(brain(demo_url, home, "demo", "VIX", "--next-day"))
    kept = told(brain(demo_url, home, "demo", "VIX"))
    assert "2018-12-04 │ 19" in kept
    assert "Set back" not in kept
    back = told(brain(demo_url, home, "demo", "VIX", "--as-of", "2018-11-30"))
    assert "Set back: VIX from 2018-12-04 to 2018-11-30." in back
    assert "brain demo --next-day" in back
    told(brain(demo_url, home, "demo", "VIX", "--as-of", "2019-01-02"))
    assert "no more to come." in told(brain(demo_url, home, "demo", "VIX", "--next-day"))
    assert "No day has passed: every row of the demo data" in told(brain(demo_url, home, "demo", "VIX", "--next-day"))


def test_a_day_is_either_the_next_or_a_named_one(demo_url: str, home: Path) -> None:
    refused = brain(demo_url, home, "demo", "--next-day", "--as-of", "2018-06-29")
    assert refused.exit_code == 2
    assert "exclude each other" in " ".join(refused.output.replace("│", " ").split())
