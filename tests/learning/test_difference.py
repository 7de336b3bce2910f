"""The interval of a mean difference of losses: what it is made from, and how often it is right."""

from __future__ import annotations

import numpy as np
import pytest

from brain.learning.difference import block_days, difference


def days(count: int, apart: int = 1) -> np.ndarray:
    return np.datetime64("2020-01-06") + apart * np.arange(count).astype("timedelta64[D]")


def test_a_block_is_twice_as_long_as_outcomes_overlap() -> None:
    assert [block_days(span) for span in (1, 10, 20, 161)] == [28, 28, 56, 451]


def test_where_the_gap_is_always_the_same_nothing_is_uncertain() -> None:
    found = difference(days(280), np.full(280, -0.25), 5)
    assert (found.mean, found.pairs, found.blocks) == (-0.25, 280, 10)
    assert (found.low, found.high) == pytest.approx((-0.25, -0.25))


def test_one_block_has_no_interval() -> None:
    found = difference(days(20), np.arange(20.0), 5)
    assert (found.mean, found.low, found.high, found.blocks) == (9.5, None, None, 1)


def test_of_blocks_alike_it_is_students_interval_of_their_means() -> None:
    gap = np.repeat([0.0, 1.0, 2.0, 1.0], 28)
    found = difference(days(112), gap, 5)
    assert found.mean == 1.0
    error = np.std([0.0, 1.0, 2.0, 1.0], ddof=1) / 2
    assert found.high is not None
    assert found.high - 1.0 == pytest.approx(2.353363 * error, rel=1e-6)  # t of 3 degrees of freedom, 95 %


def test_the_order_of_pairs_does_not_matter() -> None:
    random = np.random.default_rng(3)
    gap, order = random.normal(size=200), random.permutation(200)
    one, other = difference(days(200)[order], gap[order], 5), difference(days(200), gap, 5)
    assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


@pytest.mark.parametrize(("span", "units"), [(1, 1), (20, 1), (20, 8)])
def test_overlapping_outcomes_of_units_that_move_together_fool_it_seldom(span: int, units: int) -> None:
    """Without a difference, the interval of 90 % contains 0 in about as many worlds; single pairs would be fooled."""
    random = np.random.default_rng(11)
    right = naive = 0
    for _ in range(400):
        shocks = random.normal(size=700 + span)
        together = np.convolve(shocks, np.ones(span), "valid")[:700]
        gap = np.concatenate([together + 0.3 * random.normal(size=700) for _ in range(units)])
        found = difference(np.tile(days(700), units), gap, span)
        assert found.low is not None
        assert found.high is not None
        right += found.low <= 0 <= found.high
        naive += abs(gap.mean()) <= 1.645 * gap.std() / np.sqrt(len(gap))
    assert 0.83 <= right / 400 <= 0.97
    if span * units > 1:
        assert naive / 400 < 0.6
