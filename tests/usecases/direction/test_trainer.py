from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks.grid.series import drifting, planted, random_walk
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.learning.candidate import Candidate, ChampionSummary, DataReference, Failed, Skipped, TrainingResult
from brain.learning.recipe import recipes_of
from brain.learning.search_space import build
from brain.learning.skill import control_fdr
from brain.portable.mean import LogOddsMean
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.names import horizon_of, model_key
from brain.usecases.direction.peer_shares import PeerShares
from brain.usecases.direction.trainer import History, train_asset

Spec = Callable[..., AssetSpec]
NOW = Moment(datetime(2024, 1, 2, tzinfo=UTC))


def _candidates(outcomes: list[TrainingResult]) -> list[Candidate]:
    return [outcome for outcome in outcomes if isinstance(outcome, Candidate)]


def _summary(candidate: Candidate, version: int = 1) -> ChampionSummary:
    return ChampionSummary(
        version=version,
        parameters=candidate.parameters,
        features=candidate.features,
        searched_at=candidate.searched_at,
        trained_at=candidate.trained_at,
        data_sha256=candidate.data.data_sha256,
    )


@pytest.fixture
def frame() -> pd.DataFrame:
    return planted(800, 3, 1.0)[0]


@pytest.fixture
def trained(frame: pd.DataFrame, spec: Spec, data: DataReference) -> Candidate:
    return _candidates(train_asset(History(frame, data), spec((1,)), {}, moment=NOW))[0]


def test_a_candidate_says_where_it_comes_from(trained: Candidate, frame: pd.DataFrame, data: DataReference) -> None:
    assert trained.key == model_key("WALK", 1)
    assert trained.decision.reason == "no champion"
    assert (trained.trained_at, trained.searched_at, trained.data) == (NOW.at, NOW.at, data)
    assert trained.window.rows == 799
    assert trained.window.last_label_end == frame["Date"].iloc[-1].date()


def test_metrics_parameters_and_proofs_are_plain_json(trained: Candidate) -> None:
    plain = {
        "metrics": dict(trained.metrics),
        "parameters": dict(trained.parameters),
        "proofs": list(trained.proofs),
        "head": trained.head.to_json(),
        "extra": dict(trained.extra),
    }
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_every_fold_proves_that_labels_end_before_the_test(trained: Candidate) -> None:
    assert len(trained.proofs) == 7
    assert all(
        date.fromisoformat(p["last_training_label_end"]) < date.fromisoformat(p["first_test"]) for p in trained.proofs
    )


def test_the_pipeline_can_be_refitted_from_its_parameters(trained: Candidate, frame: pd.DataFrame) -> None:
    X = frame.loc[:798, list(trained.features)].to_numpy().astype(np.float32).astype(float)
    y = frame.loc[:798, "RETURNS1"].to_numpy() >= 0
    again = LogOddsMean(tuple(build(recipe, *X.shape).fit(X, y) for recipe in recipes_of(trained.parameters)))
    assert again.predict_proba(X)[:, 1] == pytest.approx(trained.pipeline.predict_proba(X)[:, 1], abs=1e-6)


def test_the_check_rows_are_real_training_rows(trained: Candidate, frame: pd.DataFrame) -> None:
    known = frame.loc[:798, list(trained.features)].to_numpy().astype(np.float32)
    assert np.array_equal(trained.check_rows, known[-len(trained.check_rows) :])


def test_training_twice_gives_the_same(
    trained: Candidate, frame: pd.DataFrame, spec: Spec, data: DataReference
) -> None:
    again = _candidates(train_asset(History(frame, data), spec((1,)), {}, moment=NOW))[0]
    assert (again.metrics, again.parameters, again.head) == (
        trained.metrics,
        trained.parameters,
        trained.head,
    )


def test_nothing_new_is_skipped(trained: Candidate, frame: pd.DataFrame, spec: Spec, data: DataReference) -> None:
    outcome = train_asset(History(frame, data), spec((1,)), {1: _summary(trained)}, moment=NOW)[0]
    assert isinstance(outcome, Skipped)
    assert outcome.decision.reason == "nothing new"


def test_new_rows_refit_the_stored_parameters(trained: Candidate, spec: Spec, data: DataReference) -> None:
    longer = planted(820, 3, 1.0)[0]
    newer = replace(data, data_sha256=Sha256("b" * 64))
    tomorrow = Moment(NOW.at + timedelta(days=1))
    outcome = train_asset(History(longer, newer), spec((1,)), {1: _summary(trained)}, moment=tomorrow)[0]
    assert isinstance(outcome, Candidate)
    assert outcome.decision.action == "refresh"
    assert outcome.parameters == trained.parameters
    assert (outcome.trained_at, outcome.searched_at) == (tomorrow.at, NOW.at)
    assert outcome.window.rows == 819


def test_ties_keep_the_champion(trained: Candidate, frame: pd.DataFrame, spec: Spec, data: DataReference) -> None:
    """A forced search that ends where the champion stands finds the champion's own parameters."""
    three = spec((1,), trials=len(recipes_of(trained.parameters)))
    outcome = train_asset(History(frame, data), three, {1: _summary(trained)}, moment=NOW, force=True)[0]
    assert isinstance(outcome, Candidate)
    assert outcome.parameters == trained.parameters


@pytest.mark.parametrize(("strength", "holds"), [(1e-4, False), (0.01, True)])
def test_champion_and_candidate_meet_on_the_same_recent_window(
    frame: pd.DataFrame, spec: Spec, data: DataReference, trained: Candidate, strength: float, holds: bool
) -> None:
    """A champion shrunk to nothing is replaced; a good one is not replaced by a search that found less."""
    parameters = {
        "classifier": "logistic",
        "scale": "none",
        "select": "none",
        "C": strength,
        "penalty": "l2",
        "seed": 7,
    }
    champion = replace(_summary(trained), parameters=parameters)
    outcome = train_asset(History(frame, data), spec((1,)), {1: champion}, moment=NOW, force=True)[0]
    assert isinstance(outcome, Candidate)
    metrics = outcome.metrics
    if "champion_log_loss" in metrics:
        replaced = metrics["candidate_log_loss"] < metrics["champion_log_loss"]
        assert metrics["candidate_replaces"] == replaced
        assert (outcome.parameters != parameters) == replaced
    assert (outcome.parameters == parameters) or not holds


def test_a_refused_horizon_leaves_the_others_untouched(spec: Spec, data: DataReference) -> None:
    frame = random_walk(700, 1, (1, 5))
    alone = _candidates(train_asset(History(frame, data), spec((1,)), {}, moment=NOW))[0]
    backward = frame.assign(RETURNS5=frame["Close"] / frame["Close"].shift(5) - 1)
    beside, failed = train_asset(History(backward, data), spec((1, 5)), {}, moment=NOW)
    assert isinstance(failed, Failed)
    assert "ending 0 rows after the row in 100.0% of rows" in failed.reason
    assert "Close.shift(-5)" in failed.remedy
    assert isinstance(beside, Candidate)
    assert (beside.metrics, beside.head) == (alone.metrics, alone.head)


def test_an_asset_of_which_every_horizon_is_refused_says_why_for_each(spec: Spec, data: DataReference) -> None:
    outcomes = train_asset(History(random_walk(120, 3, (1, 5)), data), spec(min_rows=500), {}, moment=NOW)
    assert [type(outcome) for outcome in outcomes] == [Failed, Failed]
    assert all("labelled rows; expected at least 500" in o.reason for o in outcomes if isinstance(o, Failed))


def test_one_horizon_alone_has_the_base_rate_it_has_among_the_others(spec: Spec, data: DataReference) -> None:
    frame = random_walk(2600, 3, (1, 5))
    both = _candidates(train_asset(History(frame, data), spec(), {}, moment=NOW))
    alone = _candidates(train_asset(History(frame, data), spec(), {}, moment=NOW, horizons=(5,)))
    assert [horizon_of(found.key.target) for found in alone] == [5]
    heads = [found.head.to_json() for found in (alone[0], both[1])]
    assert heads[0]["base_rate"] == heads[1]["base_rate"]
    assert alone[0].parameters == both[1].parameters


def test_a_long_horizon_learns_from_the_short_ones_how_far_its_forecasts_can_be_believed(
    spec: Spec, data: DataReference
) -> None:
    frame = drifting(3000, 1, 0.2, (1, 5, 20))[0]
    together = _candidates(train_asset(History(frame, data), spec((1, 5, 20)), {}, moment=NOW))[-1]
    alone = _candidates(train_asset(History(frame, data), spec((1, 5, 20)), {}, moment=NOW, horizons=(20,)))[0]
    slopes = [found.head.to_json()["slope"] for found in (together, alone)]
    assert slopes[0] > slopes[1] + 0.1
    assert together.metrics["skill"] > alone.metrics["skill"] > 0


def test_an_asset_without_features_fails_every_horizon_with_the_reason(spec: Spec, data: DataReference) -> None:
    bare = random_walk(700, 1, (1, 5))[["Date", "Close", "RETURNS1", "RETURNS5"]]
    outcomes = train_asset(History(bare, data), spec((1, 5)), {}, moment=NOW)
    assert [isinstance(outcome, Failed) and "no usable feature" in outcome.reason for outcome in outcomes] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("rows", "horizon", "change", "reason"),
    [
        (700, 161, lambda label, index: label, "independent labels"),
        (700, 5, lambda label, index: label.where(index > 450, 0.1), "only one outcome before fold 1"),
    ],
    ids=["fewer independent labels than features", "one class in a fold"],
)
def test_too_little_history_gives_the_base_rate_and_says_why(
    spec: Spec,
    data: DataReference,
    rows: int,
    horizon: int,
    change: Callable[[pd.Series, pd.Index], pd.Series],
    reason: str,
) -> None:
    frame = random_walk(rows, 1, (horizon,))
    name = f"RETURNS{horizon}"
    if reason.startswith("only"):
        rising = np.where(frame.index < 455, 1.01 ** np.minimum(frame.index, 455), 0)
        frame["Close"] = np.where(frame.index < 455, rising, frame["Close"] / frame["Close"][455] * 1.01**455)
        frame[name] = frame["Close"].shift(-horizon) / frame["Close"] - 1
    outcome = train_asset(History(frame, data), spec((horizon,), min_rows=100), {}, moment=NOW)[0]
    assert isinstance(outcome, Candidate)
    assert reason in outcome.metrics["reason"]
    assert reason in outcome.decision.reason
    published = outcome.head.apply(outcome.pipeline.predict_proba(outcome.check_rows), True)
    share = (frame[name].dropna() >= 0).mean()
    assert np.ptp(published) == 0
    assert abs(published[0] - 0.5) <= abs(share - 0.5) + 1e-9
    assert not any(control_fdr({outcome.key: outcome.metrics["p_value"]}, 0.05).values())


def test_a_history_that_has_become_long_enough_is_searched(spec: Spec, data: DataReference) -> None:
    one = spec((21,), min_rows=100)
    short = _candidates(train_asset(History(random_walk(160, 1, (21,)), data), one, {}, moment=NOW))[0]
    longer, later = random_walk(900, 1, (21,)), replace(data, data_sha256=Sha256("b" * 64))
    outcome = _candidates(train_asset(History(longer, later), one, {21: _summary(short)}, moment=NOW))[0]
    assert "base rate only" in short.decision.reason
    assert outcome.decision.action == "search"
    assert "long enough" in outcome.decision.reason


def test_signal_is_proven_and_noise_is_not(trained: Candidate, spec: Spec, data: DataReference) -> None:
    noise = _candidates(train_asset(History(random_walk(800, 1, (1,)), data), spec((1,)), {}, moment=NOW))[0]
    renamed = replace(noise, key=model_key("NOISE", 1))
    claims = control_fdr({candidate.key: candidate.metrics["p_value"] for candidate in (trained, renamed)}, 0.05)
    assert list(claims.values()) == [True, False]


def test_a_refresh_that_loses_proven_skill_is_to_be_searched_anew(spec: Spec, data: DataReference) -> None:
    walk = History(random_walk(800, 1, (1,)), data)
    searched = _candidates(train_asset(walk, spec((1,)), {}, moment=NOW))[0]
    champion = replace(_summary(searched), has_skill=True)
    newer = History(random_walk(820, 1, (1,)), replace(data, data_sha256=Sha256("b" * 64)))
    outcome = train_asset(newer, spec((1,)), {1: champion}, moment=NOW)[0]
    assert isinstance(outcome, Candidate)
    assert outcome.decision.action == "refresh"
    assert outcome.degraded.startswith("v1 had proven skill; refitted, its p-value is")
    assert not searched.degraded


@pytest.mark.parametrize("gap", [slice(0, 1110), slice(870, 1200)], ids=["before a fold", "in a fold"])
def test_a_gap_in_the_labels_of_a_horizon_leaves_it_the_base_rate_and_the_others_untouched(
    spec: Spec, data: DataReference, gap: slice
) -> None:
    frame = random_walk(3000, 5, (1, 5))
    whole = _candidates(train_asset(History(frame, data), spec(), {}, moment=NOW))
    frame.loc[frame.index[gap], "RETURNS5"] = np.nan
    one, five = _candidates(train_asset(History(frame, data), spec(), {}, moment=NOW))
    assert "no labelled row in fold" in five.metrics["reason"]
    assert five.head.to_json()["slope"] == 0
    assert one.metrics["log_loss"] == pytest.approx(whole[0].metrics["log_loss"], abs=1e-3)


@pytest.mark.parametrize("newest_missing", [False, True])
def test_the_others_share_behind_a_base_rate_is_that_of_everything_known_today(
    spec: Spec, data: DataReference, newest_missing: bool
) -> None:
    frame = random_walk(2600, 3, (1, 5))
    if newest_missing:
        frame.loc[frame.index[-6], "RETURNS5"] = np.nan
    last = frame["Date"].iloc[-1].year
    peers = PeerShares({5: {last - 1: (500, 1000), last: (1500, 1500)}})
    one, five = _candidates(train_asset(History(frame, data, peers), spec(), {}, moment=NOW))
    assert five.extra["base_rate"]["usual_share"] == pytest.approx(0.8, abs=0.002)
    assert one.extra["base_rate"]["usual_share"] == 0.5
    without = _candidates(train_asset(History(frame, data), spec(), {}, moment=NOW))[1]
    assert five.head.to_json()["base_rate"] > without.head.to_json()["base_rate"]
