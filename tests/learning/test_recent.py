from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from brain.learning.recent import FALSE_ALARM, RECENT_ROWS, recent

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
