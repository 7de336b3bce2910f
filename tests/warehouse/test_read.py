"""Reading back what was published: the last row of a key and day, and the models behind what is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from brain.core.errors import QueryRefused
from brain.warehouse.read import last_published, referenced_versions
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, WEDNESDAY, frame, show

if TYPE_CHECKING:
    from brain.core.settings import Settings

FRIDAY = date(2024, 1, 5)


def test_the_row_published_last_for_a_key_and_day_comes_back_whole(settings: Settings) -> None:
    for moment, pieces in ((MONDAY, 10), (TUESDAY, 12)):
        show(settings, SALES, frame(("Bern", 1, pieces, 2.5), ("Thun", 1, 7, 3.5)), moment)
    assert last_published(settings.warehouse_url, SALES, {"day": 1, "shop": "Bern"}, FRIDAY) == {
        "shop": "Bern",
        "day": 1,
        "as_of": FRIDAY,
        "published_at": TUESDAY.at,
        "pieces": 12,
        "Mean Price": 2.5,
        "version": 3,
    }
    assert last_published(settings.warehouse_url, SALES, {"shop": "Bern", "day": 1}, date(2024, 1, 4)) is None
    assert last_published(settings.warehouse_url, SALES, {"shop": "Chur", "day": 1}, FRIDAY) is None


def test_the_versions_behind_what_is_shown_or_was_published_lately_are_told(settings: Settings) -> None:
    url = settings.warehouse_url
    for moment, shop, version in ((MONDAY, "Bern", 1), (TUESDAY, "Bern", 2), (WEDNESDAY, "Thun", 3)):
        rows = frame((shop, 1, 5, 1.0), (shop, 2, 5, 1.0), ("Chur", 1, None, None))
        rows.loc[rows["pieces"].notna(), "version"] = version
        show(settings, SALES, rows, moment)
    shown = ({"shop": "Thun"}, 3)
    late = referenced_versions(url, [SALES], WEDNESDAY.at)
    assert late == [shown]
    assert sorted(referenced_versions(url, [SALES], TUESDAY.at), key=str) == [({"shop": "Bern"}, 2), shown]
    assert len(referenced_versions(url, [SALES], MONDAY.at)) == 3
    assert referenced_versions(url, [replace(SALES, history=None)], MONDAY.at) == [shown]
    assert referenced_versions(url, [replace(SALES, model=None)], MONDAY.at) == []


def test_before_the_first_publication_no_version_is_declared_unused(settings: Settings) -> None:
    with pytest.raises(QueryRefused, match="Nothing may have been published yet"):
        referenced_versions(settings.warehouse_url, [SALES], MONDAY.at)
