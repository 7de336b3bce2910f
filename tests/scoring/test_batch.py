"""Scoring the newest rows of a chunk of units."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brain.core.errors import ArtifactRejected, ModelNotFound, ScoringError
from brain.scoring.batch import Score, Unscored, Wanted, score_newest
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key, target_name
from tests.store.conftest import END, FEATURES, training_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]
    WriteSnapshot = Callable[..., Snapshot]


def wanted(name: str = "GOLD", *horizons: int) -> Wanted:
    return Wanted(name, tuple(map(target_name, horizons or (25,))))


def score_all(store: ModelStore, lake: Lake, moment: Moment, *units: Wanted) -> list[Score | Unscored]:
    return list(score_newest(store, lake, "assets", units or (wanted(),), moment))


def score_one(store: ModelStore, lake: Lake, moment: Moment) -> Score:
    (score,) = score_all(store, lake, moment)
    assert isinstance(score, Score)
    return score


def test_a_score_is_the_calibrated_probability_of_the_newest_row(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    candidate, snapshot = make_candidate(), write_snapshot()
    store.add([candidate])
    score = score_one(store, lake, moment)
    newest = training_rows()[0][-1:]
    raw = candidate.pipeline.predict_proba(newest)[:, 1]
    assert score.raw[-1] == pytest.approx(raw[0], abs=1e-12)
    assert score.value == pytest.approx(candidate.head.apply(raw[:, None], None)[0], abs=1e-12)
    assert (score.as_of, score.data_sha256, score.champion.model.version) == (END.date(), snapshot.data_sha256, 1)


def test_a_cell_without_skill_publishes_the_base_rate(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    store.add([make_candidate()])
    write_snapshot()
    store.record_verdicts([Verdict(model_key("GOLD", 25), 1, False, 0.4, END)])
    score = score_one(store, lake, moment)
    assert (score.value, score.champion.has_skill) == (0.55, False)


def test_every_cell_is_accounted_for_when_some_fail(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    store.add([make_candidate("GOLD"), make_candidate("SILVER"), make_candidate("WTI"), make_candidate("VIX")])
    write_snapshot("GOLD")
    write_snapshot("SILVER", columns=("momentum_5", "momentum_20", "volatility_20", "rsi_15"))
    write_snapshot("VIX", values=np.where(np.arange(10)[:, None] == 9, np.nan, np.ones((10, len(FEATURES)))))
    store.backend.models.update_one({"entity": "GOLD"}, {"$set": {"head.slope": 9.0}})
    units = [wanted("GOLD", 5, 25), wanted("SILVER"), wanted("WTI"), wanted("VIX")]
    found = score_all(store, lake, moment, *units)
    errors = {one.key: one.error for one in found if isinstance(one, Unscored)}
    assert {key: type(error) for key, error in errors.items()} == {
        model_key("GOLD", 25): ArtifactRejected,  # altered in the store
        model_key("GOLD", 5): ModelNotFound,  # never trained
        model_key("SILVER", 25): ScoringError,  # a renamed column
        model_key("WTI", 25): ScoringError,  # no snapshot
        model_key("VIX", 25): ScoringError,  # an empty newest row
    }
    assert "no column rsi_14" in str(errors[model_key("SILVER", 25)])
    assert len(found) == 5


def test_a_model_trained_after_the_moment_is_never_used_for_it(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    write_snapshot()
    store.add([make_candidate()])
    store.add([make_candidate(seed=1, trained_at=END + timedelta(days=3))])
    assert store.champion_version(model_key("GOLD", 25)) == 2
    assert score_one(store, lake, moment).champion.model.version == 1


def test_a_first_model_trained_after_the_moment_is_no_model_for_it(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    write_snapshot()
    store.add([make_candidate(trained_at=END + timedelta(seconds=1))])
    (unscored,) = score_all(store, lake, moment)
    assert isinstance(unscored, Unscored)
    assert "no champion by 2024-01-05" in str(unscored.error)


def test_a_past_moment_is_scored_by_what_was_champion_then(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    write_snapshot()
    gold = model_key("GOLD", 25)
    for number in (0, 1):
        store.add([make_candidate(seed=number, trained_at=END - timedelta(days=9 - number))])
    store.rollback(gold, 1, at=END + timedelta(days=1), reason="v2 is worse")
    assert score_one(store, lake, moment).champion.model.version == 1
    (score,) = score_newest(store, lake, "assets", [wanted()], moment, past=True)
    assert isinstance(score, Score)
    assert score.champion.model.version == 2
