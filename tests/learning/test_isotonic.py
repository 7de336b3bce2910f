"""Isotonic reliability and the parts of the Brier score are those of the package `scores`, and add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from brain.learning.isotonic import Said, calibration_slope, reliability

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT = 1e-12


def forecasts(rows: int, seed: int, *, digits: int = 15) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities that are too bold, and outcomes."""
    random = np.random.default_rng(seed)
    truth = expit(random.normal(0.2, 0.6, rows))
    said = np.round(expit(2 * logit(truth)), digits)
    return said, (random.random(rows) < truth).astype(float)


@pytest.mark.parametrize("digits", [15, 2])
@pytest.mark.parametrize("rows", [2, 50, 3000])
def test_it_is_what_an_independent_judge_says(rows: int, digits: int) -> None:
    from scores.continuous import isotonic_fit, mse
    from scores.probability import brier_score

    said, outcome = forecasts(rows, rows + digits, digits=digits)
    found = reliability(Said.of(said, outcome))
    fit = isotonic_fit(said, outcome)
    recalibrated = np.interp(said, fit["fcst_sorted"], fit["regression_values"])
    ours = np.repeat(found.came_true, found.count.astype(int))
    assert np.abs(np.sort(recalibrated) - ours).max() < EXACT

    def of(forecast: NDArray[np.float64]) -> float:
        return float(mse(xarray.DataArray(forecast), xarray.DataArray(outcome)))

    brier = float(brier_score(xarray.DataArray(said), xarray.DataArray(outcome)))
    uncertainty = of(np.full(rows, outcome.mean()))
    assert found.brier == pytest.approx(brier, abs=EXACT)
    assert found.miscalibration == pytest.approx(brier - of(recalibrated), abs=EXACT)
    assert found.discrimination == pytest.approx(uncertainty - of(recalibrated), abs=EXACT)
    assert found.uncertainty == pytest.approx(uncertainty, abs=EXACT)


def test_the_parts_add_up_and_each_pool_says_what_is_in_it() -> None:
    said, outcome = forecasts(1000, 3, digits=3)
    found = reliability(Said.of(said, outcome))
    assert found.brier == pytest.approx(found.miscalibration - found.discrimination + found.uncertainty, abs=EXACT)
    assert (np.diff(found.came_true) > 0).all()
    for low, high, mean, count, share in zip(
        found.low, found.high, found.said, found.count, found.came_true, strict=True
    ):
        inside = (said >= low) & (said <= high)
        assert (inside.sum(), said[inside].mean(), outcome[inside].mean()) == pytest.approx((count, mean, share))


def test_parts_together_are_the_whole() -> None:
    said, outcome = forecasts(400, 5, digits=2)
    parts = [Said.of(said[start::3], outcome[start::3]) for start in range(3)]
    whole, merged = Said.of(said, outcome), Said.merged(parts)
    for name in ("probability", "count", "happened"):
        assert np.array_equal(getattr(whole, name), getattr(merged, name))


def test_the_slope_is_that_of_a_logistic_regression() -> None:
    said, outcome = forecasts(2000, 7)
    judge = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(logit(said)[:, None], outcome)
    slope = calibration_slope(Said.of(said, outcome))
    assert slope == pytest.approx(judge.coef_[0, 0], abs=1e-5)
    assert slope == pytest.approx(0.5, abs=0.1), "log-odds were doubled"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ([0.4, 0.6], [1.0, 1.0]),
        ([0.5, 0.5], [0.0, 1.0]),
        ([0.4, 0.6], [0.0, 1.0]),
        ([], []),
    ],
    ids=["only one outcome", "only one probability", "fully separated", "nothing"],
)
def test_a_slope_that_cannot_be_told_is_none(said: list[float], outcome: list[float]) -> None:
    assert calibration_slope(Said.of(np.array(said), np.array(outcome))) is None
