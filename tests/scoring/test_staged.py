"""Scored rows wait in the lake for the publisher: a file a chunk and table."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from pydantic import SecretStr

from brain.core.errors import LakeError
from brain.core.moment import Moment
from brain.core.signing import Signer
from brain.lake.lake import Lake
from brain.scoring.blocks import Blocks, frames
from brain.scoring.staged import stage, staged

if TYPE_CHECKING:
    from pathlib import Path

SIGNER = Signer([SecretStr("a signing key of the tests")])
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
    assert {table: rows["shop"].tolist() for table, rows in frames(found.rows).items()} == {
        "tea": ["Bern", "Thun", "Chur"],
        "milk": ["Bern"],
    }


def test_a_chunk_that_is_scored_again_replaces_itself(home: Path) -> None:
    lake = Lake(str(home / "lake"))
    stage(lake, MONDAY, "sales", ["Bern"], {"tea": frame("Bern"), "milk": frame("Bern")})
    stage(lake, MONDAY, "sales", ["Bern"], {"tea": frame("Bern", "Berne")})
    found = staged(lake, MONDAY, "sales", [["Bern"]])
    assert {table: rows["shop"].tolist() for table, rows in frames(found.rows).items()} == {"tea": ["Bern", "Berne"]}


def test_blocks_are_staged_one_by_one_and_read_when_they_are_asked_for(home: Path) -> None:
    lake = Lake(str(home / "lake"), SIGNER)
    parts = Blocks((lambda: frame("Bern"), lambda: frame("Chur", "Thun")), 3)
    stage(lake, MONDAY, "sales", ["all"], {"tea": frame("a", "b"), "milk": frame("Bern")})
    stage(lake, MONDAY, "sales", ["all"], {"tea": parts, "milk": frame("Bern")})
    rows = staged(lake, MONDAY, "sales", [["all"]]).rows["tea"]
    assert isinstance(rows, Blocks)
    assert (len(rows), [part["shop"].tolist() for part in rows]) == (3, [["Bern"], ["Chur", "Thun"]])
    (second,) = (home / "lake" / "scores").rglob("tea.000001.parquet")
    second.write_bytes(second.read_bytes().replace(b"Thun", b"Rome"))
    assert list(staged(lake, MONDAY, "sales", [["all"]]).refused) == ["all"]
    with pytest.raises(LakeError):  # altered after it was looked at
        list(rows)


def test_where_nothing_was_scored_there_is_no_table(home: Path) -> None:
    assert staged(Lake(str(home / "lake")), MONDAY, "sales", [["Bern"]]) == ({}, {})


def test_a_chunk_whose_scoring_was_broken_off_is_not_read_by_halves(home: Path) -> None:
    lake, two = Lake(str(home / "lake"), SIGNER), {"tea": frame("Bern"), "milk": frame("Bern")}
    stage(lake, MONDAY, "sales", ["Bern"], two)
    tea, milk, listing = (
        path for name in ("tea.parquet", "milk.parquet", "whole.json") for path in (home / "lake").rglob(name)
    )
    kept = {path: path.read_bytes() for path in (tea, milk, listing)}
    listing.unlink()  # the first scoring, killed before its end
    assert staged(lake, MONDAY, "sales", [["Bern"]]) == ({}, {})
    listing.write_bytes(kept[listing])
    stage(lake, MONDAY, "sales", ["Bern"], {"tea": frame("Bern", "Berne"), "milk": frame("Bern", "Berne")})
    later = {path: path.read_bytes() for path in (tea, milk, listing)}
    for left in ({milk: kept[milk], listing: kept[listing]}, {milk: kept[milk]}):  # a later one, killed in its middle
        for path, content in (later | left).items():
            path.write_bytes(content)
        found = staged(lake, MONDAY, "sales", [["Bern"]])
        assert found.rows == {}
        assert "rows of another scoring" in str(found.refused["Bern"])
    milk.unlink()
    assert "no file" in str(staged(lake, MONDAY, "sales", [["Bern"]]).refused["Bern"])
    stage(lake, MONDAY, "sales", ["Bern"], two)
    whole = staged(lake, MONDAY, "sales", [["Bern"]]).rows["milk"]
    assert isinstance(whole, pd.DataFrame)
    assert whole["shop"].tolist() == ["Bern"]


@pytest.mark.parametrize(
    "attack", ["edited", "of another moment", "of another chunk", "signed by another", "not signed"]
)
def test_rows_that_are_not_what_was_staged_are_left_out_and_their_units_told(home: Path, attack: str) -> None:
    lake = Lake(str(home / "lake"), SIGNER)
    for moment in (MONDAY, TUESDAY):
        stage(lake, moment, "sales", ["Bern"], {"tea": frame("Bern")})
    stage(lake, MONDAY, "sales", ["Chur"], {"tea": frame("Chur", "Chur 2")})
    of = {path: path.read_bytes() for path in (home / "lake" / "scores").rglob("tea.parquet")}
    target = next(path for path in of if MONDAY.slug in str(path) and b"Chur" not in of[path])
    foreign = Lake(str(home / "foreign"), Signer([SecretStr("another key of an attacker")]))
    stage(foreign, MONDAY, "sales", ["Bern"], {"tea": frame("Bern", "forged")})
    plain = io.BytesIO()
    frame("Bern", "forged").to_parquet(plain)
    target.write_bytes(
        {
            "edited": of[target].replace(b"Bern", b"Rome"),
            "of another moment": next(of[path] for path in of if TUESDAY.slug in str(path)),
            "of another chunk": next(content for content in of.values() if b"Chur" in content),
            "signed by another": next((home / "foreign").rglob("tea.parquet")).read_bytes(),
            "not signed": plain.getvalue(),
        }[attack]
    )
    found = staged(lake, MONDAY, "sales", [["Bern"], ["Chur"]])
    assert frames(found.rows)["tea"]["shop"].tolist() == ["Chur", "Chur 2"]
    assert list(found.refused) == ["Bern"]
    assert "BRAIN_SIGNING_KEYS" in str(found.refused["Bern"])
