"""Each detector notices its fault, looks back only, and says the same in ONNX; the LSTM's gradient is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from brain.portable.evaluate import read_model
from brain.portable.export import export, runtime_outputs
from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.detectors.detector import Known
from brain.usecases.anomalies.detectors.forest import IsolationForest
from brain.usecases.anomalies.detectors.lstm import STEPS, Lstm, squashed
from brain.usecases.anomalies.detectors.lstm_training import Weights, gradient
from brain.usecases.anomalies.graph import NEVER, detector_model
from brain.usecases.anomalies.planting import KINDS, plant
from brain.usecases.anomalies.series import Series
from tests.usecases.anomalies.bars import series

PLAIN = series(days=90)
ROWS = 600
FINDS = {
    "robust_z": "bad tick",
    "jump": "bad tick",
    "stuck": "stuck value",
    "burst": "volatility burst",
    "drift": "drift",
    "gap": "gap",
    "volume": "volume",
    "isolation_forest": "volatility burst",
    "lstm": "bad tick",
}


@pytest.fixture(scope="module")
def fitted() -> dict[str, object]:
    known = Known(PLAIN)
    return {name: one.fit(one.look(known)[100 : 100 + ROWS], 1) for name, one in DETECTORS.items()}


@pytest.mark.parametrize("name", FINDS)
def test_it_notices_its_fault(name: str, fitted: dict[str, object]) -> None:
    spoiled, faults = plant(PLAIN, np.random.default_rng(1), each=2)
    assert {fault.kind for fault in faults} == set(KINDS)
    scorer, detector = fitted[name], DETECTORS[name]
    usual = np.quantile(scorer.score(detector.look(Known(PLAIN)))[200:], 0.995)  # type: ignore[attr-defined]
    scores = scorer.score(detector.look(Known(spoiled)))  # type: ignore[attr-defined]
    own = [fault for fault in faults if fault.kind == FINDS[name] and fault.first > PLAIN.at[200]]
    assert own
    assert all(scores[(spoiled.at >= one.first) & (spoiled.at <= one.last)].max() > usual for one in own)


@pytest.mark.parametrize("name", DETECTORS)
def test_it_looks_back_only(name: str) -> None:
    """What comes later changes no bar that is there."""
    until = len(PLAIN) - 40
    changed = replace(PLAIN, value=np.append(PLAIN.value[:until], PLAIN.value[until:] * 3), volume=PLAIN.volume * 1.0)
    changed.volume[until:] *= 50
    whole, other = (DETECTORS[name].look(Known(one))[:until] for one in (PLAIN, changed))
    if name != "volume":  # the mean that stands for an unknown volume is the only thing it takes from all bars
        assert np.array_equal(whole, other)
    assert np.allclose(whole, other)


@pytest.mark.parametrize("name", DETECTORS)
def test_the_stored_graph_says_the_same(name: str, fitted: dict[str, object]) -> None:
    looked = DETECTORS[name].look(Known(PLAIN))[200:330]
    rows = np.column_stack([np.arange(len(looked)) % 3, looked])
    limits = np.array([0.5, 2.0, NEVER])
    scorer = fitted[name]
    made = export(detector_model(scorer, limits, rows), rows, name)  # type: ignore[arg-type]
    expected = scorer.score(looked) / limits[rows[:, 0].astype(int)]  # type: ignore[attr-defined]
    evaluator = read_model(made.content, name)
    found = evaluator.outputs(rows)[:, 0]
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(found - expected).max() <= 1e-6 * scale
    from brain.portable.evaluate import read_with_interface

    theirs = runtime_outputs(made.content, read_with_interface(made.content, name)[1], rows)[:, 0]
    assert np.abs(theirs - expected).max() <= 1e-6 * scale
    alone = np.concatenate([evaluator.outputs(rows[place : place + 1])[:, 0] for place in range(20)])
    assert np.array_equal(alone, found[:20]), "the same bits whatever rows stand beside"


def test_the_forest_scores_as_scikit_learn_does() -> None:
    from sklearn.ensemble import IsolationForest as Theirs

    from brain.usecases.anomalies.detectors.forest import Isolation, expected_depth, isolation_trees

    rows = IsolationForest().look(Known(PLAIN))[100:]
    theirs = Theirs(n_estimators=20, max_samples=64, random_state=3).fit(rows)
    ours = Isolation(isolation_trees(theirs), float(expected_depth(np.array([64]))[0]))
    assert np.abs(ours.score(rows) + theirs.score_samples(rows)).max() < 1e-12


def test_the_gradient_of_the_lstm_is_that_of_its_loss() -> None:
    random = np.random.default_rng(0)
    weights, rows = Weights.drawn(random), Lstm().look(Known(PLAIN))[100:110]
    weights.center = random.normal(0, 0.5, len(weights.center))
    windows, target = squashed(rows[:, :STEPS]), rows[:, STEPS]
    slopes = gradient(weights, windows, target, 0.05, 8.0)

    def loss() -> float:
        from scipy.special import expit

        from brain.usecases.anomalies.detectors.lstm_training import forward

        hidden = forward(weights, windows)[-1]
        scale = 0.05 + 8.0 * expit(hidden @ weights.scale + weights.scale_bias)
        return float(np.mean(np.abs(target - hidden @ weights.center - weights.center_bias) / scale + np.log(scale)))

    for name in ("inputs", "recurrent", "bias", "center", "scale"):
        array = getattr(weights, name).reshape(-1)
        for place in (0, len(array) // 2, len(array) - 1):
            before, step = array[place], 1e-6
            array[place] = before + step
            above = loss()
            array[place] = before - step
            slope = (above - loss()) / (2 * step)
            array[place] = before
            assert slopes[name].reshape(-1)[place] == pytest.approx(slope, rel=1e-3, abs=1e-7), name


def test_the_lstm_learns_that_a_fall_follows_a_rise() -> None:
    random = np.random.default_rng(1)
    z = np.cumsum(random.normal(size=4000)) * 0.0
    for place in range(1, len(z)):
        z[place] = -0.9 * z[place - 1] + 0.3 * random.normal()
    rows = np.lib.stride_tricks.sliding_window_view(z, STEPS + 1)[:, :]
    fitted = Lstm().fit(np.ascontiguousarray(rows[:3000]), 1)
    usual, strange = rows[3000:3900].copy(), rows[3000:3900].copy()
    strange[:, -1] = -usual[:, -1]
    away = np.abs(usual[:, -1]) > 0.7
    assert np.mean(fitted.score(strange)[away] > fitted.score(usual)[away]) > 0.95


def clock(zone: str) -> Series:
    """Half-hour bars of a day that is lively from 9 to 10 by the clock of New York, over a change of the clock."""
    times = pd.date_range("2024-02-01", "2024-04-15", freq="30min", tz="UTC")
    local = times.tz_convert("America/New_York")
    lively = np.where(local.hour == 9, 10.0, 1.0)
    value = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 1e-4, len(times)) * lively))
    at = times.as_unit("s").astype(np.int64).to_numpy().astype(float)
    return Series("NY", at, value, np.full(len(at), np.nan), zone)


def test_the_time_of_day_follows_daylight_saving() -> None:
    after = pd.Timestamp("2024-03-10", tz="UTC").timestamp(), pd.Timestamp("2024-03-14", tz="UTC").timestamp()
    worst = {}
    for zone in ("America/New_York", "UTC"):
        one = clock(zone)
        z = np.abs(Known(one).moves.z)[(one.at > after[0]) & (one.at < after[1])]
        worst[zone] = z.max()
    assert worst["America/New_York"] < 6 < worst["UTC"]


@pytest.mark.parametrize(
    "value",
    [np.full(900, 7.0), np.arange(900.0) - 450, np.where(np.arange(900) < 450, 100.0, 10.0), np.zeros(900)],
    ids=["constant", "through zero", "a split", "nothing"],
)
@pytest.mark.parametrize("count", [900, 3, 1, 0])
def test_odd_series_give_finite_features(value: np.ndarray, count: int) -> None:
    at = (1.7e9 + 3600.0 * np.arange(900)).astype(np.float64)
    one = Series("odd", at[:count], value[:count], np.full(count, np.nan))
    for detector in DETECTORS.values():
        found = detector.look(Known(one))
        assert found.shape == (count, len(detector.features))
        assert np.isfinite(found).all(), detector.name


def test_a_split_is_one_large_move_and_nothing_after_it() -> None:
    split = replace(PLAIN, value=np.where(np.arange(len(PLAIN)) < 900, PLAIN.value, PLAIN.value / 10))
    z = np.abs(Known(split).moves.z)
    assert z[900] > 50
    assert z[905:].max() < 8


def test_a_weekend_is_no_gap_and_a_missing_day_is() -> None:
    day = PLAIN.day[-1] - 6
    while not (PLAIN.day == day).any():
        day -= 1
    kept = PLAIN.day != day
    halted = Series("H", PLAIN.at[kept], PLAIN.value[kept], PLAIN.volume[kept])
    scores, late = DETECTORS["gap"].look(Known(halted))[:, 0], halted.at > halted.at[0] + 30 * 86_400
    assert (scores[late] > 10).sum() == 1
    assert DETECTORS["gap"].look(Known(PLAIN))[PLAIN.at > PLAIN.at[0] + 30 * 86_400].max() < 3
