from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brain.training.base_rate import CLEAR, LONG_RUN, best_window, share_of_ups, usual_shares, windows_for


def test_a_share_seen_in_plenty_is_what_was_seen() -> None:
    assert share_of_ups(np.repeat([1.0, 0.0], [60_000, 40_000]), 1) == pytest.approx(0.6, abs=1e-3)


def test_a_share_seen_in_few_independent_outcomes_is_drawn_toward_the_usual() -> None:
    labels = np.repeat([1.0, 0.0], [700, 300])
    shares = [share_of_ups(labels, horizon, usual=0.55) for horizon in (1, 20, 161)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(0.7, abs=0.01)
    assert shares[-1] == pytest.approx(0.55, abs=0.02)


def test_a_window_takes_the_newest_labels() -> None:
    labels = np.repeat([0.0, 1.0], [5000, 5000])
    assert share_of_ups(labels, 1, 2000) > 0.95 > share_of_ups(labels, 1, LONG_RUN)


def test_recent_windows_need_enough_independent_outcomes() -> None:
    assert windows_for(1, 5000) == (LONG_RUN, 2000, 1000, 500)
    assert windows_for(20, 5000) == (LONG_RUN, 2000)
    assert windows_for(161, 5000) == (LONG_RUN,)
    assert windows_for(1, 800) == (LONG_RUN, 500)


def test_a_recent_window_is_preferred_only_when_clearly_better() -> None:
    noise = np.random.default_rng(0).normal(scale=0.1, size=2000)
    assert best_window({LONG_RUN: np.full(2000, 0.69), 500: 0.69 + noise - noise.mean()}, 1) == LONG_RUN
    assert best_window({LONG_RUN: np.full(2000, 0.69), 500: 0.66 + noise}, 1) == 500
    assert CLEAR > 1


def test_no_forecast_yet_means_the_long_run() -> None:
    assert best_window({LONG_RUN: np.empty(0), 500: np.empty(0)}, 1) == LONG_RUN


def test_the_usual_share_counts_every_known_row_of_the_grid() -> None:
    first = pd.DataFrame({"RETURNS1": [0.1, 0.0, -0.1, np.nan], "RETURNS5": [np.nan] * 4})
    second = pd.DataFrame({"RETURNS1": [-0.1, -0.1]})
    assert usual_shares([first, second], (1, 5)) == {1: 2 / 5}
