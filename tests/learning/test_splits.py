from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from brain.learning.splits import PurgedWalkForward, thinned, walk_forward


def test_the_last_training_label_ends_on_the_row_before_the_test_when_there_is_no_embargo() -> None:
    for train, test in PurgedWalkForward(4, span=7).split(np.zeros(200)):
        assert train[-1] + 7 == test[0] - 1


def test_the_embargo_is_left_out_on_top_of_the_purge() -> None:
    for train, test in PurgedWalkForward(4, span=7, embargo=3).split(np.zeros(200)):
        assert train[-1] + 7 + 3 == test[0] - 1


@given(
    rows=st.integers(50, 2000),
    splits=st.integers(1, 8),
    span=st.integers(1, 200),
    embargo=st.integers(0, 20),
    start=st.floats(0.1, 0.9),
)
def test_no_split_lets_a_training_label_reach_a_test_row(
    rows: int, splits: int, span: int, embargo: int, start: float
) -> None:
    splitter = PurgedWalkForward(splits, span=span, embargo=embargo, start=start)
    try:
        folds = list(splitter.split(np.zeros(rows)))
    except ValueError as error:
        assert "too few" in str(error)
        return
    assert len(folds) == splits
    assert all(train[0] == 0 and train[-1] + span + embargo < test[0] for train, test in folds)
    tested = np.concatenate([test for _, test in folds])
    assert (tested == np.arange(tested[0], rows)).all()


@pytest.mark.parametrize(
    "wrong", [{"n_splits": 0}, {"span": 0}, {"embargo": -1}, {"start": 0.0}, {"start": 1.0}], ids=str
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        PurgedWalkForward(**wrong)  # type: ignore[arg-type]


def test_a_purge_that_eats_all_training_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        list(PurgedWalkForward(2, span=50, start=0.5).split(np.zeros(100)))


def test_one_training_row_is_enough_and_none_is_not() -> None:
    ((train, test),) = PurgedWalkForward(1, span=49).split(100)
    assert (len(train), len(test)) == (1, 50)
    with pytest.raises(ValueError, match="too few"):
        list(PurgedWalkForward(1, span=50).split(100))


def test_one_row_a_fold_is_enough_and_a_fold_without_one_is_refused() -> None:
    assert [len(test) for _, test in PurgedWalkForward(2, start=0.9).split(20)] == [1, 1]
    with pytest.raises(ValueError, match="too few for 3 folds"):
        list(PurgedWalkForward(3, start=0.9).split(20))


def test_unless_said_otherwise_five_folds_of_the_newer_half_are_tested_and_labels_span_a_row() -> None:
    folds = list(PurgedWalkForward().split(100))
    assert [(train[-1], test[0]) for train, test in folds] == [(48, 50), (58, 60), (68, 70), (78, 80), (88, 90)]


def test_scikit_learn_takes_the_splitter() -> None:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(300, 2)), draw.integers(2, size=300)
    scores = cross_val_score(LogisticRegression(), X, y, cv=PurgedWalkForward(3, span=5), scoring="neg_log_loss")
    assert len(scores) == 3


def test_no_label_of_a_selection_row_reaches_the_evidence() -> None:
    labelled = np.ones(1000, dtype=bool)
    folds = walk_forward(labelled, span=20, folds=5, embargo=5)
    assert folds.selection[-1].test[-1] + 20 < folds.evidence[0].test[0]


def test_rows_without_a_known_label_are_in_no_fold() -> None:
    labelled = np.ones(1000, dtype=bool)
    labelled[-20:] = False
    labelled[100:110] = False
    folds = walk_forward(labelled, span=20, folds=5, embargo=0)
    used = np.unique(np.concatenate([np.concatenate([f.train, f.test]) for f in folds.all]))
    assert labelled[used].all()
    assert used[-1] == 979


def test_two_folds_choose_and_those_asked_for_prove_over_the_rows_whose_label_is_known() -> None:
    labelled = np.repeat([True, False], [1000, 20])
    folds = walk_forward(labelled, span=20, folds=5, embargo=5)
    assert [(fold.train[-1], fold.test[0], fold.test[-1]) for fold in folds.selection] == [
        (259, 285, 379),
        (354, 380, 474),
    ]
    assert [fold.test[0] for fold in folds.evidence] == [500, 600, 700, 800, 900]
    assert folds.evidence[-1].test[-1] == 999


def test_rows_of_which_no_label_is_known_are_too_few() -> None:
    with pytest.raises(ValueError, match="too few"):
        walk_forward(np.zeros(100, dtype=bool), span=1, folds=2, embargo=0)


@pytest.mark.parametrize(("span", "stride"), [(1, 1), (7, 1), (8, 2), (19, 4), (20, 5), (160, 40)])
def test_about_four_rows_of_a_span_are_kept(span: int, stride: int) -> None:
    rows, weight = thinned(np.arange(400), span)
    assert rows.tolist() == list(range(0, 400, stride))
    assert weight == stride / span


def test_thinned_rows_weigh_as_much_as_the_independent_labels_they_hold() -> None:
    rows, weight = thinned(np.arange(1600), span=160)
    assert rows[0] == 0
    assert len(rows) * weight == pytest.approx(1600 / 160)


@pytest.mark.parametrize("span", [20, 161])
def test_a_new_row_leaves_the_training_rows_as_they_were(span: int) -> None:
    today, tomorrow = (thinned(np.arange(rows), span)[0] for rows in (1000, 1001))
    assert set(today) <= set(tomorrow)
    assert len(tomorrow) - len(today) <= 1


def test_labels_that_do_not_overlap_are_all_kept_at_full_weight() -> None:
    rows, weight = thinned(np.arange(100), span=1)
    assert len(rows) == 100
    assert weight == 1
