"""Rows that stand and fall with a row of another table: what is kept of them, and how it is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brain.warehouse.grid import complete
from brain.warehouse.publish import TableRows, publish
from brain.warehouse.tables import PUBLISHED_AT, Column, Follows, PublishedTable
from tests.warehouse.conftest import MONDAY, TUESDAY, told

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.warehouse.publish import Publication

WHEN = Column(PUBLISHED_AT, "timestamptz", "When.", required=True)
MENUS = PublishedTable(
    name="menus",
    meaning="How each menu was made.",
    key=("menu",),
    columns=(
        Column("menu", "text", "The menu."),
        Column("cook", "text", "Who made it."),
        Column("stale", "boolean", "Kept."),
        Column("reason", "text", "Why."),
        WHEN,
    ),
    value="cook",
)
DISHES = PublishedTable(
    name="dishes",
    meaning="What is on each menu.",
    key=("menu", "place"),
    columns=(
        Column("menu", "text", "The menu."),
        Column("place", "integer", "1 comes first."),
        Column("dish", "text", "The dish."),
        Column("stale", "boolean", "Kept."),
        WHEN,
    ),
    value="dish",
    unscored="drop",
    follows=Follows(MENUS, ("menu",)),
)


def serve(
    settings: Settings, moment: Moment, cooks: dict[str, str | None], *dishes: tuple[str, int, str]
) -> Publication:
    menus = pd.DataFrame({"menu": [*cooks], "cook": [*cooks.values()], "reason": ["ill"] * len(cooks)})
    menus["reason"] = menus["reason"].where(menus["cook"].isna(), None)
    given = pd.DataFrame(dishes, columns=["menu", "place", "dish"])
    rows = [TableRows(MENUS, complete(MENUS, menus, None)), TableRows(DISHES, complete(DISHES, given, None))]
    return publish(settings.warehouse_url, "kitchen", rows, [], moment)


def test_what_belongs_to_a_row_that_could_not_be_computed_stays_and_is_marked(settings: Settings) -> None:
    serve(
        settings, MONDAY, {"day": "ann", "night": "bob"}, ("day", 1, "soup"), ("night", 1, "rice"), ("night", 2, "fig")
    )
    done = serve(settings, TUESDAY, {"day": "ann", "night": None}, ("day", 1, "salad"), ("night", 1, "half made"))
    assert told(settings, "SELECT menu, cook, stale, reason FROM menus ORDER BY 1") == [
        ("day", "ann", False, None),
        ("night", "bob", True, "ill"),
    ]
    assert told(settings, "SELECT menu, place, dish, stale, published_at FROM dishes ORDER BY 1, 2") == [
        ("day", 1, "salad", False, TUESDAY.at),
        ("night", 1, "rice", True, MONDAY.at),
        ("night", 2, "fig", True, MONDAY.at),
    ]
    counts = done.tables["dishes"]
    assert (counts.fresh, counts.stale, counts.departed, counts.remembered) == (1, 2, 0, 0)


def test_once_it_is_computed_again_nothing_of_the_old_stays(settings: Settings) -> None:
    serve(settings, MONDAY, {"night": "bob"}, ("night", 1, "rice"), ("night", 2, "fig"))
    serve(settings, TUESDAY, {"night": None})
    done = serve(settings, TUESDAY, {"night": "eve"}, ("night", 1, "bread"))
    assert told(settings, "SELECT place, dish, stale FROM dishes") == [(1, "bread", False)]
    assert done.tables["dishes"].departed == 1
