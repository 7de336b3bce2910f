from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brain.usecases.direction.base_rate import usual_strength
from brain.usecases.direction.peer_shares import EVEN_OUTCOMES, UpCounts, count_ups

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
