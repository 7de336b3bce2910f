"""Drift against a feature's own past: seldom where nothing has changed, and soon where something has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.drifting import NULLS, shifted, spans_with_alarm
from brain.learning.drift import BEFORE, LEAST_SPANS, measure
from brain.learning.drift_span import RATE, WINDOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENOUGH = WINDOW * (1 + BEFORE + LEAST_SPANS)
ROWS = ENOUGH + 8 * WINDOW - 1


def noise(rows: int = ROWS, features: int = 4, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(rows, features))


@pytest.mark.parametrize("kind", NULLS)
def test_what_has_not_changed_seldom_raises_an_alarm_however_slowly_it_moves(kind: str) -> None:
    found = [spans_with_alarm(kind, ROWS, features=3, seed=seed) for seed in range(8)]
    looked = sum(len(spans) for spans in found)
    by_chance = 3 * (RATE * (1 - RATE) / looked) ** 0.5
    assert looked >= 60
    assert sum(map(sum, found)) / looked <= RATE + by_chance


@pytest.mark.parametrize(("mean", "spread"), [(1.5, 1.0), (0.0, 3.0), (0.0, 0.2)])
def test_a_shift_of_one_feature_in_mean_or_spread_is_found_and_named(mean: float, spread: float) -> None:
    at = ENOUGH + 2 * WINDOW
    X = shifted(noise(), 2, at, mean, spread)
    assert measure(X[:at]).since is None
    found = measure(X[: at + WINDOW - 1])  # the last row of the span that begins with the shift
    assert found.since is not None
    assert list(found.drifted) == [False, False, True, False]
    assert found.quantile[2] == 1
    assert found.statistic[2] == max(found.statistic)


def test_looking_every_day_of_a_span_tells_of_the_same_alarm() -> None:
    at = ENOUGH + 2 * WINDOW
    X = shifted(noise(), 0, at, 2.0, 1.0)
    found = {measure(X[:rows]).since for rows in range(at, at + WINDOW)}
    (since,) = found - {None}
    assert since is not None
    assert at < since < at + WINDOW


def test_what_is_missing_counts_as_a_value() -> None:
    X = noise()
    X[-WINDOW + 1 :, 1] = np.nan
    assert list(measure(X).drifted) == [False, True, False, False]
    X[:, 1] = np.nan
    assert list(measure(X).drifted) == [False] * 4
    X[:, 2] = np.inf
    X[:, 3] = 7.0
    found = measure(X)
    assert list(found.statistic[1:]) == [0, 0, 0]
    assert not found.drifted.any()


def test_a_constant_that_moves_and_a_feature_that_begins_have_drifted() -> None:
    X = noise()
    X[:-WINDOW, 1] = 7.0
    X[:-WINDOW, 3] = np.nan
    assert list(measure(X).drifted) == [False, True, False, True]


@pytest.mark.parametrize("rows", [0, 1, WINDOW, WINDOW * (1 + BEFORE) - 1, WINDOW * (1 + BEFORE), ENOUGH - 1])
def test_too_few_rows_say_nothing(rows: int) -> None:
    X = noise(rows)
    X[rows // 2 :] += 9
    found = measure(X)
    assert found.since is None
    assert not found.drifted.any()
    assert np.isnan(found.quantile).all()
    assert np.isnan(found.statistic).all() == (rows < WINDOW * (1 + BEFORE))


def test_the_first_span_that_can_be_judged_is() -> None:
    X = shifted(noise(ENOUGH + WINDOW - 1), 0, ENOUGH - 1, 9.0, 1.0)
    assert measure(X[:ENOUGH]).spans == LEAST_SPANS
    assert measure(X).since is not None


def test_no_feature_is_no_drift() -> None:
    assert measure(np.empty((ROWS, 0))).since is None


def test_scale_and_order_of_features_do_not_matter() -> None:
    X = shifted(noise(), 2, ENOUGH + 2 * WINDOW, 1.5, 1.0)
    once, again = measure(X), measure(np.exp(X[:, ::-1] / 4))
    assert once.since == again.since
    assert list(once.statistic) == list(again.statistic[::-1])
    assert list(once.drifted) == list(again.drifted[::-1])
