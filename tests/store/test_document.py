"""The document of a version: what it says, and for which key and version it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from brain.core.errors import ArtifactRejected
from brain.core.keys import ModelKey
from brain.core.signing import Signer
from brain.learning.candidate import Decision
from brain.portable.export import export
from brain.store import document as documents
from brain.store.document import SIGNED, before_verdict, draft, finish, read, record_of, verify
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.learning.candidate import Candidate
    from brain.store.stored_model import Document

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)
SIGNER = Signer([SecretStr("a shared secret of the tests")])


def drafted(candidate: Candidate) -> tuple[Document, bytes]:
    exported = export(candidate.pipeline, candidate.check_rows, str(candidate.key))
    return draft(candidate, exported, {"reference": "brain_source"})


def written(body: Document, version: int = 1) -> Document:
    return finish(body, version, SIGNER)


@pytest.fixture
def document(make_candidate: MakeCandidate) -> Document:
    return written(drafted(make_candidate())[0])


def test_a_document_is_taken_for_its_own_key_and_version(document: Document) -> None:
    verify(document, GOLD, 1, SIGNER, record=True)


@pytest.mark.parametrize(
    ("key", "version"),
    [
        (model_key("SILVER", 25), 1),
        (model_key("GOLD", 5), 1),
        (ModelKey("forecasts", "GOLD", "RETURNS25"), 1),
        (GOLD, 2),
    ],
    ids=str,
)
def test_a_signed_document_is_refused_under_every_other_key_and_version(
    document: Document, key: ModelKey, version: int
) -> None:
    """Whoever may write the collection can put a true document in another's place."""
    with pytest.raises(ArtifactRejected, match=r"the document of direction/GOLD/RETURNS25/v1"):
        verify(document, key, version, SIGNER)


@pytest.mark.parametrize("name", ["use_case", "entity", "target", "version", "_id"])
def test_every_part_of_the_key_is_compared(make_candidate: MakeCandidate, name: str) -> None:
    """Each by itself: here the writer of a document itself was wrong about one of them."""
    body = written(drafted(make_candidate())[0])
    body[name] = 7 if name == "version" else "another"
    body["signature"] = SIGNER.sign("model", {field: body.get(field) for field in SIGNED})
    with pytest.raises(ArtifactRejected, match="the one of this key and version"):
        verify(body, GOLD, 1, SIGNER)


@pytest.mark.parametrize("number", [None, "2", 3, 0, 2.0, [2]])
def test_a_format_that_is_not_known_is_refused_before_its_signature_is_looked_at(
    document: Document, number: Any
) -> None:
    with pytest.raises(ArtifactRejected, match="document format"):
        verify({**document, "format": number}, GOLD, 1, SIGNER)


def test_the_record_is_verified_where_it_was_read_and_only_there(document: Document) -> None:
    altered = {**document, "description": "altered"}
    verify(altered, GOLD, 1, SIGNER)
    for value in ("altered", object()):  # MongoDB holds nothing of the other's type
        with pytest.raises(ArtifactRejected, match="metrics or provenance"):
            verify({**document, "description": value}, GOLD, 1, SIGNER, record=True)
    unsigned = {**document, "signature": None}
    with pytest.raises(ArtifactRejected, match="no signature"):
        verify(unsigned, GOLD, 1, SIGNER)


def test_the_record_is_all_that_is_neither_signed_itself_nor_payload_nor_signature(document: Document) -> None:
    record = record_of({**document, "payload": b""})
    assert record.keys() == document.keys() - {*SIGNED, "signature"}
    assert {"seed", "proofs", "window", "libraries", "identity"} <= record.keys()


def test_a_model_is_the_same_whichever_libraries_made_it_and_whatever_was_decided(
    make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drafted(make_candidate())[0]["identity"]
    monkeypatch.setattr(documents, "library_versions", lambda: {"numpy": "0"})
    again = drafted(make_candidate(decision=Decision("refresh", "a new row")))[0]["identity"]
    assert first == again
    assert drafted(make_candidate(description="another"))[0]["identity"] != first


def test_the_opsets_of_a_model_are_named(document: Document) -> None:
    assert document["artifact"]["opsets"]["ai.onnx"] >= 17
    assert "" not in document["artifact"]["opsets"]


def test_what_is_read_has_no_payload_and_a_known_preparation(make_candidate: MakeCandidate) -> None:
    body, payload = drafted(make_candidate())
    document = {**written(body), "payload": payload}
    assert "payload" not in read(document, payload, GOLD, 1).document
    assert document["payload"] is payload
    with pytest.raises(ArtifactRejected, match="the preparation 'secret'"):
        read({**document, "preparation": "secret"}, payload, GOLD, 1)


def test_before_a_verdict_a_model_whose_skill_was_tested_claims_none_and_one_from_elsewhere_is_never_judged(
    make_candidate: MakeCandidate,
) -> None:
    tested = written(drafted(make_candidate(metrics={"skill": 0.02, "p_value": 0.01}))[0])
    brought = written(drafted(make_candidate(metrics={"skill": 0.02}))[0])
    assert (before_verdict(tested), before_verdict(brought)) == (False, None)
