from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from brain.training.cell import quiet_single_thread
from brain.training.linear import Design, fit_linear, into_pipeline, is_plain, ridge_logistic
from brain.training.search_space import build

PLAIN: dict[str, Any] = {
    "classifier": "logistic",
    "penalty": "l2",
    "select": "none",
    "scale": "standard",
    "C": 0.1,
    "seed": 0,
}
ALL = slice(None)


def _data(strength: float, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    X = draw.normal(size=(rows, 5)) * [1, 0.01, 100, 1, 1] + 3
    y = (draw.random(rows) < expit(strength * (X[:, 0] - 3))).astype(float)
    return X, y


@pytest.mark.parametrize("strength", [0.0, 0.3, 5.0, 100.0])
@pytest.mark.parametrize("loss_weight", [1e-4, 0.1, 100.0])
def test_the_optimum_is_that_of_scikit_learn(strength: float, loss_weight: float) -> None:
    X, y = _data(strength)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    design = np.column_stack([Z, np.ones(len(Z))])
    coef, intercept = ridge_logistic(design, design.T @ design, y, loss_weight, np.ones(Z.shape[1]))
    reference = LogisticRegression(C=loss_weight, solver="newton-cholesky", tol=1e-10, max_iter=500).fit(Z, y)
    assert coef == pytest.approx(reference.coef_[0], abs=1e-6, rel=1e-5)
    assert intercept == pytest.approx(reference.intercept_[0], abs=1e-6, rel=1e-5)


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("weight", [1.0, 0.05])
def test_the_pipeline_is_the_one_scikit_learn_would_fit(scale: str, weight: float) -> None:
    X, y = _data(0.5)
    X[:, 1:3] /= [0.01, 100]
    X[::9, 1] = np.nan
    parameters = {**PLAIN, "scale": scale}
    model = fit_linear(parameters, Design.of(X), ALL, y, weight)
    with quiet_single_thread():
        ours = into_pipeline(model, parameters)
        theirs = build(parameters, *X.shape).set_params(classifier__tol=1e-9, classifier__max_iter=5000)
        theirs.fit(X, y, classifier__sample_weight=np.full(len(y), weight))
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-5)
    assert ours.predict_proba(X)[:, 1] == pytest.approx(expit(model.log_odds(X)), abs=1e-12)


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("rows", [slice(50, 300), slice(7, 400, 3), np.array([0, 5, 6, 9, *range(100, 250)])], ids=str)
def test_some_rows_of_a_design_give_what_a_design_of_these_rows_gives(scale: str, rows: Any) -> None:
    X, y = _data(0.5)
    X[:60:4, 1], X[200:230, 3] = np.nan, np.nan
    parameters = {**PLAIN, "scale": scale}
    part = fit_linear(parameters, Design.of(X), rows, y[rows], 0.3)
    alone = fit_linear(parameters, Design.of(X[rows]), ALL, y[rows], 0.3)
    assert part.mean == pytest.approx(alone.mean)
    assert part.scale == pytest.approx(alone.scale)
    assert part.log_odds(X) == pytest.approx(alone.log_odds(X), abs=1e-6)


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("constant", [0.0, 0.1, -7.0])
@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e8])
def test_a_column_constant_in_the_chosen_rows_has_no_say_later(scale: str, constant: float, spread: float) -> None:
    X, y = _data(0.5)
    X[:, 1:3] /= [0.01, 100]
    X[:, 4] = spread * (X[:, 4] - 3) + constant
    X[:250, 4] = constant
    model = fit_linear({**PLAIN, "scale": scale}, Design.of(X), slice(0, 250), y[:250], 1.0)
    without = fit_linear({**PLAIN, "scale": scale}, Design.of(X[:, :4]), slice(0, 250), y[:250], 1.0)
    assert model.log_odds(X[:250]) == pytest.approx(without.log_odds(X[:250, :4]), abs=1e-6)
    assert model.log_odds(X[250:]) == pytest.approx(without.log_odds(X[250:, :4]), abs=1e-6)


def test_a_constant_column_does_no_harm() -> None:
    X, y = _data(0.5)
    X[:, 2] = 7.0
    assert np.isfinite(fit_linear(PLAIN, Design.of(X), ALL, y, 1.0).log_odds(X)).all()


@pytest.mark.parametrize(
    ("change", "plain"),
    [
        ({}, True),
        ({"scale": "none"}, True),
        ({"scale": "power"}, False),
        ({"select": "pca"}, False),
        ({"penalty": "l1"}, False),
        ({"classifier": "sgd"}, False),
    ],
    ids=str,
)
def test_only_plain_ridge_regression_takes_the_short_way(change: dict[str, str], plain: bool) -> None:
    assert is_plain({**PLAIN, **change}) is plain


@pytest.mark.parametrize("scale", ["standard", "none"])
def test_the_center_is_the_mean_of_what_it_says_of_its_own_rows(scale: str) -> None:
    X, y = _data(0.5)
    X[::9, 1] = np.nan
    model = fit_linear({**PLAIN, "scale": scale}, Design.of(X), ALL, y, 1.0)
    assert model.center == pytest.approx(model.log_odds(X).mean())
