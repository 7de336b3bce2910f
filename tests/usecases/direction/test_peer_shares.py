from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom

from brain.lake.lake import Lake
from brain.usecases.direction.base_rate import outcomes_per_row, usual_strength
from brain.usecases.direction.names import SPACE
from brain.usecases.direction.peer_shares import EVEN_OUTCOMES, UpCounts, count_ups, up_counts
from brain.usecases.protocol import SHARED
from tests.extract.conftest import HORIZONS, Market, asset_frame, extract, spec, sqlite

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["sqlite"]

DAY = date(2030, 1, 1)

DATES = np.array(["2001-06-01", "2002-01-04", "2002-06-03", "2003-02-03"], dtype="datetime64[D]")


def share(ups: int, rows: int, horizon: int) -> float:
    """Of independent outcomes, those that are even included."""
    return (ups / horizon + EVEN_OUTCOMES / 2) / (rows / horizon + EVEN_OUTCOMES)


def test_known_rows_are_counted_in_the_year_their_labels_end() -> None:
    frame = pd.DataFrame(
        {
            "Date": pd.to_datetime(["2001-12-27", "2001-12-28", "2001-12-31", "2002-01-02", "2002-01-03"]),
            "RETURNS1": [0.1, 0.0, -0.1, 0.2, np.nan],
            "RETURNS2": [0.1, np.nan, -0.1, np.nan, np.nan],
            "RETURNS5": [np.nan] * 5,
        }
    )
    assert count_ups(frame, (1, 2, 5, 20)) == {1: {2001: (2, 2), 2002: (1, 2)}, 2: {2001: (1, 1), 2002: (0, 1)}, 5: {}}


def test_the_peers_share_is_that_of_the_other_assets_as_known_then() -> None:
    shares = UpCounts(
        {
            "A": {5: {2001: (900, 900)}},
            "B": {5: {2001: (10, 30), 2003: (7, 8)}},
            "C": {5: {2001: (20, 30), 2002: (9, 10)}},
        }
    )
    peers = shares.without("A").by_row([5], DATES)[5]
    assert list(peers) == pytest.approx([0.5, share(30, 60, 5), share(30, 60, 5), share(46, 78, 5)])


def test_an_asset_alone_has_only_even_odds() -> None:
    peers = UpCounts({"A": {1: {2001: (2, 3)}}}).without("A").by_row([1, 5], DATES)
    assert all((peers[horizon] == 0.5).all() for horizon in (1, 5))


def alike(spread: float, assets: int, classes: int = 1) -> UpCounts:
    """Assets with 100 outcomes a year at 1 row; their true shares scatter by `spread` around 0.55, by class lower."""
    draw = np.random.default_rng(3)
    counts, of_class = {}, {}
    for number in range(assets):
        share = 0.55 - 0.2 * (number % classes) + spread * draw.normal()
        ups = draw.binomial(100, share, size=30)
        counts[f"A{number}"] = {1: {1990 + year: (int(up), 100) for year, up in enumerate(ups)}}
        of_class[f"A{number}"] = f"class {number % classes}"
    return UpCounts(counts, of_class if classes > 1 else {})


YEARS = np.arange("1990-06-01", "2021-06-01", 365, dtype="datetime64[D]")


def test_the_less_the_assets_differ_the_more_the_share_of_the_others_counts() -> None:
    by_spread = [alike(spread, 30).without("A0").strengths_by_row([1], YEARS)[1][-1] for spread in (0.1, 0.03, 0.0)]
    assert by_spread == sorted(by_spread)
    assert by_spread[0] == pytest.approx(0.25 / 0.1**2, rel=0.6)
    assert by_spread[1] == pytest.approx(0.25 / 0.03**2, rel=0.6)


def test_few_assets_leave_it_near_what_is_usual() -> None:
    strengths = alike(0.03, 2).without("A0").strengths_by_row([1, 20], YEARS)
    assert usual_strength(1) / 10 < strengths[1][-1] < usual_strength(1) * 10
    assert (strengths[20] == usual_strength(20)).all()


def test_what_counts_is_what_was_known_then() -> None:
    counts = alike(0.03, 20)
    changed = {name: {1: {**by[1], 2005: (99, 100)}} for name, by in counts.counts.items()}
    before, after = (
        found.without("A0").strengths_by_row([1], YEARS)[1]
        for found in (counts, UpCounts({**counts.counts, **changed}))
    )
    known = np.datetime64("2006-01-01") > YEARS
    assert (before[known] == after[known]).all()
    assert (before[~known] != after[~known]).all()


def test_the_peers_are_those_of_the_same_class_where_one_is_declared() -> None:
    peers = alike(0.01, 20, classes=2).without("A0")
    assert peers.by_row([1], YEARS)[1][-1] == pytest.approx(0.55, abs=0.01)
    everyone = alike(0.01, 20, classes=2)
    alone = UpCounts(everyone.counts, {"A0": "class 0", "A2": "class 0"}).without("A0")
    assert alone.by_row([1], YEARS)[1][-1] == pytest.approx(0.45, abs=0.02)


def test_even_outcomes_are_two() -> None:
    """So that a share of nothing is 1/2, and that of one outcome 1/3 or 2/3."""
    peers = UpCounts({"A": {1: {}}, "B": {1: {2001: (1, 1)}}}).without("A").by_row([1], DATES)[1]
    assert list(peers) == pytest.approx([1 / 2, 2 / 3, 2 / 3, 2 / 3])


def by_definition(others: list[dict[int, tuple[int, int]]], everyone: list[dict[int, tuple[int, int]]]) -> float:
    """The posterior mean of the logarithm of the strength, at the end of 2002 and of one row."""
    together = np.sum([counts for by_year in everyone for counts in by_year.values()], axis=0)
    mean = (together[0] + 1) / (together[1] + 2)
    deviations = np.arange(-4, 4.5, 0.5)
    strengths = usual_strength(1) * np.exp(1.5 * deviations)
    log_chance = -(deviations**2) / 2
    for by_year in others:
        ups, rows = np.sum([*by_year.values()], axis=0)
        log_chance += betabinom.logpmf(ups, rows, strengths * mean, strengths * (1 - mean))
    return float(np.exp(np.average(np.log(strengths), weights=np.exp(log_chance))))


@pytest.mark.parametrize("spread", [2, 20, 45])
def test_the_strength_is_what_the_shares_of_the_others_make_of_the_usual_one(spread: int) -> None:
    assets = [
        {2001: (50 + spread * sign, 100), 2002: (60 - sign, 100 + number)} for number, sign in enumerate((1, -1, 0))
    ]
    assets.append({2002: (30, 60)})  # one that knows nothing of the first year
    counts = UpCounts({str(number): {1: by_year} for number, by_year in enumerate(assets)})
    strengths = counts.without("0").strengths_by_row([1], np.array(["2001-05-01", "2003-05-01"], "datetime64[D]"))[1]
    assert strengths[0] == usual_strength(1)
    assert strengths[1] == pytest.approx(by_definition(assets[1:], assets), rel=1e-6)


def test_rows_whose_labels_overlap_are_fewer_outcomes() -> None:
    """With half as many rows for each independent outcome, the strength follows shares half as much."""
    far = {"A": {5: {2001: (0, 0)}}, "B": {5: {2001: (18, 20)}}, "C": {5: {2001: (6, 20)}}}
    strengths = UpCounts(far).without("A").strengths_by_row([5], DATES)[5]
    mean, known = np.array([(24 / 5 + 1) / (40 / 5 + 2)]), 20 * outcomes_per_row(5)
    deviations = np.arange(-4, 4.5, 0.5)
    tried = usual_strength(5) * np.exp(1.5 * deviations)
    log_chance = -(deviations**2) / 2
    for share_of_ups in (0.9, 0.3):
        log_chance += betabinom_log(share_of_ups * known, known, tried * mean, tried * (1 - mean))
    expected = np.exp(np.average(np.log(tried), weights=np.exp(log_chance - log_chance.max())))
    assert strengths[-1] == pytest.approx(expected, rel=1e-6)


def betabinom_log(ups: float, rows: float, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of outcomes that need not be whole."""
    from scipy.special import gammaln

    def log_beta(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        total: np.ndarray = gammaln(x) + gammaln(y) - gammaln(x + y)
        return total

    found: np.ndarray = log_beta(ups + a, rows - ups + b) - log_beta(a, b)
    return found


@pytest.mark.parametrize(("others", "share_of_class"), [(3, True), (2, False)])
def test_three_others_of_a_class_are_enough_to_be_the_peers(others: int, share_of_class: bool) -> None:
    counts = {"A": {1: {2001: (0, 10)}}, "Z": {1: {2001: (0, 700)}}}
    counts |= {f"B{number}": {1: {2001: (100, 100)}} for number in range(others)}
    classes = dict.fromkeys([name for name in counts if name != "Z"], "metals")
    peers = UpCounts(counts, classes).without("A")
    assert bool(peers.by_row([1], DATES)[1][-1] > 0.9) is share_of_class
    without_class = UpCounts(counts, {**classes, "A": ""}).without("A")
    assert without_class.by_row([1], DATES)[1][-1] < 0.4


def test_rows_of_one_class_are_added_up_once_for_all_that_ask() -> None:
    counts = UpCounts({"A": {1: {2001: (1, 2)}}, "B": {1: {2001: (1, 3)}}, "C": {1: {2001: (1, 4)}}})
    assert counts._group(counts._members("A")) is counts._group(counts._members("B"))


def test_labels_of_the_last_rows_end_with_the_table() -> None:
    dates = pd.to_datetime(["2001-12-27", "2001-12-28", "2002-01-02"])
    assert count_ups(pd.DataFrame({"Date": dates, "RETURNS2": [np.nan, 0.1, -0.1]}), (2,)) == {2: {2002: (1, 2)}}


@pytest.fixture
def lake(sqlite: Market, tmp_path: Path) -> Lake:
    """Of GOLD, WTI without one of the returns, and XOM."""
    lake = Lake(str(tmp_path / "lake"))
    for seed, name in enumerate(("GOLD", "WTI", "XOM")):
        frame = asset_frame(60, seed=seed)
        sqlite.put(name, frame.drop(columns="RETURNS5") if name == "WTI" else frame)
        asset = spec(name).model_copy(update={"horizons": (1, 20)}) if name == "WTI" else spec(name)
        assert extract(sqlite, lake, DAY, asset).ok
    return lake


NAMES = ("GOLD", "WTI", "NEW", "XOM")


def test_ups_are_counted_from_the_snapshots_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    found = up_counts(lake, NAMES, HORIZONS, DAY)
    assert {name: [*by_horizon] for name, by_horizon in found.counts.items()} == {
        "GOLD": [1, 5, 20],
        "WTI": [1, 20],
        "XOM": [1, 5, 20],
    }
    assert found.counts["XOM"] == count_ups(asset_frame(60, seed=2), HORIZONS)
    read: list[str] = []
    monkeypatch.setattr(lake, "read", lambda snapshot, *_: read.append(snapshot.name))
    assert up_counts(lake, NAMES, HORIZONS, DAY) == found
    assert read == []


def test_an_asset_that_cannot_be_read_is_left_out_and_named(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    snapshot = lake.as_of(SPACE, "GOLD", DAY)
    assert snapshot is not None
    folders = {name: f"{SPACE}/{name}" for name in NAMES}
    for segment in lake.storage.names(f"{folders['GOLD']}/segments"):
        lake.storage.delete(f"{folders['GOLD']}/segments/{segment}")
    with caplog.at_level(logging.WARNING):
        assert [*up_counts(lake, NAMES, HORIZONS, DAY).counts] == ["WTI", "XOM"]
    assert "GOLD is left out of its peers' share of ups" in caplog.text
    caplog.clear()
    lake.storage.write(f"{folders['WTI']}/manifest.json", b"{")
    with caplog.at_level(logging.WARNING):
        assert [*up_counts(lake, NAMES, HORIZONS, DAY).counts] == ["XOM"]
    assert "WTI is left out of its peers' share of ups" in caplog.text


def test_what_is_kept_and_cannot_be_read_is_told(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    expected = up_counts(lake, NAMES, HORIZONS, DAY)
    (folder,) = lake.storage.names(SHARED)
    (name,) = lake.storage.names(f"{SHARED}/{folder}")
    lake.storage.write(f"{SHARED}/{folder}/{name}", b"{")
    with caplog.at_level(logging.WARNING):
        assert up_counts(lake, NAMES, HORIZONS, DAY) == expected
    assert "the peers' shares of ups are counted again" in caplog.text
