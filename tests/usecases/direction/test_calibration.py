from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from brain.usecases.direction.calibration import PRIOR_SCALE, Calibration, blend_slope

RAW = np.array([0.2, 0.5, 0.9])


def test_without_skill_the_base_rate_is_published_whatever_the_model_says() -> None:
    assert Calibration(base_rate=0.55, slope=1.0, has_skill=False).apply(RAW).tolist() == [0.55] * 3


def test_with_skill_the_blend_is_published() -> None:
    published = Calibration(base_rate=0.5, slope=0.5, has_skill=True).apply(RAW)
    assert published == pytest.approx(expit(0.5 * logit(RAW)))


def test_an_unjudged_model_is_published_as_it_is() -> None:
    assert Calibration.identity().apply(RAW) == pytest.approx(RAW)


def test_a_slope_of_zero_gives_the_base_rate() -> None:
    assert Calibration(base_rate=0.6, slope=0.0).blend(RAW) == pytest.approx([0.6] * 3)


def test_certainty_stays_finite() -> None:
    assert np.isfinite(Calibration(0.5, 1.0, has_skill=True).apply(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize("has_skill", [True, False, None])
def test_json_gives_the_same_calibration_back(has_skill: bool | None) -> None:
    calibration = Calibration(0.55, 0.3, 0.01, -0.2, has_skill)
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


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
        return float(-likelihood + slope**2 / (2 * PRIOR_SCALE**2))

    slope = blend_slope(evidence, outcome, np.zeros(400), 1.0)
    assert penalised(slope) < min(penalised(slope - 0.01), penalised(slope + 0.01))
