"""A champion's pointer that was altered, forged or put back is refused: for its own model only, in every command."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import bson
import pytest
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pydantic import SecretStr

from brain.core.counters import Counters
from brain.core.errors import ArtifactRejected, StoreError
from brain.core.moment import Moment
from brain.core.signing import Signer
from brain.learning.candidate import Decision, Skipped
from brain.store.browse import history, last_decisions, list_models, verify_models
from brain.store.champions import Champion, Refused, read_present
from brain.store.models import ModelStore
from brain.store.pointers import LAST_NUMBER, SIGNED, counted, verify_pointer, written
from brain.store.verdicts import Verdict
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key
from tests.store.conftest import END, MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate

    MakeCandidate = Callable[..., Candidate]

GOLD, SILVER = model_key("GOLD", 25), model_key("SILVER", 25)
BOTH = ("GOLD", "SILVER")
METRICS = {"skill": 0.02, "p_value": 0.01}


@pytest.fixture
def judged(store: ModelStore, make_candidate: MakeCandidate) -> ModelStore:
    """Two models with a verdict each; GOLD's is favourable."""
    store.save([make_candidate(metrics=METRICS), make_candidate("SILVER", metrics=METRICS)], MOMENT)
    assert store.record_verdicts([Verdict(GOLD, 1, True, 0.01, END), Verdict(SILVER, 1, False, 0.5, END)]) == 2
    store.backend.counters.keep()
    return store


def put(store: ModelStore, document: dict[str, Any], collection: str = "champions") -> None:
    """As somebody with the rights of an owner: validators do not stop him."""
    store.backend.database[collection].replace_one(
        {"_id": document["_id"]}, document, upsert=True, bypass_document_validation=True
    )


def stored(store: ModelStore, entity: str = "GOLD") -> dict[str, Any]:
    return deepcopy(store.backend.champions.find_one({"entity": entity}) or {})


def only_gold_is_refused(store: ModelStore, told: str = "") -> None:
    """In every command; SILVER goes on, and no command raises."""
    gold, silver = store.champions(BOTH)
    assert isinstance(gold, Refused)
    assert isinstance(silver, Champion)
    assert told in str(gold.error)
    assert set(store.champion_summaries(BOTH)) == {SILVER}
    assert [claim.key for claim in store.claims(BOTH)] == [SILVER]
    assert store.record_verdicts([Verdict(SILVER, 1, False, 0.5, END)]) == 1
    listed = {line.entity: line.note for line in list_models(store)}
    assert told in listed["GOLD"]
    assert listed["SILVER"] == ""
    history(store, GOLD)
    assert [line.version for line in history(store, SILVER)] == [1]
    assert {line.entity for line in last_decisions(store)} >= {"SILVER"}
    assert any(told in checked.problem for checked in verify_models(store) if checked.problem)
    assert store.prune(keep=0) == []
    assert store.mark_revised("SILVER", "?", END) == 1
    assert store.mark_revised("GOLD", "?", END) <= 1
    for command in (store.champion_version, lambda key: store.verdict(key, 1)):
        with pytest.raises(StoreError):
            command(GOLD)


def altered(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return value + timedelta(days=1) if hasattr(value, "year") else f"{value}x"


@pytest.mark.parametrize(
    "field", [*SIGNED, "verdict.has_skill", "verdict.p_value", "verdict.decided_for", "signature.value"]
)
def test_an_altered_field_of_a_pointer_is_refused(judged: ModelStore, field: str) -> None:
    document = stored(judged)
    parent, _, name = field.rpartition(".")
    part = document[parent] if parent else document
    if name in ("verdict", "degraded"):
        part[name] = "" if name == "verdict" else "search anew"
    elif name == "_id":
        judged.backend.champions.delete_one({"_id": document["_id"]})
        part[name] = f"{part[name]}x"
    elif name in ("use_case", "entity", "target"):  # then it is no pointer of GOLD's any more
        with pytest.raises(ArtifactRejected):
            verify_pointer({**document, name: altered(part[name])}, GOLD, judged.backend.signer)
        return
    else:
        part[name] = altered(part[name])
    put(judged, document)
    only_gold_is_refused(judged)


@pytest.mark.parametrize("name", [*SIGNED, "signature"])
def test_a_missing_field_of_a_pointer_is_refused(judged: ModelStore, name: str) -> None:
    """Also a verdict: without it, the base rate would be published."""
    document = stored(judged)
    del document[name]
    with pytest.raises(ArtifactRejected):
        verify_pointer(document, GOLD, judged.backend.signer)


def test_the_pointer_of_another_key_is_refused(judged: ModelStore) -> None:
    with pytest.raises(ArtifactRejected, match="direction/SILVER/RETURNS25"):
        verify_pointer(stored(judged, "SILVER"), GOLD, judged.backend.signer)


def test_a_signed_pointer_whose_key_and_id_differ_is_refused(judged: ModelStore) -> None:
    """The signature fits: what was asked for must be compared with every part of the key."""
    signer = judged.backend.signer
    for name in ("_id", "use_case", "entity", "target", "model"):
        content = {field: stored(judged).get(field) for field in SIGNED if field != "format"}
        forged = written({**content, name: "another"}, None, signer)
        with pytest.raises(ArtifactRejected, match="another"):
            verify_pointer(forged, GOLD, signer)


@pytest.mark.parametrize("change", ["move", "verdict", "rollback"])
def test_an_old_pointer_that_is_put_back_is_refused(
    settings: Settings, judged: ModelStore, make_candidate: MakeCandidate, change: str
) -> None:
    later = END + timedelta(days=1)
    judged.save([make_candidate(seed=1, metrics=METRICS, trained_at=later)], Moment(later))
    judged.backend.counters.keep()
    old = stored(judged)
    if change == "move":
        judged.save([make_candidate(seed=2, trained_at=later, metrics=METRICS)], Moment(later))
    elif change == "verdict":
        judged.record_verdicts([Verdict(GOLD, 2, False, 0.5, later)])
    else:
        judged.rollback(GOLD, 1, at=later, reason="?")
    judged.backend.counters.keep()
    put(judged, old)
    gold, silver = ModelStore.open(settings, "direction", judged.backend.counters).champions(BOTH)
    assert isinstance(gold, Refused)
    assert "an old pointer that was put back" in str(gold.error)
    assert isinstance(silver, Champion)


def test_training_and_rollback_replace_an_old_pointer_that_was_put_back(
    judged: ModelStore, make_candidate: MakeCandidate
) -> None:
    old, later = stored(judged), END + timedelta(days=1)
    judged.save([make_candidate(seed=1, metrics=METRICS, trained_at=later)], Moment(later))
    judged.backend.counters.keep()
    put(judged, old)
    (saved,) = judged.save([make_candidate(seed=1, metrics=METRICS, trained_at=later)], Moment(later))
    assert saved == Saved(GOLD, 2, f"{GOLD}/v2", created=False, promoted=True)
    judged.backend.counters.keep()
    assert judged.champion_version(GOLD) == 2
    put(judged, old)
    assert judged.rollback(GOLD, 1, at=later, reason="?") == 1
    judged.backend.counters.keep()
    assert judged.champion_version(GOLD) == 1


def test_a_pointer_of_format_1_is_refused_once_a_later_one_was_seen(settings: Settings, judged: ModelStore) -> None:
    document = stored(judged)
    old = {name: document[name] for name in ("_id", "use_case", "entity", "target", "version", "model", "trained_at")}
    signed = {"key": str(GOLD), **{name: old[name] for name in ("version", "model", "trained_at")}}
    old |= {"moves": [], "signature": judged.backend.signer.sign("champion", signed)}
    put(judged, old)
    gold, _ = ModelStore.open(settings, "direction").champions(BOTH)
    assert isinstance(gold, Champion), "a store that has seen nothing reads it"
    only_gold_is_refused(judged, "an old pointer that was put back (counter 0)")


@pytest.mark.parametrize("number", [LAST_NUMBER, LAST_NUMBER - 1, 2**62, -5, "7", None, 1.5])
@pytest.mark.parametrize("name", ["last_version", "version"])
def test_a_forged_number_does_not_stop_training(
    judged: ModelStore, make_candidate: MakeCandidate, number: object, name: str
) -> None:
    put(judged, {**stored(judged), name: number})
    later = END + timedelta(days=1)
    (saved,) = judged.save([make_candidate(seed=1, trained_at=later)], Moment(later))
    assert isinstance(saved, Saved)
    assert (saved.created, saved.promoted) == (True, True)
    assert 1 < saved.version < 5
    gold, _ = judged.champions(BOTH)
    assert isinstance(gold, Champion)


@pytest.mark.parametrize("number", [2, 3, LAST_NUMBER, "3"])
def test_forged_versions_are_passed_over(judged: ModelStore, make_candidate: MakeCandidate, number: object) -> None:
    """Numbers go on behind the newest sound version, around what lies in the way."""
    document = judged.backend.models.find_one({"entity": "GOLD"}) or {}
    put(judged, {**document, "_id": f"{GOLD}/v{number}", "version": number}, "models")
    later = END + timedelta(days=1)
    outcomes = judged.save(
        [make_candidate(seed=n, trained_at=later, metrics=METRICS) for n in (1, 2)]
        + [make_candidate("SILVER", seed=1, trained_at=later)],
        Moment(later),
    )
    assert all(isinstance(outcome, Saved) and outcome.created for outcome in outcomes)
    assert all(isinstance(found, Champion) for found in judged.champions(BOTH))
    assert judged.champion_version(GOLD) < 5
    assert [key for key, _ in judged.prune(keep=0)].count(SILVER) == 1


def test_pointers_in_the_place_of_another_are_replaced(judged: ModelStore, make_candidate: MakeCandidate) -> None:
    document = stored(judged)
    for spoiled in ({**document, "entity": "WTI"}, {**document, "_id": "elsewhere"}):
        judged.backend.champions.delete_many({"_id": document["_id"]})
        put(judged, spoiled)
        later = END + timedelta(days=1)
        candidates = [make_candidate(seed=1, trained_at=later), make_candidate("SILVER", seed=1, trained_at=later)]
        assert all(isinstance(outcome, Saved) for outcome in judged.save(candidates, Moment(later)))
        assert all(isinstance(found, Champion) for found in judged.champions(BOTH))


@pytest.mark.parametrize(
    "spoil",
    [
        {"verdict": {}},
        {"verdict": {"p_value": 0.1}},
        {"verdict": 5},
        {"moves": "none"},
        {"moves": [{"version": 7}]},
        {"signature": []},
        {"signature": {"algorithm": "HMAC-SHA256", "key": "\ud7ff", "value": 1}},
        {"model": ["a", "b"]},
        {"revised": {"reason": {"$ref": 5}}, "version": 9},
        {"trained_at": DatetimeMS(2**60)},
        {"format": 3},
        {"format": True},
        {"version": {"$ref": 5, "$id": 1}},
    ],
    ids=str,
)
def test_a_pointer_that_is_none_stops_no_other(judged: ModelStore, spoil: dict[str, Any]) -> None:
    put(judged, {**stored(judged), **spoil})
    if spoil.keys() == {"moves"}:  # they are read by those who ask for them only
        assert history(judged, GOLD)[0].promoted == ()
        assert [checked.id for checked in verify_models(judged) if checked.problem] == [str(GOLD)]
        return
    only_gold_is_refused(judged)


def test_text_that_is_no_text_stops_no_other(judged: ModelStore) -> None:
    raw = bson.encode({**stored(judged), "degraded": "MARK"}).replace(b"MARK", b"\xff\xfe\xff\xfe")
    judged.backend.champions.delete_one({"entity": "GOLD"})
    judged.backend.raw("champions").insert_one(RawBSONDocument(raw), bypass_document_validation=True)
    only_gold_is_refused(judged, "bytes that are no document")


def test_a_time_without_a_date_stops_no_note_on_the_others(judged: ModelStore) -> None:
    """The validator refuses the note, and the server's answer quotes the document."""
    put(judged, {**stored(judged), "version": DatetimeMS(2**60)})
    assert judged.mark_revised("GOLD", "corrected", END) == 0
    assert judged.mark_revised("SILVER", "corrected", END) == 1


@pytest.mark.parametrize("name", ["entity", "target", "use_case"])
@pytest.mark.parametrize("collection", ["champions", "models", "decisions"])
def test_a_document_without_a_key_stops_no_command(judged: ModelStore, collection: str, name: str) -> None:
    document = judged.backend.database[collection].find_one({"entity": "GOLD"}) or {}
    put(judged, {**document, "_id": "stray", name: 5}, collection)
    assert len(list(judged.champions(BOTH))) == 2
    assert len(list_models(judged)) == 2
    assert len(last_decisions(judged)) == 2
    list(verify_models(judged))
    judged.prune(keep=0)


@pytest.mark.parametrize("spoil", [{"action": 5}, {"reason": None}, {"interval_end": "today"}, {"extra": 1}], ids=str)
def test_a_decision_that_is_none_is_left_out(judged: ModelStore, spoil: dict[str, Any]) -> None:
    document = judged.backend.decisions.find_one({"entity": "GOLD"}) or {}
    put(judged, {**document, **spoil}, "decisions")
    assert [made.entity for made in last_decisions(judged)] == ["SILVER"]


def test_rollback_replaces_a_pointer_that_is_refused(judged: ModelStore) -> None:
    put(judged, {**stored(judged), "version": 5})
    assert judged.rollback(GOLD, 1, at=END, reason="repaired") is None
    gold, _ = judged.champions(BOTH)
    assert isinstance(gold, Champion)


def test_a_verdict_of_an_earlier_release_is_signed_with_its_pointer_by_the_next(judged: ModelStore) -> None:
    signer, document = judged.backend.signer, stored(judged)
    verdict = {"has_skill": True, "p_value": 0.01, "decided_for": END}
    signed = {"key": str(GOLD), "version": 1, "has_skill": True, "p_value": 0.01, "adjusted_p_value": None}
    verdict["signature"] = signer.sign("verdict", {**signed, "decided_for": END})
    old = {name: document[name] for name in ("_id", "use_case", "entity", "target", "version", "model", "trained_at")}
    head = {"key": str(GOLD), **{name: old[name] for name in ("version", "model", "trained_at")}}
    put(judged, {**old, "verdict": verdict, "moves": document["moves"], "signature": signer.sign("champion", head)})
    fresh = ModelStore(type(judged.backend)(judged.backend.database, signer, Counters()), "brain_source", "direction")
    champion = fresh.champion(GOLD)
    assert isinstance(champion, Champion)
    assert champion.has_skill
    assert fresh.record_verdicts([Verdict(GOLD, 1, False, 0.5, END)]) == 1
    assert (stored(fresh)["format"], stored(fresh)["verdict"].keys()) == (2, {"has_skill", "p_value", "decided_for"})
    assert history(fresh, GOLD)[0].promoted == (END,)


def test_deleting_a_model_leaves_nothing_of_it_and_its_numbers_go_on(
    judged: ModelStore, make_candidate: MakeCandidate
) -> None:
    judged.save([Skipped(GOLD, Decision("skip", "?"))], MOMENT)
    put(judged, {**stored(judged), "verdict": 5})
    assert judged.delete(GOLD) == 1
    assert not judged.has_champion(GOLD)
    assert (
        [line.entity for line in list_models(judged)] == [made.entity for made in last_decisions(judged)] == ["SILVER"]
    )
    (saved,) = judged.save([make_candidate(metrics=METRICS)], MOMENT)
    assert isinstance(saved, Saved)
    assert saved.version > 1
    assert isinstance(judged.champion(GOLD), Champion)


def test_one_version_is_deleted_unless_it_is_served(judged: ModelStore, make_candidate: MakeCandidate) -> None:
    later = END + timedelta(days=1)
    judged.save([make_candidate(seed=1, trained_at=later)], Moment(later))
    with pytest.raises(StoreError, match="the version that is served"):
        judged.delete(GOLD, 2)
    assert judged.delete(GOLD, 1) == 1
    assert judged.delete(GOLD, 1) == 0
    assert judged.champion_version(GOLD) == 2


def test_counters_are_seen_under_the_name_of_the_model(judged: ModelStore) -> None:
    assert judged.backend.counters.last(counted(GOLD)) == stored(judged)["counter"] == 2
    other = Signer([SecretStr("another signing key")])
    with pytest.raises(ArtifactRejected):
        verify_pointer(stored(judged), GOLD, other)


def test_moves_are_read_only_where_they_are_asked_for(judged: ModelStore) -> None:
    assert read_present(judged.backend, [GOLD], moves=False)[GOLD].moves == ()
    assert [move["version"] for move in read_present(judged.backend, [GOLD])[GOLD].moves] == [1]


def test_a_document_with_an_odd_name_among_the_pointers_keeps_nobody_from_reading_them(judged: ModelStore) -> None:
    odd = {**stored(judged), "_id": {"odd": 1}, "target": "RETURNS10"}
    judged.backend.database["champions"].insert_one(odd, bypass_document_validation=True)
    found = read_present(judged.backend, [GOLD, model_key("SILVER", 10)])
    assert found[GOLD].pointer is not None
    assert found[model_key("SILVER", 10)].pointer is None
