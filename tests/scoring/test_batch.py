"""Scoring the newest rows of a chunk of assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from brain.core.errors import ArtifactRejected, ModelNotFound, ScoringError
from brain.scoring.batch import score_assets
from brain.store.verdicts import Verdict
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.names import model_key
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


def spec(name: str = "GOLD", *horizons: int) -> AssetSpec:
    return AssetSpec(name=name, table=name, horizons=horizons or (25,))


def test_a_score_is_the_calibrated_probability_of_the_newest_row(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    candidate, snapshot = make_candidate(), write_snapshot()
    store.add([candidate])
    (score,) = score_assets(store, lake, [spec()], moment).scores
    newest = training_rows()[0][-1:]
    raw = candidate.pipeline.predict_proba(newest)[:, 1]
    assert score.raw == pytest.approx(raw[0], abs=1e-12)
    assert score.probability == pytest.approx(candidate.head.apply(raw[:, None], None)[0], abs=1e-12)
    assert (score.as_of, score.snapshot, score.model_version) == (END.date(), snapshot.sha256, 1)


def test_a_cell_without_skill_publishes_the_base_rate(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    store.add([make_candidate()])
    write_snapshot()
    store.record_verdicts([Verdict(model_key("GOLD", 25), 1, False, 0.4, END)])
    (score,) = score_assets(store, lake, [spec()], moment).scores
    assert (score.probability, score.has_skill) == (0.55, False)


def test_every_cell_is_accounted_for_when_some_fail(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    store.add([make_candidate("GOLD"), make_candidate("SILVER"), make_candidate("WTI"), make_candidate("VIX")])
    write_snapshot("GOLD")
    write_snapshot("SILVER", columns=("momentum_5", "momentum_20", "volatility_20", "rsi_15"))
    write_snapshot("VIX", values=np.where(np.arange(10)[:, None] == 9, np.nan, np.ones((10, len(FEATURES)))))
    store.backend.models.update_one({"entity": "GOLD"}, {"$set": {"head.slope": 9.0}})
    specs = [spec("GOLD", 5, 25), spec("SILVER"), spec("WTI"), spec("VIX")]
    result = score_assets(store, lake, specs, moment)
    kinds = {(failure.asset, failure.horizon): type(failure.error) for failure in result.failures}
    assert kinds == {
        ("GOLD", 25): ArtifactRejected,  # altered in the store
        ("GOLD", 5): ModelNotFound,  # never trained
        ("SILVER", 25): ScoringError,  # a renamed column
        ("WTI", 25): ScoringError,  # no snapshot
        ("VIX", 25): ScoringError,  # an empty newest row
    }
    reasons = " ".join(failure.reason for failure in result.failures)
    assert "no column rsi_14" in reasons
    assert not result.scores
    assert len(result.cells()) == 5
