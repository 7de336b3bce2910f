"""Several pipelines in one ONNX model that says the mean of their log-odds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from brain.portable.evaluate import LinearModel, read_model, read_with_interface
from brain.portable.export import TOLERANCE, export, runtime_outputs
from brain.portable.heads import log_odds
from brain.portable.mean import LogOddsMean
from tests.portable.test_export import MATRIX, fitted, settings
from tests.store.conftest import training_rows


def mean(*names: str, scale: str = "standard") -> LogOddsMean:
    recipes = [{"classifier": name, "scale": scale, "select": "none", "seed": 1, **settings(name)} for name in names]
    return LogOddsMean(tuple(map(fitted, recipes)))


def test_it_is_the_mean_in_log_odds_of_what_its_members_say() -> None:
    model = mean("logistic", "boosting")
    odds = [log_odds(member.predict_proba(MATRIX)[:, 1]) for member in model.members]
    assert model.predict_proba(MATRIX)[:, 1] == pytest.approx(expit((odds[0] + odds[1]) / 2), abs=1e-15)


@pytest.mark.parametrize(
    ("names", "exporter"),
    [
        (("logistic", "quadratic", "boosting"), "brain"),
        (("boosting", "boosting", "forest"), "brain"),
        (("sgd", "extra_trees"), "brain"),
        (("logistic", "naive_bayes", "neighbours"), "brain+skl2onnx"),
        (("boosting", "svc"), "brain+skl2onnx"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_a_mean_exports_as_one_model_that_agrees_with_it(names: tuple[str, ...], exporter: str) -> None:
    model = mean(*names)
    found = export(model, MATRIX[:200], "x")
    assert found.exporter == exporter
    assert exporter != "brain" or found.max_difference < 1e-12
    unseen = training_rows(seed=9)[0]
    expected = model.predict_proba(unseen)
    ours, interface = read_with_interface(found.content, "x")
    assert np.abs(ours.outputs(unseen) - expected).max() < TOLERANCE
    assert np.abs(runtime_outputs(found.content, interface, unseen) - expected).max() < TOLERANCE


@pytest.mark.parametrize("names", [("logistic", "boosting", "forest"), ("boosting", "naive_bayes")], ids=str)
def test_a_row_gets_the_same_bits_alone_and_among_others(names: tuple[str, ...]) -> None:
    model = read_model(export(mean(*names), MATRIX[:50], "x").content, "x")
    alone = np.concatenate([model.outputs(MATRIX[i : i + 1]) for i in range(100)])
    assert model.outputs(MATRIX[:100]).tobytes() == alone.tobytes()


def test_a_mean_of_linear_models_is_one_linear_model() -> None:
    found = export(LogOddsMean((*mean("logistic").members, *mean("logistic", scale="robust").members)), MATRIX, "x")
    assert isinstance(read_model(found.content, "x"), LinearModel)
    assert found.max_difference < 1e-12


def test_a_member_that_is_certain_does_not_drown_the_others() -> None:
    """On a wild row the log-odds of a linear model are without bound; in a mean they are not."""
    model = mean("logistic", "sgd")
    wild = np.vstack([MATRIX[:100], MATRIX[:100] * 1e6])
    found = export(LogOddsMean((*model.members, *mean("logistic", scale="robust").members)), wild, "x")
    assert found.max_difference < 1e-9
