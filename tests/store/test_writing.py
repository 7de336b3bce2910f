"""Many candidates in one call: batches, and what one that cannot be stored costs the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from brain.core.errors import StorageUnavailable, StoreError
from brain.store import writing
from brain.store.champions import Refused, write
from brain.store.pointers import counted
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key
from tests.store.conftest import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]

ASSETS = ("GOLD", "SILVER", "WTI", "XOM", "SP500")


def told(outcomes: list[Saved | Refused]) -> list[tuple[str, bool]]:
    """Whether each was saved and is served."""
    return [(outcome.key.entity, isinstance(outcome, Saved) and outcome.promoted) for outcome in outcomes]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents each insert carried."""
    insert, sizes = pymongo.collection.Collection.insert_many, list[int]()

    def counted(collection: Any, documents: Any, **options: Any) -> Any:
        sizes.append(len(documents))
        return insert(collection, documents, **options)

    monkeypatch.setattr(pymongo.collection.Collection, "insert_many", counted)
    return sizes


def test_a_candidate_that_cannot_be_exported_stops_no_other(
    store: ModelStore, make_candidate: MakeCandidate, batches: list[int]
) -> None:
    wrong = make_candidate("SILVER", features=FEATURES[:3])
    outcomes = store.add([make_candidate("GOLD"), wrong, make_candidate("WTI")])
    assert told(outcomes) == [("GOLD", True), ("SILVER", False), ("WTI", True)]
    assert isinstance(outcomes[1], Refused)
    assert "check rows" in str(outcomes[1].error)
    assert batches == [2]


def test_a_sequence_model_is_checked_on_rows_of_its_steps(store: ModelStore, make_candidate: MakeCandidate) -> None:
    (refused,) = store.add([make_candidate(steps=6)])
    assert isinstance(refused, Refused)
    assert f"expected (6, {len(FEATURES)}): steps and features" in str(refused.error)


def test_a_document_that_the_collection_refuses_stops_no_other_of_its_batch(
    store: ModelStore, make_candidate: MakeCandidate, batches: list[int]
) -> None:
    wrong = make_candidate("SILVER", description=7)
    outcomes = store.add([make_candidate("GOLD"), wrong, make_candidate("WTI")])
    assert told(outcomes) == [("GOLD", True), ("SILVER", False), ("WTI", True)]
    assert isinstance(outcomes[1], Refused)
    assert isinstance(outcomes[1].error, StoreError)
    assert "a document that the collection refuses" in str(outcomes[1].error)
    assert batches == [3, 1, 1, 1]
    assert [store.has_champion(model_key(asset, 25)) for asset in ("GOLD", "SILVER", "WTI")] == [True, False, True]


def test_a_batch_is_written_when_it_is_full(
    store: ModelStore, make_candidate: MakeCandidate, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BATCH_MODELS", 2)
    assert told(store.add(map(make_candidate, ASSETS))) == [(asset, True) for asset in ASSETS]
    assert batches == [2, 2, 1]


def test_a_batch_is_written_before_it_holds_too_many_bytes(
    store: ModelStore, make_candidate: MakeCandidate, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    add = writing.Writer.add

    def measured(writer: writing.Writer, body: Any, payload: bytes, *reasons: str) -> None:
        sizes.append(len(payload))
        monkeypatch.setattr(writing, "BATCH_BYTES", 2 * sizes[0])  # of models that are all the same
        add(writer, body, payload, *reasons)

    monkeypatch.setattr(writing.Writer, "add", measured)
    assert len(store.add(map(make_candidate, ASSETS))) == 5
    assert len(set(sizes)) == 1
    assert batches == [2, 2, 1]


def test_two_candidates_of_one_key_are_two_batches_and_two_versions(
    store: ModelStore, make_candidate: MakeCandidate, batches: list[int]
) -> None:
    outcomes = store.add([make_candidate("WTI"), make_candidate(), make_candidate(seed=1), make_candidate("XOM")])
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Saved)] == [1, 1, 2, 1]
    assert batches == [2, 2]


def test_versions_are_not_read_where_the_pointer_knows_the_newest(
    store: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add([make_candidate()])
    store.backend.counters.keep()
    assert store.backend.counters.last(counted(model_key("GOLD", 25))) == 1
    monkeypatch.setattr(writing, "newest_sound", None)
    assert [one.version for one in store.add([make_candidate(seed=1)]) if isinstance(one, Saved)] == [2]
    store.backend.counters.keep()
    assert store.backend.counters.last(counted(model_key("GOLD", 25))) == 2


def overtaken(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Another process moves the pointers first, the first so many times."""
    real, attempts = write, list[int]()

    def overtaking(backend: Any, moves: Any, session: Any) -> int:
        attempts.append(len(moves))
        return -1 if len(attempts) <= times else real(backend, moves, session)

    monkeypatch.setattr(writing, "write", overtaking)
    return attempts


def test_the_fifth_attempt_may_still_be_the_one(
    store: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = overtaken(monkeypatch, 4)
    assert told(store.add([make_candidate()])) == [("GOLD", True)]
    assert attempts == [1] * 5


def test_who_is_always_overtaken_says_so_and_is_tried_by_itself(
    store: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = overtaken(monkeypatch, 100)
    outcomes = store.add([make_candidate(), make_candidate("WTI")])
    assert told(outcomes) == [("GOLD", False), ("WTI", False)]
    for outcome in outcomes:
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.error, StorageUnavailable)
        assert f"{outcome.key}: found another process that keeps writing" in str(outcome.error)
    assert attempts == [2] * 5 + [1] * 5 + [1] * 5
