from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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
