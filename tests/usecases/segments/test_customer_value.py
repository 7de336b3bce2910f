"""Customer value against the package `lifetimes`, published parameters and exact arithmetic."""

from __future__ import annotations

import warnings
from dataclasses import astuple
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.usecases.segments.customer_value import (
    PurchaseModel,
    SpendModel,
    Unfit,
    fit_purchases,
    fit_spend,
)

WEEKS = 39.0
PUBLISHED = (0.243, 4.414, 0.793, 2.426)  # r, alpha, a, b of CDNOW in Fader, Hardie and Lee 2005


def _quietly(name: str) -> Any:
    with warnings.catch_warnings():  # it was written for an older pandas
        warnings.simplefilter("ignore")
        import lifetimes
        import lifetimes.datasets

        return getattr(lifetimes, name, None) or getattr(lifetimes.datasets, name)


@pytest.fixture(scope="module")
def cdnow() -> tuple[np.ndarray[Any, Any], ...]:
    """Repeat purchases, recency and age of the 2,357 customers of the paper, in weeks."""
    found = _quietly("load_cdnow_summary")()
    return tuple(found[name].to_numpy(np.float64) for name in ("frequency", "recency", "T"))


def test_the_published_parameters_come_out(cdnow: tuple[np.ndarray[Any, Any], ...]) -> None:
    assert astuple(fit_purchases(*cdnow)) == pytest.approx(PUBLISHED, abs=5e-4)


def test_purchases_are_those_of_lifetimes(cdnow: tuple[np.ndarray[Any, Any], ...]) -> None:
    theirs = _quietly("BetaGeoFitter")()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(*cdnow)
    ours = fit_purchases(*cdnow)
    assert astuple(ours) == pytest.approx([theirs.params_[name] for name in ("r", "alpha", "a", "b")], rel=1e-4)
    same = PurchaseModel(*(float(theirs.params_[name]) for name in ("r", "alpha", "a", "b")))
    expected = theirs.conditional_expected_number_of_purchases_up_to_time(WEEKS, *cdnow)
    assert np.abs(same.expected_purchases(WEEKS, *cdnow) - expected).max() < 1e-9
    assert np.abs(same.alive(*cdnow) - theirs.conditional_probability_alive(*cdnow)).max() < 1e-12


def test_spend_is_that_of_lifetimes() -> None:
    found = _quietly("load_cdnow_summary_data_with_monetary_value")()
    found = found[found["frequency"] > 0]
    x, mean = found["frequency"].to_numpy(np.float64), found["monetary_value"].to_numpy(np.float64)
    theirs = _quietly("GammaGammaFitter")()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(x, mean)
    assert astuple(fit_spend(x, mean)) == pytest.approx([theirs.params_[name] for name in ("p", "q", "v")], rel=1e-4)
    same = SpendModel(*(float(theirs.params_[name]) for name in ("p", "q", "v")))
    said = theirs.conditional_expected_average_profit(x, mean)
    assert same.expected_spend(x, mean) == pytest.approx(np.asarray(said), rel=1e-9)


@pytest.mark.parametrize("logs", [(-6, -3, -8, 5), (0, 4, 0.0, 1), (3, 9, -2, 10), (8, 0, 2, -6), (-2, 4, 1e-9, 1)])
@pytest.mark.parametrize("history", [(0, 0, 40), (2, 30, 40), (50, 10, 40), (3_000, 39.9, 40)])
def test_it_is_exact_where_the_plain_formula_overflows(logs: tuple[float, ...], history: tuple[float, ...]) -> None:
    r, alpha, a, b = np.exp(logs)
    x, t_x, T = (np.array([float(value)]) for value in history)
    found = PurchaseModel(r, alpha, a, b).expected_purchases(28.0, x, t_x, T)
    assert found[0] == pytest.approx(_exact((r, alpha, a, b), 28.0, *history), rel=1e-4, abs=1e-9)


def _exact(parameters: tuple[float, ...], t: float, *history: float) -> float:
    """Equation 10 as it is printed, in 100 digits."""
    with localcontext() as context:
        context.prec = 100
        r, alpha, a, b = map(Decimal, parameters)
        a = a if abs(a - 1) > Decimal("1e-6") else 1 + Decimal("1e-6")
        x, t_x, age = map(Decimal, history)
        c, z = a + b + x - 1, Decimal(t) / (alpha + age + Decimal(t))
        term = total = Decimal(1)
        n = 0
        while abs(term) > abs(total) * Decimal("1e-80"):  # Gauss' series for 2F1(r + x, b + x; c; z)
            term *= (r + x + n) * (b + x + n) / (c + n) / (n + 1) * z
            total, n = total + term, n + 1
        still = c / (a - 1) * (1 - (1 - z) ** (r + x) * total)
        gone = a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x) if x > 0 else 0
        return float(still / (1 + gone))


@given(st.integers(0, 2_000), st.floats(0, 1), st.floats(0.5, 2_000), st.floats(1, 400))
def test_whatever_the_history_the_numbers_are_possible(x: int, late: float, age: float, t: float) -> None:
    model = PurchaseModel(*PUBLISHED)
    history = (np.array([float(x)]), np.array([age * late if x else 0.0]), np.array([age]))
    alive, purchases = model.alive(*history), model.expected_purchases(t, *history)
    assert 0 <= alive[0] <= 1
    assert 0 <= purchases[0] <= (model.r + x) / (model.alpha + age) * t * (1 + 1e-9)  # what she buys who never leaves


def test_customers_who_never_leave_can_be_foretold() -> None:
    random = np.random.default_rng(1)
    T = random.uniform(200, 400, 500)
    x = random.poisson(T * random.gamma(2, 0.02, 500)).astype(np.float64)
    model = fit_purchases(x, np.where(x > 0, T * x / (x + 1), 0.0), T)
    total = model.expected_purchases(50.0, x, np.where(x > 0, T * x / (x + 1), 0.0), T).sum()
    assert total == pytest.approx(0.04 * 50 * 500, rel=0.15)


def test_one_giant_does_not_bend_the_model_for_everybody() -> None:
    random = np.random.default_rng(2)
    x, mean = np.full(300, 4.0), random.gamma(6, 5, 300)
    with_giant = fit_spend(np.append(x, 4.0), np.append(mean, 1e9))
    assert astuple(with_giant) == pytest.approx(astuple(fit_spend(x, mean)), rel=1e-6)


@pytest.mark.parametrize(
    ("x", "age", "why"),
    [
        (np.ones(2), np.full(2, 10.0), "2 customers bought more than once; it takes 30"),
        (np.ones(50), np.zeros(50), "for the first time today"),
    ],
)
def test_what_cannot_be_fitted_says_why(x: np.ndarray[Any, Any], age: np.ndarray[Any, Any], why: str) -> None:
    with pytest.raises(Unfit, match=why):
        fit_purchases(x, age / 2, age)
    with pytest.raises(Unfit, match="0 customers have purchases of a value above zero"):
        fit_spend(x, np.zeros(len(x)))
