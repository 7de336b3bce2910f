from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import t

from brain.learning.blend import HALF_LIFE, MOST, PRIOR_FREEDOM, PRIOR_SCALE, blend_slope, recency, shares_of_their_own


def _outcomes(evidence: np.ndarray, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed).random(len(evidence))
    return np.where(draw < expit(evidence), 1.0, 0.0)


def test_true_evidence_in_plenty_is_believed() -> None:
    evidence = np.random.default_rng(1).normal(size=5000)
    assert blend_slope(evidence, _outcomes(evidence, 2), np.zeros(5000), 1.0) == pytest.approx(1.0, abs=0.1)


def test_the_same_evidence_counts_less_where_labels_overlap() -> None:
    evidence = np.random.default_rng(1).normal(size=500)
    outcome = _outcomes(evidence, 2)
    slopes = [blend_slope(evidence, outcome, np.zeros(500), 1 / horizon) for horizon in (1, 20, 160)]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[-1] < 0.3


def test_evidence_that_points_the_wrong_way_is_ignored() -> None:
    evidence = np.random.default_rng(1).normal(size=500)
    assert blend_slope(-evidence, _outcomes(evidence, 2), np.zeros(500), 1.0) == 0.0


def test_the_slope_minimises_the_penalised_loss() -> None:
    evidence = np.random.default_rng(3).normal(size=400)
    outcome = _outcomes(0.4 * evidence, 4)

    def penalised(slope: float) -> float:
        chance = expit(slope * evidence)
        likelihood = outcome @ np.log(chance) + (1 - outcome) @ np.log(1 - chance)
        return float(-likelihood - t(PRIOR_FREEDOM, scale=PRIOR_SCALE * np.sqrt(1 + 1 / PRIOR_FREEDOM)).logpdf(slope))

    slope = blend_slope(evidence, outcome, np.zeros(400), 1.0)
    assert penalised(slope) < min(penalised(slope - 0.01), penalised(slope + 0.01))


def test_a_model_that_says_too_little_is_amplified_where_the_evidence_is_clear() -> None:
    """A signal that came late is diluted in the fit: the model says a third of what is true."""
    evidence = np.random.default_rng(1).normal(size=400, scale=0.3)
    slope = blend_slope(evidence, _outcomes(3 * evidence, 2), np.zeros(400), 1.0)
    assert slope > 2  # a normal prior of the same scale leaves 1.4


def test_without_evidence_the_slope_is_what_is_expected_and_with_plenty_it_is_not() -> None:
    evidence = np.random.default_rng(1).normal(size=5000)
    outcome = _outcomes(0.2 * evidence, 2)
    assert blend_slope(evidence[:0], outcome[:0], evidence[:0], 1.0, expected=0.7) == pytest.approx(0.7)
    assert blend_slope(evidence, outcome, np.zeros(5000), 1.0, expected=0.7) == pytest.approx(0.2, abs=0.06)


def test_horizons_that_are_nearly_the_same_count_as_one() -> None:
    assert sum(shares_of_their_own([20, 21, 22])) == pytest.approx(1.0, abs=0.1)
    assert sum(shares_of_their_own([1, 20, 400])) == pytest.approx(2.8, abs=0.1)
    assert shares_of_their_own([5]) == [1.0]


def test_new_evidence_counts_more_than_old() -> None:
    evidence = np.random.default_rng(1).normal(size=6000)
    outcome = np.concatenate([_outcomes(evidence[:3000], 2), _outcomes(0 * evidence[3000:], 3)])
    rows = np.arange(6000)
    died, steady = (
        blend_slope(evidence, outcome, np.zeros(6000), weight) for weight in (recency(rows, 5999), np.ones(6000))
    )
    assert died < steady - 0.1
    assert recency(rows, 5999)[[-1, -1 - HALF_LIFE]] == pytest.approx([1, 0.5])


@pytest.mark.parametrize("expected", [0.0, 1.0])
@pytest.mark.parametrize("scale", [5.0, 500.0])
def test_bold_evidence_that_means_nothing_is_not_believed(expected: float, scale: float) -> None:
    """From a slope at which all chances are 0 or 1, a plain Newton step leads out of all bounds."""
    evidence = np.clip(np.random.default_rng(1).standard_cauchy(size=800) * scale, -1e4, 1e4)
    slope = blend_slope(evidence, _outcomes(0 * evidence, 2), np.zeros(800), 1.0, expected)
    assert 0 <= slope < 0.05


def test_no_slope_is_beyond_what_a_model_may_be_amplified_by() -> None:
    evidence = np.linspace(-1, 1, 800)
    assert blend_slope(evidence, np.where(evidence > 0, 1.0, 0.0), np.zeros(800), 1.0) == pytest.approx(MOST)


@pytest.mark.parametrize("expected", [0.0, 0.2, 0.7])
@pytest.mark.parametrize("rows", [3, 12, 40, 400])
def test_at_the_slope_the_loss_and_the_prior_pull_alike(rows: int, expected: float) -> None:
    """The prior is a t-distribution of 3 degrees of freedom, 0.3 x sqrt(4 / 3) wide, around what is expected."""
    draw = np.random.default_rng(rows)
    evidence, base_odds, weight = draw.normal(size=rows), draw.normal(size=rows) / 5, draw.random(rows)
    outcome = np.where(draw.random(rows) < expit(base_odds + evidence), 1.0, 0.0)
    slope = blend_slope(evidence, outcome, base_odds, weight, expected)

    def pull(at: float) -> float:
        loss = (weight * evidence) @ (expit(base_odds + at * evidence) - outcome)
        return float(loss + 4 * (at - expected) / (3 * 0.3**2 * 4 / 3 + (at - expected) ** 2))

    assert 0 < slope < 4
    assert pull(slope) == pytest.approx(0, abs=1e-6)
    assert pull(slope - 1e-3) < 0 < pull(slope + 1e-3)


def test_the_most_is_four_times_as_much_and_half_of_evidence_is_gone_in_ten_years() -> None:
    evidence = np.linspace(-1, 1, 800)
    assert blend_slope(evidence, np.where(evidence > 0, 1.0, 0.0), np.zeros(800), 1.0) == pytest.approx(4.0)
    assert blend_slope(evidence[:0], evidence[:0], evidence[:0], 1.0, expected=7.0) == pytest.approx(4.0)
    assert recency(np.array([0, 2500, 5000]), 5000).tolist() == [0.25, 0.5, 1.0]
