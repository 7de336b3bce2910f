"""Many tables in one go: each gets what it gets alone, and what is wrong with one stays with it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import SettingsError, UnforeseenError
from brain.core.moment import Moment
from brain.extract import chunk
from brain.extract.chunk import Asked, extract_tables
from brain.extract.report import ExtractionReport
from brain.lake.lake import Lake
from brain.quality.facts import Facts
from brain.quality.result import GateResult
from brain.quality.together import judge_together
from brain.source.connect import Source
from brain.usecases.direction.inputs import asset_check, asset_table
from tests.extract.conftest import Market, asset_frame, last_dates, spec

ROWS = 160
DAYS = last_dates(asset_frame(ROWS), ROWS)
NAMES = ("A", "B", "BAD", "C", "LATE", "D")


def at(day: dt.date) -> Moment:
    return Moment(dt.datetime.combine(day, dt.time(23), dt.UTC))


@pytest.fixture
def source(sqlite: Market) -> Iterator[Source]:
    """Six tables, of which one has a High below its Low and one has lost a column that it needs."""
    for seed, name in enumerate(NAMES):
        frame = asset_frame(ROWS, seed=seed)
        if name == "BAD":
            frame["High"] = frame["Low"] - 1
        sqlite.put(name, frame.drop(columns="RETURNS5") if name == "LATE" else frame)
    with contextlib.closing(sqlite.source()) as found:
        yield found


def asked(source: Source, names: tuple[str, ...] = NAMES) -> list[Asked]:
    return [Asked(lambda: source, asset_table(spec(name)), asset_check(spec(name))) for name in names]


def told(reports: list[ExtractionReport]) -> list[Any]:
    plain = [replace(report, seconds=0.0, error=None) for report in reports]
    return [(report, str(given.error)) for report, given in zip(plain, reports, strict=True)]


def kept(folder: Path) -> dict[str, Any]:
    """What the lake keeps, but for when and on which batch something was validated."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".json" and "quality" in path.parts:
            found[path.name] = json.loads(path.read_text())
            for suite in found[path.name]["validation"].values():
                del suite["meta"]
        elif path.suffix == ".parquet":
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def test_each_table_gets_what_it_gets_alone(source: Source, tmp_path: Path) -> None:
    """On a first day and on the next, down to the bytes in the lake."""
    together, alone = Lake(str(tmp_path / "lake")), Lake(str(tmp_path / "alone"))
    for day in (DAYS[-2], DAYS[-1]):
        reports = list(extract_tables(asked(source), together, at(day)))
        singly = [report for one in asked(source) for report in extract_tables([one], alone, at(day))]
        moved = [
            (str(one).replace("/lake/", "/alone/"), error.replace("/lake/", "/alone/")) for one, error in told(reports)
        ]
        assert moved == [(str(one), error) for one, error in told(singly)]
        assert [report.unit for report in reports] == list(NAMES)
        statuses = dict(zip(NAMES, [report.status for report in reports], strict=True))
        assert (statuses.pop("BAD"), statuses.pop("LATE")) == ("quarantined", "failed")
        assert set(statuses.values()) == {"new" if day == DAYS[-2] else "appended"}
    assert kept(tmp_path / "lake") == kept(tmp_path / "alone")


def test_what_is_wrong_with_one_stops_none_of_the_others(
    source: Source, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:
        raise ZeroDivisionError("in the facts")

    def unjudged(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:
        found = asset_check(spec("C"))(frame, moment, total_rows=total_rows, unchanged=unchanged)
        rows = found.frames["rows"].assign(jump=np.full(len(frame), "far", dtype=object))
        return replace(found, frames={**found.frames, "rows": rows})

    def closed() -> Source:
        raise SettingsError("BRAIN_SOURCE_URL", found="nothing", expected="a URL", remedy="Set it.")

    a, b, _, c, _, d = asked(source)
    given = [a, replace(b, check=broken), replace(c, check=unjudged), replace(d, source=closed), replace(d)]
    reports = list(extract_tables(given, lake, at(DAYS[-1])))
    assert [report.status for report in reports] == ["new", "failed", "failed", "failed", "new"]
    assert isinstance(reports[1].error, UnforeseenError)
    assert "ZeroDivisionError during extraction: in the facts" in reports[1].reason
    assert "the rule 'jumps' cannot be computed" in reports[2].reason
    assert isinstance(reports[3].error, SettingsError)
    assert "extracting B" in caplog.text


def test_a_table_that_is_asked_for_twice_is_known_the_second_time(source: Source, lake: Lake) -> None:
    reports = list(extract_tables(asked(source, ("A", "B", "A")), lake, at(DAYS[-1])))
    assert [report.status for report in reports] == ["new", "new", "unchanged"]


@pytest.mark.parametrize(("tables", "rows"), [(2, 10**9), (10**9, 2 * ROWS)])
def test_what_is_read_does_not_pile_up(
    source: Source, lake: Lake, monkeypatch: pytest.MonkeyPatch, tables: int, rows: int
) -> None:
    judged: list[int] = []

    def counted(facts: Sequence[Facts]) -> list[GateResult | Exception]:
        judged.append(len(facts))
        return judge_together(facts)

    monkeypatch.setattr(chunk, "judge_together", counted)
    monkeypatch.setattr(chunk, "MOST_TABLES", tables)
    monkeypatch.setattr(chunk, "MOST_ROWS", rows)
    found = extract_tables(asked(source, ("A", "B", "C", "D", "BAD")), lake, at(DAYS[-1]))
    assert next(found).unit == "A"
    assert judged == [2]
    assert [report.unit for report in found] == ["B", "C", "D", "BAD"]
    assert judged == [2, 2, 1]
