from __future__ import annotations

import numpy as np
import pytest

from brain.learning.design_matrix import DesignMatrix, GrowingSets


@pytest.fixture
def table() -> np.ndarray:
    """Columns of very different means and spreads, with holes at the start, in the middle and everywhere."""
    draw = np.random.default_rng(5)
    table = draw.normal(size=(300, 4)) * [1, 1e-6, 1e5, 1] + [0, 3, -1e5, 1]
    table[:40, 0], table[120:125, 2], table[draw.random(300) < 0.3, 3] = np.nan, np.nan, np.nan
    return table


ENDS = [60, 60, 130, 300]


def _filled(table: np.ndarray, end: int) -> np.ndarray:
    return np.where(np.isnan(table[:end]), np.nanmean(table[:end], axis=0), table[:end])


def test_moments_are_those_of_the_filled_rows(table: np.ndarray) -> None:
    design = DesignMatrix.of(table)
    sets = GrowingSets.of(design, ENDS)
    for k, end in enumerate(ENDS):
        rows = _filled(table, end)
        assert design.center + sets.mean[k] * design.unit == pytest.approx(rows.mean(axis=0), rel=1e-12)
        assert sets.deviation[k] * design.unit == pytest.approx(rows.std(axis=0), rel=1e-9)
        assert sets.gram[k] == pytest.approx(sets.rows(k).T @ sets.rows(k), rel=1e-9, abs=1e-9)


def test_rows_are_the_filled_ones_in_the_units_of_the_design(table: np.ndarray) -> None:
    design = DesignMatrix.of(table)
    sets = GrowingSets.of(design, ENDS)
    for k, end in enumerate(ENDS):
        assert sets.rows(k)[:, :-1] == pytest.approx((_filled(table, end) - design.center) / design.unit, abs=1e-9)
        assert (sets.rows(k)[:, -1] == 1).all()


def test_log_odds_and_gradients_are_those_of_each_set_alone(table: np.ndarray) -> None:
    draw = np.random.default_rng(6)
    sets = GrowingSets.of(DesignMatrix.of(table), ENDS)
    theta, y = draw.normal(size=(len(ENDS), 5)), (draw.random(300) < 0.5).astype(float)
    odds = sets.log_odds(theta)
    gradient = sets.gradient(odds, y)
    for k, end in enumerate(ENDS):
        assert odds[:end, k] == pytest.approx(sets.rows(k) @ theta[k])
        assert gradient[k] == pytest.approx((odds[:end, k] - y[:end]) @ sets.rows(k))


@pytest.mark.parametrize("rows", [np.arange(50, 300), np.arange(7, 300, 3), np.array([0, 5, 6, 9, *range(100, 250)])])
def test_some_rows_of_a_design_are_the_design_of_these_rows(table: np.ndarray, rows: np.ndarray) -> None:
    some = DesignMatrix.of(table).at(rows)
    holed = np.flatnonzero(np.isnan(table[rows]).any(axis=1))
    assert (some.holed == holed).all()
    assert (some.missing[:, :-1] == np.isnan(table[rows][holed])).all()
    known = np.where(np.isnan(table[rows]), some.center, table[rows])
    assert some.values[:, :-1] == pytest.approx((known - some.center) / some.unit, abs=1e-9)
