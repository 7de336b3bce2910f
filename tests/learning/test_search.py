from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.grid.series import planted
from brain.core.errors import TrainingError
from brain.learning.fitting import quiet_single_thread
from brain.learning.search import search
from brain.usecases.direction.base_rate import BaseRates
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.cell import Cell, cut_cell
from brain.usecases.direction.dataset import prepare

Spec = Callable[..., AssetSpec]


@pytest.fixture
def cell(spec: Spec) -> Cell:
    one = spec((1,))
    dataset = prepare(planted(800, 3, 1.0)[0], one)
    return cut_cell(dataset, 1, one.training, BaseRates.of(dataset.labels, {}))


def test_the_same_seed_finds_the_same_parameters(cell: Cell, spec: Spec) -> None:
    settings = spec(trials=6, classifiers=("logistic", "boosting")).training
    with quiet_single_thread():
        assert search(cell, settings) == search(cell, settings)


def test_no_more_trials_than_the_budget(cell: Cell, spec: Spec) -> None:
    with quiet_single_thread():
        assert search(cell, spec(trials=4).training).trials == 4


def test_a_budget_in_seconds_ends_the_search(cell: Cell, spec: Spec) -> None:
    with quiet_single_thread():
        assert search(cell, spec(trials=10_000, seconds=0.5).training).trials < 10_000


def test_warm_starts_are_tried_first(cell: Cell, spec: Spec) -> None:
    warm = {"classifier": "logistic", "scale": "robust", "select": "none", "C": 0.3, "penalty": "l2", "seed": 7}
    with quiet_single_thread():
        found = search(cell, spec(trials=1).training, [warm])
    assert found.parameters == warm


def test_a_warm_start_of_a_classifier_not_allowed_is_passed_over(cell: Cell, spec: Spec) -> None:
    with quiet_single_thread():
        found = search(cell, spec(trials=1).training, [{"classifier": "naive_bayes", "smoothing": 0.1}])
    assert found.parameters["classifier"] == "logistic"


def test_the_loss_found_is_better_than_a_coin_where_there_is_signal(cell: Cell, spec: Spec) -> None:
    with quiet_single_thread():
        assert search(cell, spec().training).log_loss < np.log(2) - 0.03


def test_a_search_in_which_every_trial_fails_says_why(cell: Cell, spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(cell, "X", np.full_like(cell.X, np.inf))  # no mean, no scale, no solution
    with quiet_single_thread(), pytest.raises(TrainingError, match="every one failed, the last with: Floating-point"):
        search(cell, spec(trials=3).training)
