from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from brain.learning.training_rows import TrainingRows

Make = Callable[..., TrainingRows]


def one_sided(rows: int, first: int) -> np.ndarray:
    """All ones until row `first`, then both in turn."""
    later = np.arange(rows) >= first
    return np.where(later, np.arange(rows) % 2, 1.0)


def gap(rows: int, start: int, end: int) -> np.ndarray:
    labels = np.arange(rows) % 2 * 1.0
    labels[start:end] = np.nan
    return labels


def test_rows_with_enough_history_get_their_folds(rows_of: Make) -> None:
    training = rows_of(1000, span=5).with_folds(folds=4, embargo=3)
    assert not training.thin
    assert (len(training.folds.selection), len(training.folds.evidence)) == (2, 4)
    for fold in training.folds.all:
        assert training.known_by(fold.train) + 3 < fold.test[0]


@pytest.mark.parametrize(
    ("rows", "span", "labels", "reason"),
    [
        (700, 161, None, "539 rows hold 3 independent labels, 8 features need more than one each"),
        (30, 1, None, "8 rows are too few for 2 folds"),
        (700, 5, one_sided(700, 450), "only one outcome before fold 1"),
        (3000, 5, gap(3000, 0, 1110), "no labelled row in fold 1"),
    ],
    ids=["few independent labels", "few rows", "one outcome", "a gap"],
)
def test_a_thin_history_says_why_it_has_no_folds(
    rows_of: Make, rows: int, span: int, labels: np.ndarray | None, reason: str
) -> None:
    thin = rows_of(rows, span, labels=labels).with_folds(folds=5, embargo=5)
    assert reason in thin.thin
    assert thin.folds.all == ()
    assert (thin.sample == thin.rows).all()
    assert thin.weight == 1 / span


def test_the_training_rows_weigh_as_much_as_the_independent_labels_they_hold(rows_of: Make) -> None:
    training = rows_of(1000, span=20).with_folds(folds=5, embargo=5)
    assert len(training.sample) < len(training.rows) == 980
    assert len(training.sample) * training.weight == pytest.approx(980 / 20)
    assert training.sample[0] == training.rows[0]
    assert np.isin(training.sample, training.rows).all()


def test_a_model_of_the_past_is_fitted_to_the_first_of_the_training_rows(rows_of: Make) -> None:
    training = rows_of(1000, span=20).with_folds(folds=5, embargo=5)
    for fold in training.folds.all:
        first = training.sample[: training.sampled(fold.train)]
        assert first[-1] <= fold.train[-1] < training.sample[len(first)]
