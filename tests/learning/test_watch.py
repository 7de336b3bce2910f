"""The watch raises the alarm on what is wrong and rarely on what is right, however dependent outcomes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from brain.learning.watch import BETS, LIMIT, WEIGHTS, YEAR, Outcomes, Wealth, bet, grouped

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = np.datetime64("2024-01-01", "us")
DAY = np.timedelta64(1, "D")


def first_alarms(
    *, feeds: int, rows: int, days: int, wrong: str = "", span: int = 1, together: float = 0.0, seed: int = 0
) -> NDArray[np.float64]:
    """The day on which each feed raised its first alarm; infinite if it never did.

    Outcomes are signs of sums over `span` days, so those of neighbouring days overlap; `together` is the correlation of
    the rows of a day.
    """
    random = np.random.default_rng(seed)
    steps = np.sqrt(together) * random.normal(size=(feeds, 1, days + span))
    steps = steps + np.sqrt(1 - together) * random.normal(size=(feeds, rows, days + span))
    sums = np.cumsum(np.concatenate([np.zeros((feeds, rows, 1)), steps], axis=2), axis=2)
    reached = norm.cdf((sums[:, :, span:] - sums[:, :, :-span]) / np.sqrt(span))
    level = random.normal(0.1, 0.3, size=(feeds, rows))
    wealth, found = Wealth.fresh(feeds), np.full(feeds, np.inf)
    for day in range(days):
        truth = expit(level + random.normal(0, 0.1, size=(feeds, rows)))
        said = {"doubled": expit(2 * logit(truth)), "5 points too high": np.clip(truth + 0.05, 0, 1)}.get(wrong, truth)
        made = START + day * DAY
        given = Outcomes(
            np.repeat(np.arange(feeds), rows),
            np.full(feeds * rows, made),
            np.full(feeds * rows, made + span * DAY),
            said.ravel(),
            said.ravel(),
            (reached[:, :, day] < truth).astype(float).ravel(),
        )
        for alarm in bet(wealth, grouped(given, around_base=False)):
            found[alarm.feed] = min(found[alarm.feed], day + 1)
    return found


@pytest.mark.parametrize("wrong", ["doubled", "5 points too high"])
def test_what_is_wrong_is_noticed_within_60_days(wrong: str) -> None:
    assert (first_alarms(feeds=60, rows=100, days=60, wrong=wrong) <= 60).mean() >= 0.9


@pytest.mark.parametrize(("span", "together"), [(1, 0.0), (1, 0.3), (5, 0.3)])
def test_what_is_right_is_rarely_refuted_in_a_year(span: int, together: float) -> None:
    found = first_alarms(feeds=100, rows=20, days=250, span=span, together=together, seed=span)
    assert (found <= 250).mean() <= 0.05


def test_wealth_does_not_grow_on_average_where_nothing_is_wrong() -> None:
    """Exact: over both outcomes of one forecast, weighed by its probability, every bet is worth what it cost."""
    for said, base in ((0.3, 0.5), (0.62, 0.6), (0.5, 0.5)):
        expected = np.zeros(len(BETS))
        for outcome, weight in ((1.0, said), (0.0, 1 - said)):
            wealth = Wealth.fresh(1)
            bet(wealth, grouped(_one(0, said, base, outcome), around_base=True))
            assert (wealth.bets > 0).all()
            expected += weight * wealth.bets[0]
        assert expected == pytest.approx(np.ones(len(BETS)), abs=1e-12)
    assert WEIGHTS.sum() == pytest.approx(1)


def test_outcomes_that_overlap_are_not_bet_on_twice() -> None:
    wealth = Wealth.fresh(1)
    for day in range(20):
        bet(wealth, grouped(_one(day, 0.6, 0.5, 1.0, span=5), around_base=True))
    assert wealth.count[0] == 4


def test_a_model_that_is_worse_than_its_base_rate_is_named_so() -> None:
    random, wealth, raised = np.random.default_rng(1), Wealth.fresh(1), []
    for day in range(250):
        raised += bet(wealth, grouped(_one(day, 0.8, 0.5, float(random.random() < 0.5)), around_base=True))
    assert raised[0].kind in ("too high", "worse than the base rate", "too bold")
    assert raised[0].evidence >= LIMIT
    assert raised[0].bets == (raised[0].day - raised[0].since) // DAY + 1


def test_the_gambler_starts_anew_after_a_year_and_after_an_alarm() -> None:
    wealth = Wealth.fresh(1)
    bet(wealth, grouped(_one(0, 0.6, 0.5, 0.0), around_base=True))
    lost = wealth.total[0]
    bet(wealth, grouped(_one(int(YEAR / DAY) + 1, 0.6, 0.6, 0.0), around_base=True))
    assert wealth.count[0] == 1
    assert wealth.total[0] != pytest.approx(lost)
    wealth.bets[0] = 100.0
    (alarm,) = bet(wealth, grouped(_one(400, 0.6, 0.6, 0.0), around_base=True))
    assert alarm.evidence > LIMIT
    assert wealth.total[0] == pytest.approx(1)


def test_nothing_is_no_bet() -> None:
    empty = np.empty(0)
    nothing = Outcomes(np.empty(0, np.int64), empty.astype("M8[us]"), empty.astype("M8[us]"), empty, empty, empty)
    assert bet(Wealth.fresh(0), grouped(nothing, around_base=True)) == []


def _one(day: int, said: float, base: float, outcome: float, span: int = 1) -> Outcomes:
    made = START + day * DAY
    known = np.array([made + span * DAY])
    return Outcomes(np.array([0]), np.array([made]), known, np.array([said]), np.array([base]), np.array([outcome]))
