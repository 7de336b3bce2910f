"""Nothing that was altered is accepted, and nothing is parsed before it was verified."""

from __future__ import annotations

import io
import pickle
import random
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bson
import numpy as np
import pytest
import zstandard
from onnx import TensorProto, helper
from pydantic import SecretStr
from pymongo.errors import WriteError

from brain.core.errors import ArtifactRejected
from brain.core.keys import ModelKey
from brain.portable.evaluate import read_model
from brain.store import artifact
from brain.store.champions import Champion, Refused
from brain.store.document import read, verify
from brain.store.models import ModelStore
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import horizon_of, model_key
from tests.store.conftest import END, FEATURES, logistic_pipeline, training_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)
FLIPS = 100


def only(store: ModelStore) -> Champion | Refused:
    (found,) = store.champions(["GOLD"])
    return found


def test_no_flipped_bit_is_accepted(store: ModelStore, make_candidate: MakeCandidate) -> None:
    """Bits of the whole stored document, as the bytes the server keeps."""
    store.add([make_candidate()])
    stored = store.backend.models.find_one() or {}
    raw, draw = bson.encode(stored), random.Random(0)
    outcomes = [outcome_of(raw, place, stored, store) for place in draw.sample(range(len(raw) * 8), FLIPS)]
    assert outcomes.count("accepted") == 0
    assert outcomes.count("refused") > FLIPS / 2


def outcome_of(raw: bytes, place: int, stored: dict[str, Any], store: ModelStore) -> str:
    damaged = bytearray(raw)
    damaged[place // 8] ^= 1 << place % 8
    try:
        document: dict[str, Any] = bson.decode(bytes(damaged), bson.CodecOptions(tz_aware=True))
        verify(document, GOLD, 1, store.backend.signer, record=True)
        read(document, document.get("payload"), GOLD, 1)
    except bson.errors.InvalidBSON:
        return "not even BSON"
    except ArtifactRejected:
        return "refused"
    # BSON numbers the entries of a list and readers ignore the numbers: such a flip alters nothing.
    return "without effect" if document == stored else "accepted"


@pytest.mark.parametrize(
    ("collection", "change"),
    [
        ("models", {"head.slope": 3.0}),
        ("models", {"schema.0.name": "momentum_6"}),
        ("models", {"metrics.skill": 0.9}),
        ("models", {"hyper_parameters.C": 100.0}),
        ("models", {"artifact.sha256": "0" * 64}),
        ("models", {"payload": b"not what was stored"}),
        ("models", {"signature.value": "0" * 64}),
        ("champions", {"trained_at": END.replace(year=2030)}),
        ("champions", {"verdict.has_skill": True}),
        ("champions", {"verdict.decided_for": END.replace(year=2030)}),
    ],
    ids=str,
)
def test_an_altered_field_is_refused_when_scoring(
    store: ModelStore, make_candidate: MakeCandidate, collection: str, change: dict[str, Any]
) -> None:
    store.add([make_candidate()])
    store.record_verdicts([Verdict(GOLD, 1, False, 0.4, END)])
    assert isinstance(only(store), Champion)
    store.backend.database[collection].update_one({}, {"$set": change})
    found = only(store)
    assert isinstance(found, Refused)
    assert isinstance(found.error, ArtifactRejected)


def test_an_unknown_format_version_is_refused(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    document = {**(store.backend.models.find_one() or {}), "format": 3}
    with pytest.raises(ArtifactRejected, match=r"document format 3; expected format 1 or 2"):
        verify(document, GOLD, 1, store.backend.signer)


@pytest.mark.parametrize("other", [model_key("SILVER", 25), model_key("GOLD", 5)], ids=str)
def test_the_document_of_another_model_is_refused_under_this_key(
    store: ModelStore, make_candidate: MakeCandidate, other: ModelKey
) -> None:
    store.add([make_candidate(), make_candidate(other.entity, horizon_of(other.target), seed=1)])
    stolen = deepcopy(store.backend.models.find_one({"entity": other.entity, "target": other.target})) or {}
    disguised = {**stolen, "_id": f"{GOLD}/v1", "entity": GOLD.entity, "target": GOLD.target}
    store.backend.models.replace_one({"_id": f"{GOLD}/v1"}, disguised)
    assert isinstance(only_of(store, GOLD), Refused)


def test_the_document_of_another_version_is_refused(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate(), make_candidate(seed=1)])
    old = deepcopy(store.backend.models.find_one({"version": 1})) or {}
    store.backend.models.replace_one({"version": 2}, {**old, "_id": f"{GOLD}/v2", "version": 2})
    assert isinstance(only(store), Refused)


def test_a_verdict_of_another_cell_is_refused(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate(), make_candidate("SILVER")])
    silver = model_key("SILVER", 25)
    store.record_verdicts([Verdict(silver, 1, True, 0.0, END), Verdict(GOLD, 1, False, 0.9, END)])
    favourable = (store.backend.champions.find_one({"entity": "SILVER"}) or {})["verdict"]
    store.backend.champions.update_one({"entity": "GOLD"}, {"$set": {"verdict": favourable}})
    assert isinstance(only(store), Refused)


def only_of(store: ModelStore, key: ModelKey) -> Champion | Refused:
    (found,) = store.champions([key.entity], [key.target])
    return found


class Trap:
    """Runs code when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


def test_a_pickle_in_place_of_an_artifact_is_refused(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    store.backend.models.update_one({}, {"$set": {"payload": zstandard.compress(pickle.dumps(Trap()))}})
    assert isinstance(only(store), Refused)


def test_even_a_signed_pickle_is_not_a_model() -> None:
    with pytest.raises(ArtifactRejected, match=r"not an ONNX model|no output"):
        read_model(pickle.dumps(Trap()), "GOLD")


def test_keys_can_be_rotated(settings: Settings, store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    new = SecretStr("a new secret of the tests")
    rotated = ModelStore.open(settings.model_copy(update={"signing_keys": (new, *settings.signing_keys)}), "direction")
    rotated.add([make_candidate("SILVER")])
    assert all(isinstance(found, Champion) for found in rotated.champions(["GOLD", "SILVER"]))
    afterwards = ModelStore.open(settings.model_copy(update={"signing_keys": (new,)}), "direction")
    gold, silver = afterwards.champions(["GOLD", "SILVER"])
    assert isinstance(gold, Refused)
    assert "a key that is not known" in str(gold.error)
    assert isinstance(silver, Champion)


@pytest.fixture
def large(store: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch) -> Candidate:
    """A stored model that is too large for a document."""
    monkeypatch.setattr(artifact, "INLINE_LIMIT", 100)
    candidate = make_candidate()
    store.add([candidate])
    assert "payload" not in (store.backend.models.find_one() or {})
    return candidate


def test_a_large_artifact_is_kept_in_gridfs_unnoticed(store: ModelStore, large: Candidate) -> None:
    found = store.load(GOLD).evaluator().outputs(large.check_rows)
    np.testing.assert_allclose(found, large.pipeline.predict_proba(large.check_rows), atol=1e-12)


@pytest.mark.parametrize("part", ["artifacts.chunks", "artifacts.files"])
def test_a_missing_gridfs_part_is_refused(store: ModelStore, large: Candidate, part: str) -> None:
    store.backend.database[part].delete_one({})
    found = only(store)
    assert isinstance(found, Refused)
    assert "GridFS" in str(found.error)


def test_an_interrupted_upload_is_replaced(store: ModelStore, large: Candidate) -> None:
    store.backend.database["artifacts.files"].delete_one({})
    store.add([replace(large, description="again")])
    assert isinstance(only(store), Champion)


def test_pruning_deletes_large_artifacts_that_nothing_names(store: ModelStore, large: Candidate) -> None:
    again = replace(large, description="the same artifact")
    other = replace(large, pipeline=logistic_pipeline().fit(*training_rows(seed=3)))
    store.add([again, other])
    store.prune(keep=1)
    assert store.backend.database["artifacts.files"].count_documents({}) == 2
    store.prune(keep=0)
    assert store.backend.database["artifacts.files"].count_documents({}) == 1


def dangerous(kind: str) -> bytes:
    """A model with one offence."""
    weights = helper.make_tensor("w", TensorProto.DOUBLE, [len(FEATURES), 2], np.ones(8).tobytes(), raw=True)
    domain = "com.example" if kind == "custom operator" else ""
    node = helper.make_node("MatMul", ["x", "w"], ["probabilities"], domain=domain)
    if kind == "external data":
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="/etc/passwd")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, 2])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if kind == "function":
        opset = [helper.make_opsetid("", 18)]
        inner = helper.make_node("Identity", ["a"], ["b"])
        model.functions.append(helper.make_function("ai.onnx.ml", "Sneaky", ["a"], ["b"], [inner], opset))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("kind", ["custom operator", "external data", "function"])
def test_a_model_that_reaches_outside_is_refused(kind: str) -> None:
    with pytest.raises(ArtifactRejected):
        read_model(dangerous(kind), "GOLD")


def test_the_harmless_twin_of_those_is_read() -> None:
    assert read_model(dangerous("nothing"), "GOLD").outputs(np.zeros((1, 4))).tolist() == [[0.0, 0.0]]


def test_a_decompression_bomb_is_refused() -> None:
    bomb, description = artifact.pack(bytes(10_000_000), "x")
    forged = description | {"size": 5}
    with pytest.raises(ArtifactRejected, match="another size"):
        artifact.unpack(bomb, forged, "x")


@pytest.mark.parametrize(
    "damage",
    [
        {"$unset": {"signature": ""}},
        {"$unset": {"schema": ""}},
        {"$set": {"artifact.format": "pickle"}},
        {"$set": {"payload": "text"}},
        {"$unset": {"payload": ""}},
        {"$set": {"version": "two"}},
        {"$set": {"source_connection": {"url": "postgresql://user:password@host/db"}}},
    ],
    ids=str,
)
def test_another_client_cannot_write_a_malformed_model(
    store: ModelStore, make_candidate: MakeCandidate, damage: dict[str, Any]
) -> None:
    store.add([make_candidate()])
    with pytest.raises(WriteError, match="Document failed validation"):
        store.backend.models.update_one({}, damage)


def test_no_password_is_in_any_document(settings: Settings, store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    stored = io.StringIO()
    for name in store.backend.database.list_collection_names():
        print(list(store.backend.database[name].find()), file=stored)
    password = settings.mongo_url.get_secret_value().split("://")[1].split("@")[0].split(":")[1]
    assert password not in stored.getvalue()
    assert settings.signing_keys[0].get_secret_value() not in stored.getvalue()
