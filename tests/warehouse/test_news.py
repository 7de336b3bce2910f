"""A row that a publication adds is told once, in the transaction that shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from brain.core.errors import PublishError
from brain.core.moment import Moment
from brain.warehouse.news import News
from brain.warehouse.notices import Place, Problem
from brain.warehouse.publish import TableRows, publish
from brain.warehouse.read import ask
from brain.warehouse.tables import PUBLISHED_AT, Column, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.settings import Settings

MONDAY = Moment(datetime(2026, 11, 23, 6, tzinfo=UTC))
TUESDAY = Moment(MONDAY.at + timedelta(days=1))


def of_row(row: Mapping[str, object], moment: Moment) -> Problem | None:
    place = Place("watching", "publish", str(row["thing"]))
    return None if row["thing"] == "old" else Problem(place, "found", f"{row['size']} at {moment}", "All.", "Look.")


FINDS = PublishedTable(
    name="finds",
    meaning="What was found.",
    key=("thing",),
    columns=(
        Column("thing", "text", "What."),
        Column("size", "double precision", "How much.", low=0, high=9),
        Column(PUBLISHED_AT, "timestamptz", "When."),
    ),
    value="size",
    unscored="drop",
    news=News(of_row),
)


def publish_finds(settings: Settings, moment: Moment, table: PublishedTable = FINDS, **sizes: float) -> None:
    rows = pd.DataFrame({"thing": list(sizes), "size": list(sizes.values())})
    publish(settings.warehouse_url, "watching", [TableRows(table, rows)], [], moment)


def noticed(settings: Settings) -> list[tuple[object, ...]]:
    return ask(settings.warehouse_url, "SELECT subject, kind, since FROM notices ORDER BY since, subject").rows


def test_a_new_row_is_told_once(settings: Settings) -> None:
    publish_finds(settings, MONDAY, a=1, old=2)
    publish_finds(settings, MONDAY, a=1, old=2)
    publish_finds(settings, TUESDAY, a=3, b=1)
    publish_finds(settings, TUESDAY, b=1)  # gone
    publish_finds(settings, TUESDAY, a=1, b=1)  # and back: the same one
    assert noticed(settings) == [("a", "found", MONDAY.at), ("b", "found", TUESDAY.at)]


def test_a_table_beside_it_may_be_no_news(settings: Settings) -> None:
    plain = replace(FINDS, name="plain", news=None)
    rows = pd.DataFrame({"thing": ["a"], "size": [1.0]})
    publish(settings.warehouse_url, "watching", [TableRows(FINDS, rows), TableRows(plain, rows)], [], MONDAY)
    assert noticed(settings) == [("a", "found", MONDAY.at)]


def test_rows_that_are_refused_tell_nobody(settings: Settings) -> None:
    publish_finds(settings, MONDAY, a=1)
    with pytest.raises(PublishError, match="finds"):
        publish_finds(settings, TUESDAY, a=1, b=10)
    assert noticed(settings) == [("a", "found", MONDAY.at)]


def test_a_past_moment_tells_nobody(settings: Settings) -> None:
    publish_finds(settings, TUESDAY, a=1)
    publish_finds(settings, MONDAY, b=1)
    assert noticed(settings) == [("a", "found", TUESDAY.at)]


def test_a_table_that_is_no_news_tells_nobody(settings: Settings) -> None:
    publish_finds(settings, MONDAY, replace(FINDS, news=None), a=1)
    assert ask(settings.warehouse_url, "SELECT to_regclass('notices')").rows == [(None,)]
