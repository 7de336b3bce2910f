from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import ttest_1samp

from brain.learning.probability import log_loss
from brain.learning.skill import (
    _p_value,
    control_fdr,
    skill_test,
    too_little,
    too_much,
)

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


def test_a_p_value_at_its_threshold_is_a_claim_and_carries_the_smaller_ones_with_it() -> None:
    assert control_fdr({"a": 0.5}, 0.5) == {"a": True}
    assert control_fdr({"a": 0.5, "b": 0.375, "c": 1.0, "d": 0.625}, 0.5) == dict.fromkeys("abcd", False)
    assert control_fdr({"a": 0.375, "b": 0.3125, "c": 1.0, "d": 0.25}, 0.5) == {
        "a": True,
        "b": True,
        "c": False,
        "d": True,
    }


@pytest.mark.parametrize(
    ("rows", "span", "blocks"),
    [(10, 1, 1), (39, 1, 1), (40, 1, 2), (200, 1, 10), (399, 10, 19), (400, 11, 18), (400, 20, 10), (4000, 1, 20)],
)
def test_a_block_is_two_spans_and_twenty_rows_at_least_and_there_are_no_more_than_twenty(
    rows: int, span: int, blocks: int
) -> None:
    assert skill_test(*_said(0.6, rows, 0), span, seed=0).blocks == blocks


def test_skill_error_and_p_value_are_those_of_the_blocks() -> None:
    outcome, base, said = _said(0.3, 400, 0)
    base = np.where(np.arange(400) % 3, 0.45, 0.6)
    test = skill_test(outcome, base, said, span=1, seed=0)
    lost, gained = (loss.reshape(20, 20).sum(axis=1) for loss in (log_loss(outcome, base), log_loss(outcome, said)))
    moved = ((outcome - base) * (logit(said) - logit(base))).reshape(20, 20).sum(axis=1)
    assert test.skill == pytest.approx(1 - gained.sum() / lost.sum())
    assert test.standard_error == pytest.approx(np.std(lost - gained, ddof=1) / np.sqrt(20) / lost.mean())
    assert test.p_value == pytest.approx(ttest_1samp(moved, 0, alternative="greater").pvalue)


def test_blocks_of_overlapping_labels_may_go_with_their_neighbours() -> None:
    block = np.array([3.0, 3.0, -1.0, -1.0, 2.0, 2.0, 0.0, 0.0])
    off = block - 1
    alone, together = off @ off, off @ off + 2 * (off[1:] @ off[:-1])
    assert together > alone
    apart, overlapping = (_p_value(block, overlapping=overlapping) for overlapping in (False, True))
    assert apart == pytest.approx(ttest_1samp(block, 0, alternative="greater").pvalue)
    wider = 1 + off * np.sqrt(together / alone)
    assert overlapping == pytest.approx(ttest_1samp(wider, 0, alternative="greater").pvalue)


def test_labels_over_two_rows_overlap_and_those_over_one_do_not() -> None:
    outcome, base, said = _said(0.3, 400, 1)
    moved = ((outcome - base) * (logit(said) - logit(base))).reshape(20, 20).sum(axis=1)
    alone, together = (_p_value(moved, overlapping=overlapping) for overlapping in (False, True))
    assert alone < together
    found = [skill_test(outcome, base, said, span, seed=0).p_value for span in (1, 2)]
    assert found == pytest.approx([alone, together])


def test_blocks_that_go_against_their_neighbours_are_not_believed_the_more() -> None:
    block = np.array([3.0, -1.0] * 4)
    assert _p_value(block, overlapping=True) == _p_value(block, overlapping=False)


def test_blocks_that_do_not_scatter_prove_nothing() -> None:
    assert _p_value(np.ones(8), overlapping=True) == 1.0


def test_the_interval_holds_nine_tenths_of_the_resamples_and_comes_out_again() -> None:
    test = skill_test(*_said(0.3, 4000, 0), span=1, seed=0)
    assert (test.low, test.high) == pytest.approx((0.010692956892151606, 0.02088744455300375), rel=1e-9)
    for end, sign in ((test.low, -1), (test.high, 1)):
        assert end - test.skill == pytest.approx(sign * 1.645 * test.standard_error, rel=0.15)


def test_the_least_number_of_blocks_proves_and_one_less_does_not() -> None:
    for blocks, proven in ((8, True), (7, False)):
        assert (skill_test(*_said(2.0, 20 * blocks, 0), span=1, seed=0).p_value < 0.05) is proven


@pytest.mark.parametrize("strength", [1.0, -1.0])
def test_one_block_has_an_interval_from_nothing_to_what_it_shows(strength: float) -> None:
    outcome, base, said = _said(3.0, 39, 0)
    test = skill_test(outcome, base, said if strength > 0 else 1 - said, span=1, seed=0)
    assert (test.low, test.high) == (min(0.0, test.skill), max(0.0, test.skill))
    assert (test.skill > 0) is (strength > 0)
    assert (test.p_value, test.standard_error) == (1.0, 0.0)


def test_a_clear_gain_is_proven() -> None:
    test = skill_test(*_said(0.6, 2000, 0), span=1, seed=0)
    assert test.p_value < 1e-4
    assert 0 < test.low < test.skill < test.high


def test_few_blocks_prove_nothing() -> None:
    test = skill_test(*_said(1.0, 2 * 50 * (7), 0), span=50, seed=0)
    assert test.p_value == 1.0


def test_skill_too_small_to_matter_keeps_its_p_value() -> None:
    outcome, base, said = _said(0.6, 4000, 0)
    test = skill_test(outcome, base, expit(0.002 * logit(said)), 1, seed=0)
    assert 0 < test.skill < 0.0005
    assert test.p_value < 1e-4
    assert "too little to matter" in too_little(test.skill)
    assert not too_little(0.0005)


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
