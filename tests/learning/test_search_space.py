from __future__ import annotations

import json
from typing import Any, get_args

import numpy as np
import pytest

from brain.learning.families import families
from brain.learning.family import Scale
from brain.learning.fitting import quiet_single_thread
from brain.learning.proposals import proposals
from brain.learning.search_space import CONSTANT, build, first_trials, in_space
from brain.learning.settings import TrainingSettings

SCALES = get_args(Scale)
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(300, 6))
X[::7, 2] = np.nan
Y = (DRAW.random(300) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(int)


def drawn(classifier: str, seed: int, count: int) -> list[dict[str, Any]]:
    """The last `count` of the points a search of one family draws."""
    settings = TrainingSettings(classifiers=(classifier,), scales=SCALES, seed=seed, trials=50)
    return list(proposals(settings))[-count:]


def test_a_search_starts_with_logistic_regressions_then_shallow_and_deep_trees_then_products() -> None:
    families_in_order = [trial["classifier"] for trial in first_trials()]
    assert families_in_order == ["logistic"] * 2 + ["boosting"] * 3 + ["quadratic"]
    assert [trial["leaves"] for trial in first_trials() if trial["classifier"] == "boosting"] == [4, 15, 2]


@pytest.mark.parametrize("trial", first_trials(), ids=str)
def test_a_search_could_propose_the_first_trials(trial: dict[str, object]) -> None:
    assert in_space(trial, tuple(families()), SCALES)
    assert not in_space(trial, ("sgd",), SCALES)


@pytest.mark.parametrize("classifier", sorted(families()))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_proposed_survives_json_and_learns(classifier: str, seed: int) -> None:
    parameters = json.loads(json.dumps(drawn(classifier, seed, 1)[0]))
    with quiet_single_thread():
        probability = build(parameters, *X.shape).fit(X, Y).predict_proba(X)
    assert probability.shape == (300, 2)
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("classifier", sorted(families()))
def test_what_is_proposed_lies_in_the_space_and_is_proposed_first_by_a_later_search(classifier: str) -> None:
    settings = TrainingSettings(classifiers=(classifier,), scales=SCALES, trials=5)
    for parameters in drawn(classifier, 7, 20):
        assert in_space(parameters, (classifier,), SCALES)
        assert next(proposals(settings, [parameters], turn=1)) == parameters


@pytest.mark.parametrize("parameters", [*first_trials(), CONSTANT], ids=str)
def test_the_first_trials_can_be_built(parameters: dict[str, object]) -> None:
    with quiet_single_thread():
        assert build({**parameters, "seed": 0}, *X.shape).fit(X, Y).predict_proba(X)[:, 1].std() >= 0


@pytest.mark.parametrize("classifier", sorted(families()))
def test_the_same_parameters_give_the_same_model(classifier: str) -> None:
    parameters = drawn(classifier, 1, 1)[0]
    with quiet_single_thread():
        first, second = (build(parameters, *X.shape).fit(X, Y).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, second)
