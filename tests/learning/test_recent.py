from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t

from brain.learning.recent import FALSE_ALARM, RECENT_ROWS, Recent, recent

ROWS = 1700
DAYS = 200


def told(strength: float, alive: int, seed: int, slope: float = 0.8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, the base rate, and a forecast from a signal that holds for the first `alive` rows."""
    draw = np.random.default_rng(seed)
    signal = strength * draw.normal(size=ROWS)
    chance = expit(np.where(np.arange(ROWS) < alive, signal, 0.0))
    return np.where(draw.random(ROWS) < chance, 1.0, 0.0), np.full(ROWS, 0.5), expit(slope * signal)


def disowned(strength: float, alive: int, span: int = 1) -> float:
    return float(np.mean([bool(recent(*told(strength, alive, seed), span).against) for seed in range(DAYS)]))


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_signal_that_has_died_is_disowned_within_250_rows(strength: float) -> None:
    assert disowned(strength, ROWS - RECENT_ROWS) > 0.85


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_a_living_signal_is_disowned_no_more_often_than_said(strength: float) -> None:
    assert disowned(strength, ROWS) < 2 * FALSE_ALARM


def test_a_short_history_and_a_silent_model_tell_nothing() -> None:
    outcome, base, said = told(1.0, 100, 0)
    assert recent(outcome[:300], base[:300], base[:300], 1).short == 1.0
    assert not recent(outcome, base, base, 1).against
    assert not recent(outcome[:300], base[:300], said[:300], 60).against


def test_what_speaks_against_it_is_told() -> None:
    dead = recent(*told(1.0, ROWS - RECENT_ROWS, 1), 1)
    assert "nothing by themselves" in dead.against or "as likely by the base rate" in dead.against


def test_outcomes_that_overlap_do_not_count_as_many() -> None:
    outcome, base, said = told(0.5, ROWS - RECENT_ROWS, 2)
    assert recent(outcome, base, said, 1).doubt > recent(outcome, base, said, 20).doubt >= 1


def test_the_newest_rows_are_a_year_or_four_spans_and_eight_blocks_must_come_before() -> None:
    outcome, base, said = told(1.0, ROWS, 0)
    assert [recent(outcome, base, said, span).rows for span in (1, 62, 63, 100)] == [250, 250, 252, 400]
    newest = 250 + 8 * 20
    assert recent(outcome[:newest], base[:newest], said[:newest], 1).short < 1
    assert recent(outcome[1:newest], base[1:newest], said[1:newest], 1).short == 1
    longer = 250 + 8 * 2 * 11
    assert recent(outcome[:longer], base[:longer], said[:longer], 11).short < 1
    assert recent(outcome[1:longer], base[1:longer], said[1:longer], 11).short == 1


def test_the_newest_slope_is_compared_with_the_one_before() -> None:
    outcome, base, said = told(0.5, ROWS, 3)
    base = np.where(np.arange(ROWS) % 2, 0.4, 0.55)
    found = recent(outcome, base, said, 1)
    before, past, blocks = slice(0, 1450), slice(1450, None), 20 * 72 // 20
    follows, weight = (
        (outcome - base) * (logit(said) - logit(base)),
        base * (1 - base) * (logit(said) - logit(base)) ** 2,
    )
    slope, now = follows[before].sum() / weight[before].sum(), follows[past].sum() / weight[past].sum()
    edges = np.arange(blocks + 1) * 1450 // blocks
    off = [(follows - slope * weight)[first:end].sum() for first, end in pairwise(edges)]
    variance = np.square(off).sum() * blocks / (blocks - 1) / weight[before].sum()
    error = np.sqrt(variance / weight[past].sum())
    apart = np.sqrt(variance / weight[past].sum() + variance / weight[before].sum())
    assert found.short == pytest.approx(t(blocks - 1).cdf((now - slope) / apart))
    assert found.alone == pytest.approx(t(blocks - 1).sf(now / error))


def test_the_doubt_is_of_the_last_rows_however_many_speak_most_for_the_base_rate() -> None:
    outcome, base, said = np.array([1.0, 0.0, 1.0, 0.0]), np.full(4, 0.5), np.array([0.6, 0.1, 0.2, 0.9])
    assert recent(outcome, base, said, 1).doubt == pytest.approx((0.5 / 0.2) * (0.5 / 0.1))
    assert recent(outcome, base, said, 2).doubt == pytest.approx(np.sqrt((0.5 / 0.2) * (0.5 / 0.1)))
    assert recent(outcome, base, np.where(outcome > 0, 0.9, 0.1), 1).doubt == 1.0
    sure = np.full(40, 1 - 1e-6)
    assert recent(np.zeros(40), np.full(40, 0.5), sure, 1).doubt == pytest.approx(np.exp(50))


@pytest.mark.parametrize(
    ("short", "alone", "doubt", "told"),
    [
        (0.04, 0.06, 1.0, "the newest 250 test rows show less"),
        (0.05, 0.06, 1.0, ""),
        (0.04, 0.05, 1.0, ""),
        (0.04, 0.04, 1.0, ""),
        (1.0, 1.0, 20.5, "lately the outcomes are 20 times as likely"),
        (1.0, 1.0, 20.0, ""),
    ],
)
def test_both_tests_disown_at_the_same_level(short: float, alone: float, doubt: float, told: str) -> None:
    against = Recent(250, short, alone, doubt).against
    assert against.startswith(told)
    assert bool(against) is bool(told)


def test_a_model_that_has_fallen_silent_tells_nothing() -> None:
    outcome, base, said = told(1.0, ROWS, 0)
    for silent in (slice(None, -RECENT_ROWS), slice(-RECENT_ROWS, None)):
        quiet = said.copy()
        quiet[silent] = base[silent]
        found = recent(outcome, base, quiet, 1)
        assert (found.short, found.alone) == (1.0, 1.0)


def test_how_bold_a_model_is_does_not_matter() -> None:
    outcome, base, said = told(0.5, ROWS, 3)
    bold, faint = recent(outcome, base, said, 1), recent(outcome, base, expit(0.01 * logit(said)), 1)
    assert (base * (1 - base) * logit(expit(0.01 * logit(said))) ** 2).sum() < 1
    assert (faint.short, faint.alone) == pytest.approx((bold.short, bold.alone))


def test_a_past_without_any_scatter_tells_nothing() -> None:
    outcome = np.append(np.tile([1.0, 0.0], 720), np.ones(RECENT_ROWS))
    found = recent(outcome, np.full(len(outcome), 0.5), np.full(len(outcome), 0.6), 1)
    assert (found.short, found.alone) == (1.0, 1.0)
