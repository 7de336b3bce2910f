from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from benchmarks.grid.series import random_walk
from brain.core.errors import TrainingError
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.dataset import prepare

Spec = Callable[..., AssetSpec]


@pytest.fixture
def frame() -> pd.DataFrame:
    return random_walk(700, 1, (1, 5))


def test_features_are_the_numeric_columns_that_are_not_dates_prices_or_returns(frame: pd.DataFrame, spec: Spec) -> None:
    frame = frame.assign(Volume=1.0, note="text", RETURNS99=0.5)
    frame["Adj Close"] = frame["Close"]
    features = prepare(frame, spec()).features
    assert features == tuple(random_walk(1, 1, ()).columns[2:])


def test_a_feature_can_be_left_out(frame: pd.DataFrame, spec: Spec) -> None:
    assert "momentum_1" not in prepare(frame, spec(leave_out=("momentum_1",))).features


def test_an_unknown_future_is_neither_up_nor_down(frame: pd.DataFrame, spec: Spec) -> None:
    labels = prepare(frame, spec()).labels[5]
    assert np.isnan(labels[-5:]).all()
    assert set(labels[:-5]) == {0.0, 1.0}


def test_an_unchanged_close_counts_as_up(spec: Spec) -> None:
    frame = random_walk(700, 1, (1,))
    frame["Close"] = frame["Close"].where(frame.index != 11, frame["Close"].shift())
    frame["RETURNS1"] = frame["Close"].shift(-1) / frame["Close"] - 1
    assert prepare(frame, spec((1,))).labels[1][10] == 1.0


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (np.nan, "all values missing"),
        (3.0, "constant at 3"),
        (np.inf, "all values missing"),
        (1e60, "all values missing"),
    ],
)
def test_a_feature_that_says_nothing_is_dropped_with_the_reason(
    frame: pd.DataFrame, spec: Spec, column: float, reason: str
) -> None:
    dataset = prepare(frame.assign(useless=column), spec())
    assert dataset.dropped == {"useless": reason}
    assert "useless" not in dataset.features


def test_infinities_are_missing(frame: pd.DataFrame, spec: Spec) -> None:
    frame.loc[100, "momentum_1"] = -np.inf
    dataset = prepare(frame, spec())
    assert np.isnan(dataset.X[100, dataset.features.index("momentum_1")])
    assert not np.isinf(dataset.X).any()


def test_every_value_is_exact_in_float32(frame: pd.DataFrame, spec: Spec) -> None:
    X = prepare(frame, spec()).X
    assert np.array_equal(X, X.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda frame: frame.drop(columns="Date"), "no column Date"),
        (lambda frame: frame.drop(columns="Close"), "no column Close"),
        (lambda frame: frame.iloc[::-1], "out of order"),
        (lambda frame: pd.concat([frame, frame.tail(1)]), "repeated"),
        (lambda frame: frame[["Date", "Close", "RETURNS1", "RETURNS5"]], "no usable feature"),
    ],
    ids=["no Date", "no Close", "reversed", "repeated", "no feature"],
)
def test_a_table_that_cannot_be_trained_on_is_refused(
    frame: pd.DataFrame, spec: Spec, change: Callable[[pd.DataFrame], pd.DataFrame], found: str
) -> None:
    with pytest.raises(TrainingError, match=found):
        prepare(change(frame), spec())


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda frame: frame.drop(columns="RETURNS5"), "no such numeric column"),
        (lambda frame: frame.assign(RETURNS5=frame["RETURNS5"].astype(str)), "no such numeric column"),
        (lambda frame: frame.assign(RETURNS5=frame["RETURNS5"].where(frame.index < 200)), "200 labelled rows"),
        (lambda frame: frame.assign(Close=np.arange(1.0, 701), RETURNS5=1.0), "one outcome only"),
        (lambda frame: frame.assign(RETURNS5=np.random.default_rng(0).normal(size=700)), "forward return of Close in"),
    ],
    ids=["missing", "text", "few", "one outcome", "of something else"],
)
def test_a_target_that_cannot_be_trained_on_leaves_the_other_horizons(
    frame: pd.DataFrame, spec: Spec, change: Callable[[pd.DataFrame], pd.DataFrame], found: str
) -> None:
    whole = change(frame)
    whole["RETURNS1"] = whole["Close"].shift(-1) / whole["Close"] - 1
    whole.loc[0, ["Close", "RETURNS1"]] = [1e3, -0.5]  # one fall, so that RETURNS1 has both outcomes in every case
    dataset = prepare(whole, spec())
    assert found in str(dataset.refused[5])
    assert set(dataset.labels) == {1}
