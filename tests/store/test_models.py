"""Saving, promoting and reading back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from brain.core.errors import ModelNotFound
from brain.core.keys import ModelKey
from brain.core.moment import Moment
from brain.learning.candidate import Decision, Failed, Skipped
from brain.store.browse import last_decisions, list_models, verify_models
from brain.store.champions import Champion, Refused
from brain.store.document import PURPOSE, signed_part
from brain.store.models import ModelStore
from brain.store.verdicts import Claim, Verdict
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key
from tests.store.conftest import FEATURES, MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate

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


def test_a_champion_is_known_since_it_was_trained_and_judged(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    champion = store.champion(GOLD)
    assert isinstance(champion, Champion)
    trained_at = champion.model.trained_at
    later, earlier = (trained_at + timedelta(days=days) for days in (1, -1))
    assert champion.since == trained_at
    assert replace(champion, verdict=Verdict(GOLD, 1, True, 0.01, later)).since == later
    assert replace(champion, verdict=Verdict(GOLD, 1, True, 0.01, earlier)).since == trained_at


def test_verdicts_are_recorded_on_the_models_they_judge_alone(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate(asset, horizon) for asset in ("GOLD", "SILVER") for horizon in (5, 25)])
    judged = [model_key("GOLD", 5), model_key("SILVER", 25)]
    assert store.record_verdicts([Verdict(key, 1, True, 0.01, make_candidate().trained_at) for key in judged]) == 2
    found = [one for one in store.champions(["GOLD", "SILVER"]) if isinstance(one, Champion)]
    assert [one.key for one in found if one.verdict is not None] == judged


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


def test_a_claim_says_what_speaks_against_it(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate("GOLD", metrics={"skill": 1e-4, "p_value": 0.003, "barred": "too little to matter"})])
    assert store.claims(["GOLD"]) == [Claim(GOLD, 1, 0.003, "too little to matter")]


def test_a_candidate_whose_skill_was_tested_may_not_claim_it_before_the_judge(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    store.add([make_candidate(metrics={"skill": 0.1, "p_value": 0.0001})])
    champion = store.champion(GOLD)
    assert isinstance(champion, Champion)
    assert champion.has_skill is False
    assert champion.apply(np.array([[0.1, 0.9]])).tolist() == [0.55]


def test_one_call_stores_what_training_gives_and_what_was_decided(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    good, refused = make_candidate(), make_candidate("GOLD", 5, pipeline=HistGradientBoostingClassifier(max_iter=5))
    skipped = Skipped(model_key("GOLD", 10), Decision("skip", "nothing new"))
    failed = Failed(model_key("GOLD", 20), "found no labels; expected some", "Add RETURNS20.")
    saved, second = store.save([skipped, good, failed, refused], MOMENT)
    assert saved == Saved(GOLD, 1, "direction/GOLD/RETURNS25/v1", created=True, promoted=True)
    assert isinstance(second, Refused)
    made = {made.target: (made.action, made.reason, made.moment) for made in last_decisions(store, ["GOLD"])}
    assert made["RETURNS10"] == ("skip", "nothing new", MOMENT.at)
    assert made["RETURNS25"] == ("search", "no champion", MOMENT.at)
    assert made["RETURNS20"] == ("failed", "found no labels; expected some. Add RETURNS20.", MOMENT.at)
    assert made["RETURNS5"][:2] == ("failed", str(second.error))


def test_only_the_newest_decision_on_each_model_is_shown(store: ModelStore) -> None:
    keys = [model_key("GOLD", 5), model_key("SILVER", 5)]
    for day in (2, 0, 1):
        at = Moment(MOMENT.at + timedelta(days=day))
        store.save([Skipped(key, Decision("skip", f"day {day}")) for key in keys], at)
    store.save([Skipped(keys[0], Decision("skip", "again"))], Moment(MOMENT.at + timedelta(days=2)))
    assert [(made.entity, made.reason) for made in last_decisions(store)] == [("GOLD", "again"), ("SILVER", "day 2")]
    assert [made.entity for made in last_decisions(store, ["SILVER"])] == ["SILVER"]


def test_a_degraded_candidate_is_noted_until_the_next_is_promoted(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    later = MOMENT.at + timedelta(days=1)
    store.save([make_candidate(degraded="its skill is gone")], MOMENT)
    assert store.champion_summaries(["GOLD"])[GOLD].degraded == "its skill is gone"
    store.save([make_candidate(seed=1, degraded="gone again", trained_at=later)], Moment(later))
    assert store.champion_summaries(["GOLD"])[GOLD].degraded == "gone again"
    store.save([make_candidate(seed=2, trained_at=later + timedelta(days=1))], Moment(later + timedelta(days=1)))
    assert store.champion_summaries(["GOLD"])[GOLD].degraded == ""


def test_a_store_sees_its_own_use_case_only(
    settings: Settings, store: ModelStore, make_candidate: MakeCandidate
) -> None:
    other = ModelStore.open(settings, "segments")
    key = ModelKey("segments", "GOLD", "RETURNS25")
    store.save([make_candidate()], MOMENT)
    other.save([make_candidate(key=key, seed=1), make_candidate(key=key, seed=2)], MOMENT)
    assert [found.key for found in store.champions(["GOLD"])] == [GOLD]
    assert [found.key for found in other.champions(["GOLD"])] == [key]
    assert (len(list_models(store)), len(last_decisions(other)), len(list(verify_models(other)))) == (1, 1, 2)
    assert store.mark_revised("GOLD", "corrected", MOMENT.at) == 1
    assert list_models(other)[0].note == ""
    assert store.prune(keep=0) == []
    assert other.prune(keep=0) == [(key, 1)]
    assert (store.has_champion(GOLD), store.has_champion(replace(key, entity="WTI"))) == (True, False)


def test_check_rows_of_another_shape_are_refused(store: ModelStore, make_candidate: MakeCandidate) -> None:
    (outcome,) = store.save([make_candidate(features=FEATURES[:3])], MOMENT)
    assert isinstance(outcome, Refused)
    assert "check rows of shape (4,); expected (3,)" in str(outcome.error)


@pytest.mark.parametrize(
    ("later", "told"),
    [
        ({"head": {"kind": "oracle"}}, "a head of kind 'oracle'"),
        ({"preparation": "float16"}, "the preparation 'float16'"),
    ],
    ids=["head", "preparation"],
)
def test_what_only_a_later_release_knows_stops_that_model_only(
    store: ModelStore, make_candidate: MakeCandidate, later: dict[str, Any], told: str
) -> None:
    store.add([make_candidate(), make_candidate("SILVER")])
    document = {**(store.backend.models.find_one({"entity": "GOLD"}) or {}), **later}
    document["signature"] = store.backend.signer.sign(PURPOSE, signed_part(document))
    store.backend.models.replace_one({"_id": document["_id"]}, document, bypass_document_validation=True)
    gold, silver = store.champions(["GOLD", "SILVER"])
    assert isinstance(gold, Refused)
    assert told in str(gold.error)
    assert isinstance(silver, Champion)


def test_a_champion_whose_record_was_altered_is_trained_anew(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    assert set(store.champion_summaries(["GOLD"])) == {GOLD}
    store.backend.models.update_one({}, {"$set": {"description": "altered"}})
    assert store.champion_summaries(["GOLD"]) == {}
