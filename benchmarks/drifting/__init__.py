"""Series for the measure of drift: such as have not changed, and such as have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

from brain.learning.drift import BEFORE, LEAST_SPANS, measure
from brain.learning.drift_span import WINDOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

NULLS = ("independent", "ar_0.9", "ar_0.99", "walk", "walk with a trend", "seasons", "technical")
WARM_UP = 300
AVERAGES = (5, 20, 50, 200)


def null(kind: str, rows: int, features: int, seed: int) -> Values:
    """Features of one kind in which nothing changes, shape (rows, features)."""
    random = np.random.default_rng((NULLS.index(kind), seed))
    shocks = random.normal(size=(rows + WARM_UP, features))
    if kind == "technical":
        return _technical(random, rows)[:, np.arange(features) % (3 * len(AVERAGES))]
    if kind == "seasons":
        phase = random.random(features) + np.arange(rows)[:, None] / (4 * WINDOW)
        return np.asarray(np.sin(2 * np.pi * phase) + 0.5 * _autoregressive(shocks, 0.8)[WARM_UP:])
    if kind.startswith("walk"):
        return np.asarray(np.cumsum(shocks + (0.05 if "trend" in kind else 0), axis=0)[WARM_UP:])
    phi = float(kind.partition("_")[2] or 0)
    return _autoregressive(shocks, phi)[WARM_UP:]


def _autoregressive(shocks: Values, phi: float) -> Values:
    return np.asarray(lfilter([1.0], [1.0, -phi], shocks, axis=0))


def _technical(random: np.random.Generator, rows: int) -> Values:
    """Averages, distances from them and volatilities of a price with calm and wild times, as asset tables have them."""
    count = rows + WARM_UP
    calm = np.exp(0.1 * _autoregressive(random.normal(size=(count, 1)), 0.98)[:, 0])
    steps = 0.01 * calm * random.standard_t(5, count)
    close = 100 * np.exp(np.cumsum(steps))
    averages = [_mean(close, days) for days in AVERAGES]
    spreads = [np.sqrt(_mean(steps**2, days)) for days in AVERAGES]
    return np.column_stack([*averages, *(close / average - 1 for average in averages), *spreads])[WARM_UP:]


def _mean(values: Values, days: int) -> Values:
    return np.asarray(lfilter(np.full(days, 1 / days), [1.0], values))


def shifted(values: Values, feature: int, at: int, mean: float, spread: float) -> Values:
    """The features, one of which has another mean (in standard deviations) and spread (a factor) from a row on."""
    found = values.copy()
    usual, deviation = values[:, feature].mean(), values[:, feature].std()
    found[at:, feature] = usual + mean * deviation + spread * (values[at:, feature] - usual)
    return found


def spans_with_alarm(kind: str, rows: int, features: int, seed: int) -> list[bool]:
    """For every span that can be judged, looked at on each of its rows: was there an alarm?"""
    values = null(kind, rows, features, seed)
    first = WINDOW * (1 + BEFORE + LEAST_SPANS + 1) - 2
    return [measure(values[:last]).since is not None for last in range(first + 1, rows + 1, WINDOW)]


def rows_until_found(kind: str, features: int, seed: int, mean: float, spread: float, rows: int) -> int | None:
    """Rows after a shift of one feature until an alarm names it; None if it does not within three windows."""
    at = rows - 3 * WINDOW
    values = shifted(null(kind, rows, features, seed), 0, at, mean, spread)
    return next((last - at for last in range(at, rows + 1, 7) if measure(values[:last]).drifted[0]), None)
