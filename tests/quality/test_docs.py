"""Verdicts become pages that anybody can open: complete, linked, and in need of nothing from outside."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.lake.lake import Lake
from brain.quality.docs import build_data_docs
from brain.quality.engine import judge
from brain.quality.gate import keep_result
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.inputs import asset_check

NOW = Moment(dt.datetime(2026, 1, 1, 6, tzinfo=dt.UTC))
ODD = "<b>50% & Co</b>"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def pages(lake: Lake) -> Path:
    """The Data Docs of a good and a refused asset."""
    good = demo_frame("SP500")
    _judge(lake, "SP500", good)
    _judge(lake, ODD, good.assign(High=good["Low"] - 1))
    return Path(build_data_docs(lake, NOW)).parent


def _judge(lake: Lake, name: str, frame: pd.DataFrame) -> None:
    spec = AssetSpec(name=name, table="T")
    keep_result(lake, "direction", NOW, judge(asset_check(spec)(frame, NOW, total_rows=len(frame), unchanged=False)))


def test_the_index_links_a_page_for_each_verdict(pages: Path) -> None:
    html = (pages / "index.html").read_text()
    links = [unquote(link) for link in re.findall(r'href="([^"]+)"', html)]
    assert len(links) == 2
    assert all((pages / link).exists() for link in links)
    assert "1 quarantined" in html
    assert "rows with High below Low" in html


def test_the_newest_index_links_the_same_pages(pages: Path) -> None:
    html = (pages.parent / "index.html").read_text()
    links = [unquote(link) for link in re.findall(r'href="([^"]+)"', html)]
    assert all((pages.parent / link).exists() for link in links)


def test_a_page_shows_what_was_expected_and_found(pages: Path) -> None:
    (page,) = [path for path in pages.glob("*.html") if path.name.startswith("direction.%3Cb")]
    html = page.read_text()
    assert "&lt;b&gt;50% &amp; Co&lt;/b&gt;" in html
    assert ODD not in html
    assert "high_minus_low" in html
    assert "must be greater than or equal to" in html


def test_a_warning_is_not_called_a_failure(lake: Lake) -> None:
    good = demo_frame("SP500")
    late = Moment(NOW.at + dt.timedelta(days=900))
    for name, frame in {"SP500": good, "VIX": good.assign(High=good["Low"] - 1)}.items():
        spec = AssetSpec(name=name, table="T")
        result = judge(asset_check(spec)(frame, late, total_rows=len(frame), unchanged=False))
        keep_result(lake, "direction", late, result)
    folder = Path(build_data_docs(lake, late)).parent
    warned, refused = ((folder / f"direction.{name}.html").read_text() for name in ("SP500", "VIX"))
    assert '<span class="passed">passed</span>' in warned
    assert "Passed with warnings" in warned
    assert not re.search(r">\s*Failed\b", warned)
    assert re.search(r">\s*Failed\b", refused)
    assert "Passed with warnings" in refused, "of another suite"


def test_pages_load_nothing_from_elsewhere(pages: Path) -> None:
    for path in pages.glob("*.html"):
        assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]+"', path.read_text()) == []
        assert "<script" not in path.read_text()


def test_rendering_again_changes_nothing(lake: Lake, pages: Path) -> None:
    before = {path.name: path.read_text() for path in pages.glob("*.html")}
    build_data_docs(lake, NOW)
    assert {path.name: path.read_text() for path in pages.glob("*.html")} == before
