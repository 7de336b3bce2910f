"""Intervals of what many cells say together, by a bootstrap over calendar years.

All rows of a year are drawn together, whatever the asset and the horizon: prices move together, and the labels of
neighbouring rows overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from brain.learning.probability import log_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.grid.train import Cell

    Values = NDArray[np.float64]

RESAMPLES = 1000
SEED = 7
LEVEL = 0.95
STEPS = 25
LONGEST = 2.0  # Newton step
DIGITS = 2  # of the log-odds of which the outcomes are counted together


@dataclass(frozen=True)
class Interval:
    """A figure and its bootstrap interval at `LEVEL`."""

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    @property
    def percent(self) -> str:
        return f"{self.value:+.2%} [{self.low:+.2%}, {self.high:+.2%}]"


def mean_skill(cells: Sequence[Cell], years: Sequence[Values], said: Callable[[Cell], Values]) -> Interval:
    """Mean over cells of 1 - log loss / log loss of the plain share.

    Args:
        years: By cell, the calendar year of each of its rows.
    """
    where = _places(years)
    losses = np.zeros((2, where.max_year, len(cells)))
    for number, (cell, place) in enumerate(zip(cells, where.by_cell, strict=True)):
        for which, probability in enumerate((said(cell), cell.base)):
            np.add.at(losses[which, :, number], place, log_loss(cell.outcome, probability))
    drawn = _draws(where.max_year)
    ours, base = drawn @ losses[0], drawn @ losses[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        skill = np.nanmean(np.where(base > 0, 1 - ours / base, np.nan), axis=1)
    return _interval(skill)


def pooled_skill(cells: Sequence[Cell], years: Sequence[Values], said: Callable[[Cell], Values]) -> Interval:
    """1 - log loss of all rows / that of the plain share."""
    where = _places(years)
    losses = np.zeros((2, where.max_year))
    for cell, place in zip(cells, where.by_cell, strict=True):
        for which, probability in enumerate((said(cell), cell.base)):
            np.add.at(losses[which], place, log_loss(cell.outcome, probability))
    drawn = _draws(where.max_year)
    return _interval(1 - (drawn @ losses[0]) / (drawn @ losses[1]))


def calibration_slope(cells: Sequence[Cell], years: Sequence[Values], said: Callable[[Cell], Values]) -> Interval:
    """Slope of a logistic regression of all outcomes on the log-odds of what was said; 1 is calibrated."""
    where = _places(years)
    odds = np.concatenate([np.round(logit(said(cell)), DIGITS) for cell in cells])
    place = np.concatenate(where.by_cell)
    outcome = np.concatenate([cell.outcome for cell in cells])
    groups, member = np.unique(np.stack([odds, place]), axis=1, return_inverse=True)
    member = member.ravel()
    rows, ups = np.bincount(member), np.bincount(member, weights=outcome)
    x, year = groups[0], groups[1].astype(int)
    drawn = _draws(where.max_year)
    return _interval(np.array([_slope(x, rows * draw[year], ups * draw[year]) for draw in drawn]))


@dataclass(frozen=True)
class _Places:
    by_cell: list[NDArray[np.intp]]
    max_year: int


def _places(years: Sequence[Values]) -> _Places:
    found = np.unique(np.concatenate(years))
    return _Places([np.searchsorted(found, year) for year in years], len(found))


def _draws(blocks: int) -> Values:
    """How often each block counts, shape (RESAMPLES + 1, blocks); once each in the first row."""
    drawn = np.random.default_rng(SEED).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)
    return np.concatenate([np.ones((1, blocks)), drawn.astype(np.float64)])


def _slope(x: Values, rows: Values, ups: Values) -> float:
    slope, intercept = 0.0, float(logit(ups.sum() / rows.sum()))
    for _ in range(STEPS):
        chance = expit(intercept + slope * x)
        weight, excess = rows * chance * (1 - chance), rows * chance - ups
        hessian = np.array([[weight @ x**2, weight @ x], [weight @ x, weight.sum()]])
        if not np.linalg.det(hessian) > 0:  # few years were drawn, all alike
            return float("nan")
        step = np.clip(np.linalg.solve(hessian, np.array([excess @ x, excess.sum()])), -LONGEST, LONGEST)
        slope, intercept = slope - step[0], intercept - step[1]
        if np.abs(step).max() < 1e-6:
            break
    return float(slope)


def _interval(found: Values) -> Interval:
    low, high = np.nanquantile(found[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(found[0]), float(low), float(high))
