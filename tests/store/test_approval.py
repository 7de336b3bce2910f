"""A version whose skill fell waits for a person: the champion is served until somebody has said yes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from brain.core.errors import ArtifactRejected, ModelNotFound, StorageUnavailable, StoreError
from brain.core.moment import Moment
from brain.core.signing import Signer
from brain.learning.policy import needs_approval
from brain.learning.settings import TrainingSettings
from brain.store.approval import approve, questions, reject
from brain.store.backend import Backend
from brain.store.browse import card, history, list_models, verify_models
from brain.store.champions import Champion
from brain.store.models import ModelStore
from brain.store.renewing import renew_waiting
from brain.store.taking_back import later_models, take_back
from brain.store.verdicts import Verdict
from brain.store.waiting import PURPOSE, SIGNED, read_waiting
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key
from tests.store.conftest import END
from tests.store.test_pointers import altered, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from brain.core.keys import ModelKey
    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate
    from brain.store.stored_model import StoredModel

    MakeCandidate = Callable[..., Candidate]

GOLD, SILVER = model_key("GOLD", 25), model_key("SILVER", 25)
NEXT, LATER = END + timedelta(days=1), END + timedelta(days=2)
WHY = "v1 has proven skill; the new version has none: its p-value is 0.400"
GOOD, WORSE = {"skill": 0.02, "p_value": 0.01}, {"skill": 0.001, "p_value": 0.4}


@pytest.fixture
def asking(store: ModelStore, make_candidate: MakeCandidate) -> ModelStore:
    """GOLD's v1 is served with proven skill, and v2 waits; SILVER's v2 was promoted."""
    store.add([make_candidate(metrics=GOOD), make_candidate("SILVER", metrics=GOOD)])
    store.record_verdicts([Verdict(GOLD, 1, True, 0.01, END), Verdict(SILVER, 1, True, 0.01, END)])
    stored = store.add([worse(make_candidate), make_candidate("SILVER", seed=1, trained_at=NEXT, metrics=GOOD)])
    told = [(one.version, one.promoted, one.waits) for one in stored if isinstance(one, Saved)]
    assert told == [(2, False, WHY), (2, True, "")]
    return store


def worse(make_candidate: MakeCandidate, at: datetime = NEXT, seed: int = 1, **changes: Any) -> Candidate:
    return make_candidate(seed=seed, trained_at=at, **{"metrics": WORSE, "approval": WHY, **changes})


def waits(store: ModelStore) -> list[tuple[str, int, int]]:
    return [(one.key.entity, one.version, one.champion) for one in questions(store)]


def anew(store: ModelStore) -> ModelStore:
    """As another process opens it."""
    return ModelStore(Backend(store.backend.database, store.backend.signer), store._source_ref, "direction")


def test_the_champion_is_served_with_its_verdict_while_a_version_waits(asking: ModelStore) -> None:
    gold, silver = anew(asking).champions(["GOLD", "SILVER"])
    assert isinstance(gold, Champion)
    assert isinstance(silver, Champion)
    assert (gold.model.version, gold.has_skill, silver.model.version) == (1, True, 2)
    (one,) = questions(anew(asking))
    assert (one.key, one.version, one.champion, one.old, one.new, one.reason) == (GOLD, 2, 1, 0.02, 0.001, WHY)
    assert {line.entity: line.note for line in list_models(asking)} == {"GOLD": "v2 waits for approval", "SILVER": ""}


def test_that_a_version_waits_is_the_first_thing_said_of_its_champion(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    store.add([make_candidate(metrics=GOOD, degraded="lost its skill"), worse(make_candidate)])
    (line,) = list_models(store)
    assert line.note == "v2 waits for approval; lost its skill"


def test_the_first_version_of_a_model_waits_for_nobody(store: ModelStore, make_candidate: MakeCandidate) -> None:
    (saved,) = store.add([worse(make_candidate)])
    assert isinstance(saved, Saved)
    assert (saved.promoted, saved.waits, waits(store)) == (True, "", [])


def test_the_same_candidate_again_changes_nothing_and_asks_nothing_new(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    before = list(asking.backend.waiting.find())
    (saved,) = anew(asking).add([worse(make_candidate)])
    assert isinstance(saved, Saved)
    assert (saved.version, saved.created, saved.promoted, saved.waits) == (2, False, False, WHY)
    assert list(asking.backend.waiting.find()) == before
    assert len(history(asking, GOLD)) == 2


def test_training_goes_on_from_the_version_that_waits(asking: ModelStore) -> None:
    champion = asking.champion_summaries(["GOLD"])[GOLD]
    assert (champion.version, champion.has_skill, champion.skill) == (1, True, 0.02)
    basis = champion.basis
    assert (basis.version, basis.has_skill, basis.trained_at, basis.rejected) == (2, False, NEXT, False)


def test_a_champion_without_a_verdict_is_judged_by_what_it_measured_itself(asking: ModelStore) -> None:
    asking.rollback(SILVER, 1, at=LATER, reason="better live")
    approve(asking, GOLD, 2, at=LATER, by="ann")
    level = TrainingSettings(approve_skill_fall=0.005)
    silver, gold = (anew(asking).champion_summaries([key.entity])[key] for key in (SILVER, GOLD))
    assert (silver.version, silver.has_skill, gold.version, gold.has_skill) == (1, None, 2, None)
    assert "v1 is not judged yet" in needs_approval(silver, WORSE, level)
    assert needs_approval(gold, WORSE, level) == ""
    asking.record_verdicts([Verdict(SILVER, 1, False, 0.01, LATER)])
    assert needs_approval(asking.champion_summaries(["SILVER"])[SILVER], WORSE, level) == ""


def test_a_newer_version_that_waits_takes_the_place_of_the_older(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    asking.add([worse(make_candidate, LATER, seed=2)])
    assert waits(asking) == [("GOLD", 3, 1)]
    (older,) = asking.add([worse(make_candidate, NEXT, seed=3)])
    assert waits(asking) == [("GOLD", 3, 1)], "an older run takes nothing back"
    assert isinstance(older, Saved)
    assert (older.version, older.promoted, older.waits) == (4, False, ""), "nobody is asked about it"


def test_a_newer_version_that_is_promoted_leaves_nothing_waiting_not_even_after_a_rollback(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    asking.add([make_candidate(seed=2, trained_at=LATER, metrics=GOOD)])
    assert (asking.champion_version(GOLD), waits(asking)) == (3, [])
    asking.rollback(GOLD, 1, at=LATER, reason="better live")
    assert waits(asking) == []
    assert asking.champion_summaries(["GOLD"])[GOLD].newer is None
    asking.prune(keep=5)
    assert asking.backend.waiting.count_documents({}) == 0


def test_an_approved_version_is_served_and_waits_for_the_judge(asking: ModelStore) -> None:
    assert approve(asking, GOLD, 2, at=LATER, by="ann") == 2
    gold = anew(asking).champion(GOLD)
    assert isinstance(gold, Champion)
    assert (gold.model.version, gold.verdict, waits(asking)) == (2, None, [])
    assert history(asking, GOLD)[0].promoted == (LATER,)
    assert asking.record_verdicts([Verdict(GOLD, 2, False, 0.4, LATER)]) == 1
    assert approve(asking, GOLD, 2, at=LATER, by="ann") == 2, "said again, it stays"
    assert asking.backend.waiting.count_documents({}) == 0
    with pytest.raises(StoreError, match="It is served"):
        reject(asking, GOLD, 2, at=LATER)


def test_the_next_training_does_not_store_the_approved_version_again(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    approve(asking, GOLD, None, at=LATER, by="ann")
    (saved,) = asking.add([worse(make_candidate)])
    assert isinstance(saved, Saved)
    assert (saved.version, saved.created, saved.promoted, waits(asking)) == (2, False, True, [])


def test_nobody_is_asked_again_about_a_rejected_version_but_about_a_newer_one(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    assert reject(asking, GOLD, None, at=LATER) == 2
    assert reject(asking, GOLD, 2, at=LATER + timedelta(days=1)) == 2
    assert (waits(asking), asking.champion_version(GOLD)) == ([], 1)
    (saved,) = anew(asking).add([worse(make_candidate)])
    assert isinstance(saved, Saved)
    assert (saved.promoted, saved.waits, waits(asking)) == (False, "", [])
    basis = asking.champion_summaries(["GOLD"])[GOLD].basis
    assert (basis.version, basis.has_skill, basis.trained_at) == (1, True, NEXT), "the same rows train nothing anew"
    asking.add([worse(make_candidate, LATER, seed=2)])
    assert waits(asking) == [("GOLD", 3, 1)]
    assert approve(asking, GOLD, 3, at=LATER, by="ann") == 3


def test_a_person_may_change_his_mind(asking: ModelStore) -> None:
    reject(asking, GOLD, 2, at=LATER)
    with pytest.raises(ModelNotFound, match="no version that waits"):
        approve(asking, GOLD, None, at=LATER, by="ann")
    assert approve(asking, GOLD, 2, at=LATER, by="ann") == 2


@pytest.mark.parametrize(
    "answer", [lambda *given: approve(*given, at=LATER, by="ann"), lambda *given: reject(*given, at=LATER)]
)
def test_what_was_not_seen_is_not_answered(
    asking: ModelStore, make_candidate: MakeCandidate, answer: Callable[..., int]
) -> None:
    asking.add([worse(make_candidate, LATER, seed=2)])
    with pytest.raises(ModelNotFound, match="v3 waiting for approval by now"):
        answer(asking, GOLD, 2)
    with pytest.raises(ModelNotFound, match="no version that waits"):
        answer(asking, SILVER, None)
    assert (waits(asking), asking.champion_version(GOLD)) == ([("GOLD", 3, 1)], 1)


@pytest.mark.parametrize("field", [*SIGNED, "signature.value"])
def test_what_somebody_altered_is_no_question_and_no_yes(asking: ModelStore, field: str) -> None:
    document = asking.backend.waiting.find_one({}) or {}
    parent, _, name = field.rpartition(".")
    part = document[parent] if parent else document
    asking.backend.waiting.delete_many({})
    part[name] = LATER if name == "rejected_at" else altered(part[name])
    put(asking, document, "waiting")
    assert waits(asking) == []
    with pytest.raises(ModelNotFound):
        approve(asking, GOLD, 2, at=LATER, by="mallory")
    assert asking.champion_version(GOLD) == 1
    refused = [checked for checked in verify_models(asking) if checked.problem]
    assert len(refused) == (0 if field == "use_case" else 1), "what is said of another use case is none of this one's"
    assert asking.champion_summaries(["GOLD"])[GOLD].basis.version == 1


def test_a_version_that_was_altered_is_not_promoted(asking: ModelStore) -> None:
    asking.backend.models.update_one({"entity": "GOLD", "version": 2}, {"$set": {"seed": 9}})
    with pytest.raises(ArtifactRejected):
        approve(asking, GOLD, 2, at=LATER, by="ann")
    assert (waits(asking), asking.champion_version(GOLD)) == ([], 1)


def test_a_waiting_version_is_no_orphan_and_goes_with_its_question(asking: ModelStore) -> None:
    assert asking.prune(keep=0) == [(SILVER, 1)]
    assert waits(asking) == [("GOLD", 2, 1)]
    assert asking.delete(GOLD, 2) == 1
    assert asking.backend.waiting.count_documents({}) == 0


def test_another_version_under_the_same_number_inherits_neither_no_nor_reason(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    reject(asking, GOLD, 2, at=LATER)
    asking.backend.models.delete_one({"entity": "GOLD", "version": 2})
    (saved,) = anew(asking).add([worse(make_candidate, seed=2, approval="another reason")])
    assert isinstance(saved, Saved)
    assert (saved.version, saved.waits, waits(asking)) == (2, "another reason", [("GOLD", 2, 1)])


def test_a_version_put_in_the_place_of_the_one_that_waits_is_not_served(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    question = asking.backend.waiting.find_one({}) or {}
    asking.backend.waiting.delete_many({})
    asking.backend.models.delete_one({"entity": "GOLD", "version": 2})
    asking.add([worse(make_candidate, seed=2, approval="")])
    asking.rollback(GOLD, 1, at=END, reason="no champion before")
    stored = asking.backend.champions.find_one({"entity": "GOLD"}) or {}
    question |= {"moves_sha256": stored["moves_sha256"], "champion": 1}
    signed = {name: question.get(name) for name in SIGNED}
    put(asking, {**question, "signature": asking.backend.signer.sign(PURPOSE, signed)}, "waiting")
    assert waits(asking) == []
    with pytest.raises(ArtifactRejected, match="another version stored under the number"):
        approve(asking, GOLD, question["version"], at=LATER, by="ann")


def test_a_no_that_comes_too_late_says_so(
    asking: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomically = Backend.atomically

    def after(change: Callable[[], object]) -> None:
        def changed_first(backend: Backend, work: Callable[..., Any]) -> Any:
            monkeypatch.setattr(Backend, "atomically", atomically)
            change()
            return atomically(backend, work)

        monkeypatch.setattr(Backend, "atomically", changed_first)

    after(lambda: asking.add([worse(make_candidate, LATER, seed=2)]))
    with pytest.raises(StorageUnavailable, match="came too late"):
        reject(asking, GOLD, None, at=LATER)
    assert waits(asking) == [("GOLD", 3, 1)], "the newer question stands"
    after(lambda: approve(asking, GOLD, 3, at=LATER, by="ann"))
    with pytest.raises(StorageUnavailable, match="came too late"):
        reject(asking, GOLD, 3, at=LATER)
    assert (asking.champion_version(GOLD), asking.backend.waiting.count_documents({})) == (3, 0)


def test_renewing_keys_undoes_no_answer(asking: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected_meanwhile(*given: Any) -> Any:
        found = read_waiting(*given)
        reject(asking, GOLD, 2, at=LATER)
        return found

    monkeypatch.setattr("brain.store.renewing.read_waiting", rejected_meanwhile)
    assert renew_waiting(asking).signed == 0
    assert waits(asking) == []
    assert (asking.backend.waiting.find_one({}) or {})["rejected_at"] == LATER


def test_the_number_of_a_deleted_version_that_waited_is_not_given_out_again(
    asking: ModelStore, make_candidate: MakeCandidate
) -> None:
    assert asking.delete(GOLD, 2) == 1
    (saved,) = anew(asking).add([worse(make_candidate, LATER, seed=2)])
    assert isinstance(saved, Saved)
    assert (saved.version, waits(asking)) == (3, [("GOLD", 3, 1)])
    gold = anew(asking).champion(GOLD)
    assert isinstance(gold, Champion)
    assert (gold.model.version, gold.has_skill) == (1, True), "the verdict stays"
    assert history(asking, GOLD)[-1].promoted == (END,)


def test_a_model_that_is_deleted_leaves_no_question(asking: ModelStore) -> None:
    asking.delete(GOLD)
    assert asking.backend.waiting.count_documents({}) == 0


def test_repair_takes_back_what_waits_from_the_future(asking: ModelStore) -> None:
    after = Moment(END + timedelta(hours=1))
    for later in later_models(asking, after):
        take_back(asking, later, after)
    assert (waits(asking), [past.version for past in history(asking, GOLD)]) == ([], [1])
    assert asking.backend.waiting.count_documents({}) == 0


def test_a_question_is_signed_anew_with_the_newest_key(asking: ModelStore, settings: Settings) -> None:
    fresh = SecretStr("another-key-of-sixteen-bytes-or-more")
    old, new, both = asking.backend.signer, Signer([fresh]), Signer([fresh, *settings.signing_keys])
    renewed = renew_waiting(ModelStore(Backend(asking.backend.database, both), "test", "direction"))
    assert (renewed.signed, renewed.refused) == (1, 0)
    document = asking.backend.waiting.find_one({}) or {}
    signed = {name: document.get(name) for name in SIGNED}
    assert new.problem("waiting version, format 1", signed, document["signature"]) == ""
    assert old.problem("waiting version, format 1", signed, document["signature"]) != ""


def test_the_model_card_is_of_one_version_though_it_moves_while_it_is_read(
    asking: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, moved = ModelStore.load, list[int | None]()

    def promoted_meanwhile(store: ModelStore, key: ModelKey, version: int | None = None) -> StoredModel:
        if not moved:
            moved.append(version)
            approve(asking, GOLD, 2, at=LATER, by="ann")
        return read(store, key, version)

    monkeypatch.setattr(ModelStore, "load", promoted_meanwhile)
    shown, versions = card(asking, GOLD)
    assert (shown["version"], shown["judged"]["is_champion"], shown["judged"]["has_skill"]) == (1, True, True)
    assert [(one.version, one.is_champion) for one in versions] == [(2, False), (1, True)]
    assert asking.champion_version(GOLD) == 2
