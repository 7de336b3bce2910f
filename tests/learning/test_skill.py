from __future__ import annotations

import numpy as np
import pytest

from brain.learning.skill import LEAST_BLOCKS, control_fdr, skill_test

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


def _losses(gain: float, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    base = np.full(rows, 0.69)
    return base, base - gain + np.random.default_rng(seed).normal(scale=0.1, size=rows)


def test_a_clear_gain_is_proven() -> None:
    test = skill_test(*_losses(0.02, 2000, 0), span=1, seed=0)
    assert test.p_value < 1e-4
    assert 0 < test.low < test.skill < test.high


def test_few_blocks_prove_nothing() -> None:
    test = skill_test(*_losses(0.05, 2 * 50 * (LEAST_BLOCKS - 1), 0), span=50, seed=0)
    assert test.p_value == 1.0


def test_skill_too_small_to_matter_makes_no_claim() -> None:
    test = skill_test(np.full(2000, 0.69), np.full(2000, 0.69 - 1e-4) + 1e-6 * np.sin(np.arange(2000)), 1, seed=0)
    assert 0 < test.skill < 5e-4
    assert test.p_value == 1.0


def test_equal_losses_have_no_skill() -> None:
    test = skill_test(np.full(500, 0.69), np.full(500, 0.69), span=1, seed=0)
    assert (test.skill, test.p_value) == (0.0, 1.0)


@pytest.mark.parametrize("span", [1, 5, 20, 60])
def test_overlap_does_not_make_noise_look_proven(span: int) -> None:
    """Gains without a mean whose rows share `span` rows of noise: about 5 % fall below 0.05."""
    draw = np.random.default_rng(span)
    found = []
    for _ in range(200):
        noise = np.convolve(draw.normal(size=3000 + span), np.ones(span) / span, "valid")
        found.append(skill_test(np.full(len(noise), 0.69), 0.69 - noise, span, 0).p_value < 0.05)
    assert np.mean(found) < 0.11  # 0.05, and two standard errors of 200 draws on a test known to be a little liberal
