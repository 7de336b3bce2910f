from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from brain.learning.design_matrix import DesignMatrix, GrowingSets
from brain.learning.fitting import quiet_single_thread
from brain.learning.linear import LinearFit, fit_linear, is_plain, ridge_logistic
from brain.learning.search_space import build

PLAIN: dict[str, Any] = {
    "classifier": "logistic",
    "penalty": "l2",
    "select": "none",
    "scale": "standard",
    "C": 0.1,
    "seed": 0,
}


def _data(strength: float, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    X = draw.normal(size=(rows, 5)) * [1, 0.01, 100, 1, 1] + 3
    y = (draw.random(rows) < expit(strength * (X[:, 0] - 3))).astype(float)
    return X, y


def _fit(parameters: dict[str, Any], table: np.ndarray, y: np.ndarray, weight: float) -> LinearFit:
    (model,) = fit_linear(parameters, DesignMatrix.of(table), y, [len(table)], weight)
    return model


@pytest.mark.parametrize("strength", [0.0, 0.3, 5.0, 100.0])
@pytest.mark.parametrize("loss_weight", [1e-4, 0.1, 100.0])
def test_the_optimum_is_that_of_scikit_learn(strength: float, loss_weight: float) -> None:
    X, y = _data(strength)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    ends = [150, 300, 400]
    fitted = ridge_logistic(GrowingSets.of(DesignMatrix.of(Z), ends), y, loss_weight, np.ones((3, Z.shape[1])))
    for end, theta in zip(ends, fitted, strict=True):
        reference = LogisticRegression(C=loss_weight, solver="newton-cholesky", tol=1e-10, max_iter=500)
        reference.fit(Z[:end], y[:end])
        assert theta[:-1] == pytest.approx(reference.coef_[0], abs=1e-6, rel=1e-5)
        assert theta[-1] == pytest.approx(reference.intercept_[0], abs=1e-6, rel=1e-5)


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("weight", [1.0, 0.05])
def test_the_pipeline_is_the_one_scikit_learn_would_fit(scale: str, weight: float) -> None:
    X, y = _data(0.5)
    X[:, 1:3] /= [0.01, 100]
    X[::9, 1] = np.nan
    parameters = {**PLAIN, "scale": scale}
    model = _fit(parameters, X, y, weight)
    with quiet_single_thread():
        ours = model.pipeline
        theirs = build(parameters, *X.shape).set_params(classifier__tol=1e-9, classifier__max_iter=5000)
        theirs.fit(X, y, classifier__sample_weight=np.full(len(y), weight))
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-5)
    assert ours.predict_proba(X)[:, 1] == pytest.approx(expit(model.log_odds(X)), abs=1e-12)


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("strength", [0.3, 100.0])
def test_the_first_rows_give_what_they_give_alone(scale: str, strength: float) -> None:
    X, y = _data(strength)
    X[:60:4, 1], X[200:230, 3] = np.nan, np.nan
    parameters = {**PLAIN, "scale": scale, "C": 100.0}
    ends = [90, 90, 210, 400]
    for end, model in zip(ends, fit_linear(parameters, DesignMatrix.of(X), y, ends, 0.3), strict=True):
        alone = _fit(parameters, X[:end], y[:end], 0.3)
        assert model.rows == end
        assert model.mean == pytest.approx(alone.mean)
        assert model.scale == pytest.approx(alone.scale)
        assert model.log_odds(X) == pytest.approx(alone.log_odds(X), abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("constant", [0.0, 0.1, -7.0])
@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e8])
def test_a_column_constant_in_the_chosen_rows_has_no_say_later(scale: str, constant: float, spread: float) -> None:
    X, y = _data(0.5)
    X[:, 1:3] /= [0.01, 100]
    X[:, 4] = spread * (X[:, 4] - 3) + constant
    X[:250, 4] = constant
    model, _ = fit_linear({**PLAIN, "scale": scale}, DesignMatrix.of(X), y, [250, 400], 1.0)
    without, _ = fit_linear({**PLAIN, "scale": scale}, DesignMatrix.of(X[:, :4]), y, [250, 400], 1.0)
    assert model.log_odds(X[:250]) == pytest.approx(without.log_odds(X[:250, :4]), abs=1e-6)
    assert model.log_odds(X[250:]) == pytest.approx(without.log_odds(X[250:, :4]), abs=1e-6)


def test_a_constant_column_does_no_harm() -> None:
    X, y = _data(0.5)
    X[:, 2] = 7.0
    assert np.isfinite(_fit(PLAIN, X, y, 1.0).log_odds(X)).all()


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
    model = _fit({**PLAIN, "scale": scale}, X, y, 1.0)
    assert model.center == pytest.approx(model.log_odds(X).mean())


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("later", [1e4, 1e7, 1e10, 1e12])
def test_a_later_value_out_of_all_scale_changes_nothing(scale: str, later: float) -> None:
    X, y = _data(0.5)
    X[390, 3] = later
    parameters = {**PLAIN, "scale": scale}
    early, _ = fit_linear(parameters, DesignMatrix.of(X), y, [300, 400], 1.0)
    alone = _fit(parameters, X[:300], y[:300], 1.0)
    assert early.log_odds(X[:300]) == pytest.approx(alone.log_odds(X[:300]), abs=1e-5)


@pytest.mark.parametrize("fill", [np.nan, 3.0])
@pytest.mark.parametrize("scale", ["standard", "none"])
def test_rows_in_which_no_column_says_anything_give_their_share_of_ones(scale: str, fill: float) -> None:
    X, y = _data(0.5)
    X[:300] = fill
    for end in range(100, 300):
        early, _ = fit_linear({**PLAIN, "scale": scale}, DesignMatrix.of(X), y, [end, 400], 1.0)
        assert expit(early.log_odds(X[:end])) == pytest.approx(y[:end].mean(), abs=1e-9)
