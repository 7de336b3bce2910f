from __future__ import annotations

import json
from typing import get_args

import numpy as np
import optuna
import pytest

from brain.learning.families import families
from brain.learning.family import Scale
from brain.learning.fitting import quiet_single_thread
from brain.learning.search_space import CONSTANT, build, first_trials, in_space, suggest, trial_values

SCALES = get_args(Scale)
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(300, 6))
X[::7, 2] = np.nan
Y = (DRAW.random(300) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(int)


def test_a_search_starts_with_logistic_regressions_and_then_boosting() -> None:
    assert [trial["classifier"] for trial in first_trials()] == ["logistic", "logistic", "boosting"]


@pytest.mark.parametrize("trial", first_trials(), ids=str)
def test_the_search_could_have_suggested_the_first_trials(trial: dict[str, object]) -> None:
    assert in_space(trial, tuple(families()), SCALES)
    assert not in_space(trial, ("sgd",), SCALES)


@pytest.mark.parametrize("classifier", sorted(families()))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_suggested_survives_json_and_learns(classifier: str, seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    parameters = json.loads(json.dumps({**suggest(study.ask(), (classifier,), SCALES), "seed": seed}))
    with quiet_single_thread():
        probability = build(parameters, *X.shape).fit(X, Y).predict_proba(X)
    assert probability.shape == (300, 2)
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("classifier", sorted(families()))
def test_an_enqueued_pipeline_is_suggested_back(classifier: str) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=4))
    parameters = suggest(study.ask(), tuple(families()), SCALES)
    again = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=5))
    again.enqueue_trial(trial_values({**parameters, "seed": 7}))
    assert suggest(again.ask(), tuple(families()), SCALES) == parameters


@pytest.mark.parametrize("parameters", [*first_trials(), CONSTANT], ids=str)
def test_the_first_trials_can_be_built(parameters: dict[str, object]) -> None:
    with quiet_single_thread():
        assert build({**parameters, "seed": 0}, *X.shape).fit(X, Y).predict_proba(X)[:, 1].std() >= 0


@pytest.mark.parametrize("classifier", sorted(families()))
def test_the_same_parameters_give_the_same_model(classifier: str) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    parameters = {**suggest(study.ask(), (classifier,), SCALES), "seed": 1}
    with quiet_single_thread():
        first, second = (build(parameters, *X.shape).fit(X, Y).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, second)
