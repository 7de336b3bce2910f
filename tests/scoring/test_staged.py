"""Scored rows wait in the lake for the publisher: a file a chunk and table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from brain.core.moment import Moment
from brain.lake.lake import Lake
from brain.scoring.staged import stage, staged

if TYPE_CHECKING:
    from pathlib import Path

MONDAY, TUESDAY = (Moment(datetime(2024, 1, day, 6, tzinfo=UTC)) for day in (8, 9))


def frame(*shops: str) -> pd.DataFrame:
    return pd.DataFrame({"shop": shops, "pieces": range(len(shops))})


def test_the_chunks_of_a_run_come_back_by_table(home: Path) -> None:
    lake = Lake(str(home / "lake"))
    stage(lake, MONDAY, "sales", ["Bern", "Thun"], {"tea": frame("Bern", "Thun"), "milk": frame("Bern")})
    stage(lake, MONDAY, "sales", ["Chur"], {"tea": frame("Chur")})
    stage(lake, MONDAY, "visits", ["Chur"], {"tea": frame("of another use case")})
    stage(lake, TUESDAY, "sales", ["Chur"], {"tea": frame("of another day")})
    found = staged(lake, MONDAY, "sales", [["Bern", "Thun"], ["Chur"], ["never scored"]])
    assert {table: rows["shop"].tolist() for table, rows in found.items()} == {
        "tea": ["Bern", "Thun", "Chur"],
        "milk": ["Bern"],
    }


def test_a_chunk_that_is_scored_again_replaces_itself(home: Path) -> None:
    lake = Lake(str(home / "lake"))
    stage(lake, MONDAY, "sales", ["Bern"], {"tea": frame("Bern"), "milk": frame("Bern")})
    stage(lake, MONDAY, "sales", ["Bern"], {"tea": frame("Bern", "Berne")})
    found = staged(lake, MONDAY, "sales", [["Bern"]])
    assert {table: rows["shop"].tolist() for table, rows in found.items()} == {"tea": ["Bern", "Berne"]}


def test_where_nothing_was_scored_there_is_no_table(home: Path) -> None:
    assert staged(Lake(str(home / "lake")), MONDAY, "sales", [["Bern"]]) == {}
