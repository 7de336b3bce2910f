from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from brain.core.errors import TrainingError
from brain.learning.fitting import quiet_single_thread
from brain.learning.search import search
from brain.learning.settings import TrainingSettings
from brain.learning.training_rows import TrainingRows


@pytest.fixture
def training(rows_of: Callable[..., TrainingRows]) -> TrainingRows:
    return rows_of().with_folds(folds=5, embargo=5)


def small(**changes: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"trials": 3, "classifiers": ("logistic",), **changes})


def test_the_same_seed_finds_the_same_parameters(training: TrainingRows) -> None:
    settings = small(trials=6, classifiers=("logistic", "boosting"))
    with quiet_single_thread():
        assert search(training, settings) == search(training, settings)


def test_no_more_trials_than_the_budget(training: TrainingRows) -> None:
    with quiet_single_thread():
        assert search(training, small(trials=4)).trials == 4


def test_a_budget_in_seconds_ends_the_search(training: TrainingRows) -> None:
    with quiet_single_thread():
        assert search(training, small(trials=10_000, seconds=0.5)).trials < 10_000


def test_warm_starts_are_tried_first(training: TrainingRows) -> None:
    warm = {"classifier": "logistic", "scale": "robust", "select": "none", "C": 0.3, "penalty": "l2", "seed": 7}
    with quiet_single_thread():
        found = search(training, small(trials=1), [warm])
    assert found.parameters == warm


def test_a_warm_start_of_a_classifier_not_allowed_is_passed_over(training: TrainingRows) -> None:
    with quiet_single_thread():
        found = search(training, small(trials=1), [{"classifier": "naive_bayes", "smoothing": 0.1}])
    assert found.parameters["classifier"] == "logistic"


def test_the_loss_found_is_better_than_a_coin_where_there_is_signal(training: TrainingRows) -> None:
    with quiet_single_thread():
        assert search(training, small()).log_loss < np.log(2) - 0.03


def test_a_search_in_which_every_trial_fails_says_why(training: TrainingRows) -> None:
    broken = replace(training, X=np.full_like(training.X, np.inf))  # no mean, no scale, no solution
    with quiet_single_thread(), pytest.raises(TrainingError, match="every one failed, the last with: Floating-point"):
        search(broken, small(trials=3))


def test_rounding_errors_do_not_decide_between_recipes(training: TrainingRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second trial is better by less than what two processors differ by: the first stays."""
    errors = iter([0.0, 0.0, -1e-13, -1e-13])
    monkeypatch.setattr("brain.learning.search.log_loss", lambda outcome, said: np.array([0.69 + next(errors)]))
    with quiet_single_thread():
        found = search(training, small(trials=2))
    assert [trial.log_loss for trial in found.ranking] == [0.69, 0.69]
    assert found.ranking[0].parameters["C"] == 0.1


def test_a_later_search_draws_other_points(training: TrainingRows) -> None:
    with quiet_single_thread():
        first, later = (search(training, small(trials=8), turn=turn) for turn in (0, 20240402))
    tried = [{str(trial.parameters) for trial in found.ranking} for found in (first, later)]
    assert len(tried[0] & tried[1]) == 2  # the first trials; what was drawn differs
