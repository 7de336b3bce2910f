"""Rolling back and pruning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from brain.core.errors import ArtifactRejected, ModelNotFound
from brain.store.browse import history
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)
NOW = datetime(2024, 2, 1, tzinfo=UTC)


@pytest.fixture
def versions(store: ModelStore, make_candidate: MakeCandidate) -> list[int]:
    """Six versions a day apart; the last is the champion."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    store.add(make_candidate(seed=n, trained_at=start + timedelta(days=n)) for n in range(6))
    return numbers(store)


def numbers(store: ModelStore) -> list[int]:
    return [past.version for past in history(store, GOLD)]


def test_rollback_serves_the_older_version_and_is_remembered(store: ModelStore, versions: list[int]) -> None:
    assert store.rollback(GOLD, 2, at=NOW, reason="v6 was trained on a bad day") == 6
    assert store.load(GOLD).version == 2
    past = {entry.version: entry for entry in history(store, GOLD)}
    assert past[2].is_champion
    assert past[2].promoted[-1] == NOW


def test_rollback_to_a_missing_version_leaves_the_champion(store: ModelStore, versions: list[int]) -> None:
    with pytest.raises(ModelNotFound, match="v9"):
        store.rollback(GOLD, 9, at=NOW, reason="?")
    assert store.champion_version(GOLD) == 6


def test_rollback_to_an_altered_version_is_refused(store: ModelStore, versions: list[int]) -> None:
    store.backend.models.update_one({"version": 2}, {"$set": {"metrics.skill": 0.9}})
    with pytest.raises(ArtifactRejected):
        store.rollback(GOLD, 2, at=NOW, reason="?")
    assert store.champion_version(GOLD) == 6


def test_pruning_keeps_the_newest_besides_the_champion(store: ModelStore, versions: list[int]) -> None:
    removed = store.prune(keep=2)
    assert [version for _, version in removed] == [3, 2, 1]
    assert numbers(store) == [6, 5, 4]


def test_pruning_spares_a_champion_however_old(store: ModelStore, versions: list[int]) -> None:
    store.rollback(GOLD, 1, at=NOW, reason="?")
    store.prune(keep=0)
    assert 1 in numbers(store)


def test_pruning_spares_what_was_published(store: ModelStore, versions: list[int]) -> None:
    store.prune(keep=0, referenced={(GOLD, 3)})
    assert numbers(store) == [6, 3]


def test_version_numbers_are_not_used_twice(
    store: ModelStore, versions: list[int], make_candidate: MakeCandidate
) -> None:
    store.rollback(GOLD, 1, at=NOW, reason="?")
    store.backend.models.delete_many({"version": {"$gt": 1}})
    store.add([make_candidate(seed=9, trained_at=NOW)])
    assert numbers(store) == [7, 1]
