"""Saving, promoting and reading back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brain.core.errors import ModelNotFound
from brain.store.champions import Champion
from brain.store.verdicts import Claim, Verdict
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)


def test_a_loaded_model_gives_the_fitted_pipelines_probabilities(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    candidate = make_candidate()
    store.add([candidate])
    model = store.load(GOLD)
    found = model.evaluator().outputs(candidate.check_rows)
    np.testing.assert_allclose(found, candidate.pipeline.predict_proba(candidate.check_rows), atol=1e-12)
    assert model.features == candidate.features
    assert model.head == candidate.head


def test_saving_the_same_candidate_again_makes_no_new_version(store: ModelStore, make_candidate: MakeCandidate) -> None:
    first = store.add([make_candidate()])
    again = store.add([make_candidate()])
    assert first == [Saved(GOLD, 1, "direction/GOLD/RETURNS25/v1", created=True, promoted=True)]
    assert again == [Saved(GOLD, 1, "direction/GOLD/RETURNS25/v1", created=False, promoted=True)]


def test_a_new_version_becomes_the_champion_and_the_old_one_stays(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    old, new = make_candidate(), make_candidate(seed=1)
    store.add([old, new])
    assert store.champion_version(GOLD) == 2
    assert store.load(GOLD, 1).document["seed"] == 0


def test_a_model_trained_for_an_earlier_interval_is_stored_but_not_promoted(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    late = make_candidate()
    early = make_candidate(seed=1, trained_at=late.trained_at - timedelta(days=1))
    outcomes = [*store.add([late]), *store.add([early])]
    assert [(saved.version, saved.promoted) for saved in outcomes if isinstance(saved, Saved)] == [
        (1, True),
        (2, False),
    ]
    assert store.champion_version(GOLD) == 1


def test_a_version_after_one_that_was_never_promoted_gets_a_number_of_its_own(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    first = make_candidate()
    early = make_candidate(seed=1, trained_at=first.trained_at - timedelta(days=1))
    late = make_candidate(seed=2, trained_at=first.trained_at + timedelta(days=1))
    outcomes = [outcome for candidate in (first, early, late) for outcome in store.add([candidate])]
    assert [(saved.version, saved.promoted) for saved in outcomes if isinstance(saved, Saved)] == [
        (1, True),
        (2, False),
        (3, True),
    ]


def test_a_version_that_somebody_deleted_is_stored_again(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    store.backend.models.delete_many({})
    (saved,) = store.add([make_candidate()])
    assert isinstance(saved, Saved)
    assert (saved.created, saved.promoted) == (True, True)
    assert store.load(GOLD).version == saved.version


def test_an_unknown_model_is_named(store: ModelStore) -> None:
    with pytest.raises(ModelNotFound, match="direction/GOLD/RETURNS25"):
        store.load(GOLD)


def test_champions_stream_in_key_order_with_their_verdicts(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate("SILVER", 5), make_candidate("GOLD", 5), make_candidate("WTI", 5)])
    key = model_key("SILVER", 5)
    store.record_verdicts([Verdict(key, 1, False, 0.2, make_candidate().trained_at)])
    found = [champion for champion in store.champions(["GOLD", "SILVER"]) if isinstance(champion, Champion)]
    assert [champion.key.entity for champion in found] == ["GOLD", "SILVER"]
    assert [champion.has_skill for champion in found] == [None, False]


def test_summaries_hold_what_the_training_policy_asks_for(store: ModelStore, make_candidate: MakeCandidate) -> None:
    candidate = make_candidate()
    store.add([candidate])
    summary = store.champion_summaries(["GOLD"])[GOLD]
    assert (summary.version, summary.parameters, summary.features) == (1, candidate.parameters, candidate.features)
    assert (summary.searched_at, summary.data_sha256) == (candidate.searched_at, candidate.data.data_sha256)


def test_claims_leave_out_models_that_were_never_measured(store: ModelStore, make_candidate: MakeCandidate) -> None:
    measured = make_candidate("GOLD", metrics={"skill": 0.01, "p_value": 0.03})
    store.add([measured, make_candidate("SILVER", metrics={})])
    assert store.claims(["GOLD", "SILVER"]) == [Claim(GOLD, 1, 0.03)]
