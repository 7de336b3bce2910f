from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from brain.learning.skill import LEAST_BLOCKS, LEAST_SKILL, control_fdr, skill_test, too_little, too_much

# Benjamini & Hochberg (1995), section 3.1: thirteen hypotheses, of which four are rejected at 0.05.
BH_1995 = (
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
    0.7590,
    1.0,
)


def test_the_example_of_the_paper() -> None:
    claims = control_fdr(dict(enumerate(BH_1995)), 0.05)
    assert [key for key, claim in claims.items() if claim] == [0, 1, 2, 3]


def test_the_order_of_the_models_does_not_matter() -> None:
    backward = dict(reversed(list(enumerate(BH_1995))))
    assert control_fdr(backward, 0.05) == control_fdr(dict(enumerate(BH_1995)), 0.05)


@pytest.mark.parametrize("p_values", [{}, {"a": 1.0}, {"a": 0.06, "b": 0.9}])
def test_nothing_passes_where_nothing_is_proven(p_values: dict[str, float]) -> None:
    assert not any(control_fdr(p_values, 0.05).values())


def _said(strength: float, rows: int, seed: int, boldness: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, the base rate, and what somebody said who knew `strength` x a signal, `boldness` times as bold."""
    draw = np.random.default_rng(seed)
    signal = strength * draw.normal(size=rows)
    outcome = np.where(draw.random(rows) < expit(signal), 1.0, 0.0)
    return outcome, np.full(rows, 0.5), expit(boldness * signal)


def _guessed(rows: int, span: int, seed: int, boldness: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ups over `span` rows of a walk, and a guess that moves as slowly and knows nothing."""
    draw = np.random.default_rng(seed)
    walk, guess = draw.normal(size=rows + span).cumsum(), draw.normal(size=rows + span)
    slow = np.convolve(guess, np.ones(span) / np.sqrt(span), "valid")[:rows]
    return np.where(walk[span:] > walk[:-span], 1.0, 0.0), np.full(rows, 0.5), expit(boldness * slow)


def test_a_clear_gain_is_proven() -> None:
    test = skill_test(*_said(0.6, 2000, 0), span=1, seed=0)
    assert test.p_value < 1e-4
    assert 0 < test.low < test.skill < test.high


def test_few_blocks_prove_nothing() -> None:
    test = skill_test(*_said(1.0, 2 * 50 * (LEAST_BLOCKS - 1), 0), span=50, seed=0)
    assert test.p_value == 1.0


def test_skill_too_small_to_matter_keeps_its_p_value() -> None:
    outcome, base, said = _said(0.6, 4000, 0)
    test = skill_test(outcome, base, expit(0.002 * logit(said)), 1, seed=0)
    assert 0 < test.skill < LEAST_SKILL
    assert test.p_value < 1e-4
    assert "too little to matter" in too_little(test.skill)
    assert not too_little(LEAST_SKILL)


def test_skill_too_good_to_be_true_is_told_with_what_to_do() -> None:
    assert not too_much(0.2, 0.2)
    assert "look at each, or raise training.plausible_skill" in too_much(0.52, 0.2)
    assert not too_much(0.99, 1.0)


def test_what_says_the_same_as_the_base_rate_has_no_skill() -> None:
    outcome, base, _ = _said(0.5, 500, 0)
    test = skill_test(outcome, base, base, span=1, seed=0)
    assert (test.skill, test.p_value) == (0.0, 1.0)


def test_a_weak_signal_is_proven_however_boldly_it_is_told() -> None:
    """Too bold, it loses; so a test of losses says nothing is known, and the better one says that something is."""
    bold = skill_test(*_said(0.25, 3000, 4, boldness=3.0), span=1, seed=0)
    assert bold.skill < 0
    assert bold.p_value < 1e-3


@pytest.mark.parametrize("boldness", [0.01, 0.5])
@pytest.mark.parametrize("span", [1, 5, 20, 60])
def test_a_guess_is_proven_as_often_as_the_level_says(span: int, boldness: float) -> None:
    p_values = [skill_test(*_guessed(3000, span, seed, boldness), span, 0).p_value for seed in range(300)]
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) < 0.08
    assert np.mean(np.array(p_values) < 0.005) < 0.02
