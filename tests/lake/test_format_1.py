"""A lake written by the release before (format 1) is read, cut, extended and tidied, with the hashes it gave.

`fixtures/format_1` was made at commit c5bd2f7 from the table below: GOLD as of its rows 90, 100, 110 and 120, with a
correction of row 51 before the third. `expected.json` holds what that release said, also of what it did next.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.core.source_table import KeyKind
from brain.extract.report import ExtractionReport
from brain.lake.columns import Column
from brain.lake.lake import Lake
from brain.lake.retention import tidy_table
from brain.lake.snapshot import snapshot_of
from tests.extract.conftest import Market, extract, spec, table_of, until

FIXTURE = Path(__file__).parent / "fixtures" / "format_1"
EXPECTED: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text())
MANIFEST = Path("assets", "GOLD", "manifest.json")
SETTINGS: dict[str, Any] = {"horizons": (1, 20)}


def gold(known: int, *, corrected: bool = True) -> pd.DataFrame:
    """The table as of its row `known`: fractions that every machine computes alike."""
    number = np.arange(known)
    frame = pd.DataFrame({"Date": pd.date_range("2020-01-01", periods=known, freq="B", unit="us")})
    frame["Close"] = 100 + number / 8 + number * 37 % 11 / 4
    frame["spread"] = np.where(number % 10 == 3, np.nan, number * 53 % 17 / 16)
    for ahead in (1, 20):
        frame[f"RETURNS{ahead}"] = frame["Close"].shift(-ahead) / frame["Close"] - 1
    if corrected:
        frame.loc[50, "spread"] = 4.0
    return frame


def day(row: int) -> dt.date:
    return pd.Timestamp(gold(200)["Date"].iloc[row - 1]).date()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    shutil.copytree(FIXTURE, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


def extend(sqlite: Market, lake: Lake, known: int = 130) -> ExtractionReport:
    sqlite.put("GOLD", gold(known))
    return extract(sqlite, lake, day(known), spec(**SETTINGS))


def hashes(lake: Lake) -> dict[str, str]:
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    return {str(version.version): version.data_sha256 for version in manifest.versions}


def format_of(lake: Lake) -> int:
    return int(json.loads((Path(lake.storage.root) / MANIFEST).read_text())["format"])


def test_the_fixture_is_of_format_1(lake: Lake) -> None:
    assert format_of(lake) == 1


def test_it_says_what_it_holds(lake: Lake) -> None:
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    assert (manifest.space, manifest.name, manifest.kind, manifest.key) == ("assets", "GOLD", KeyKind.DAY, ("Date",))
    assert manifest.latest.columns == (
        Column("Close"),
        Column("spread"),
        Column("RETURNS1", rows_ahead=1),
        Column("RETURNS20", rows_ahead=20),
    )
    assert [version.status for version in manifest.versions] == ["new", "appended", "corrected", "appended"]
    assert lake.names("assets") == ["GOLD"]


@pytest.mark.parametrize(("version", "known"), [(1, 90), (2, 100), (3, 110), (4, 120)])
def test_every_version_is_read(lake: Lake, version: int, known: int) -> None:
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    snapshot = snapshot_of(manifest, manifest.versions[version - 1])
    assert (snapshot.data_sha256, snapshot.rows) == (EXPECTED["versions"][str(version)], known)
    pd.testing.assert_frame_equal(lake.read(snapshot), gold(known, corrected=version > 2))


@pytest.mark.parametrize("known", [40, 85])
def test_an_older_day_is_cut_from_it(lake: Lake, known: int) -> None:
    snapshot = lake.as_of("assets", "GOLD", day(known))
    assert snapshot is not None
    assert snapshot.data_sha256 == EXPECTED["as_of"][str(known)]
    pd.testing.assert_frame_equal(lake.read(snapshot), gold(known, corrected=False))


def test_a_run_without_a_new_row_leaves_it_as_it_is(sqlite: Market, lake: Lake) -> None:
    assert extend(sqlite, lake, 120).status == "unchanged"
    assert format_of(lake) == 1


def test_the_next_extraction_reads_a_tail_and_writes_format_3(sqlite: Market, lake: Lake) -> None:
    before = hashes(lake)
    report = extend(sqlite, lake)
    assert (report.status, report.rows_new, report.corrected_dates) == ("appended", 10, ())
    assert report.snapshot is not None
    assert report.snapshot.data_sha256 == EXPECTED["extended"]
    assert format_of(lake) == 3
    assert hashes(lake) == {**before, "5": EXPECTED["extended"]}
    pd.testing.assert_frame_equal(lake.read(report.snapshot), gold(130))


def test_it_is_tidied(sqlite: Market, lake: Lake) -> None:
    extend(sqlite, lake)
    tidied = tidy_table(lake, table_of(**SETTINGS, retention={"snapshot_days": 1}), until("2020-09-01"), {})
    assert list(tidied.versions) == EXPECTED["tidied_versions"]
    assert [int(version) for version in hashes(lake)] == EXPECTED["kept"]
    latest = lake.latest("assets", "GOLD")
    assert latest is not None
    assert latest.data_sha256 == EXPECTED["tidied_latest"]
    pd.testing.assert_frame_equal(lake.read(latest), gold(130))
