"""The champions of a past moment: what was served then, never what was trained since."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from brain.core.errors import ArtifactRejected, ModelNotFound
from brain.core.moment import Moment
from brain.store.champions import MOVES_KEPT, Champion, Refused
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)


def june(day: int) -> datetime:
    return datetime(2024, 6, day, 6, tzinfo=UTC)


@pytest.fixture
def trained(store: ModelStore, make_candidate: MakeCandidate) -> ModelStore:
    """v1 of 1 June, v2 of 8 June, v3 of 15 June; back to v1 on 20 June."""
    for number, day in enumerate((1, 8, 15)):
        store.add([make_candidate(seed=number, trained_at=june(day))])
    store.rollback(GOLD, 1, at=june(20), reason="v3 was trained on a bad day")
    return store


def then(store: ModelStore, day: int) -> list[int]:
    found = store.champions(["GOLD"], then=Moment(june(day)))
    return [one.model.version for one in found if isinstance(one, Champion)]


def test_each_moment_has_its_own_champion(trained: ModelStore) -> None:
    served = {day: then(trained, day) for day in (1, 5, 8, 14, 15, 19, 20, 30)}
    assert served == {1: [1], 5: [1], 8: [2], 14: [2], 15: [3], 19: [3], 20: [1], 30: [1]}


def test_before_the_first_model_there_was_none(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate(trained_at=june(8))])
    assert list(store.champions(["GOLD"], then=Moment(june(7)))) == []


def test_a_verdict_counts_only_on_its_version_and_from_its_moment_on(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    store.add([make_candidate(metrics={"p_value": 0.01}, trained_at=june(1))])
    store.record_verdicts([Verdict(GOLD, 1, True, 0.01, june(8))])
    told = {}
    for day in (5, 8):
        (champion,) = store.champions(["GOLD"], then=Moment(june(day)))
        assert isinstance(champion, Champion)
        told[day] = champion.has_skill
    assert told == {5: False, 8: True}


@pytest.mark.parametrize("version", [1, 3])
def test_moves_that_were_altered_are_refused(trained: ModelStore, version: int) -> None:
    trained.backend.champions.update_one({}, {"$set": {"moves.1.version": version}})
    (refused,) = trained.champions(["GOLD"], then=Moment(june(9)))
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, ArtifactRejected)


def test_a_pointer_that_cannot_be_decoded_stops_no_other(trained: ModelStore, make_candidate: MakeCandidate) -> None:
    trained.add([make_candidate("SILVER", trained_at=june(1))])
    trained.backend.champions.update_one({"entity": "GOLD"}, {"$unset": {"moves": ""}})
    gold, silver = trained.champions(["GOLD", "SILVER"], then=Moment(june(5)))
    assert isinstance(gold, Refused)
    assert isinstance(silver, Champion)


def test_moves_that_cannot_be_read_refuse_their_own_key_only(
    trained: ModelStore, make_candidate: MakeCandidate
) -> None:
    trained.add([make_candidate("SILVER", trained_at=june(1))])
    trained.backend.champions.update_one({"entity": "GOLD"}, {"$set": {"moves": [{"version": "x"}]}})
    gold, silver = trained.champions(["GOLD", "SILVER"], then=Moment(june(5)))
    assert isinstance(gold, Refused)
    assert isinstance(silver, Champion)


def test_a_moment_before_the_remembered_moves_says_so(trained: ModelStore) -> None:
    for number in range(MOVES_KEPT):
        trained.rollback(GOLD, 1 + number % 2, at=june(21), reason="?")
    (refused,) = trained.champions(["GOLD"], then=Moment(june(5)))
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, ModelNotFound)
    assert f"only its last {MOVES_KEPT} moves, the first of 2024-06-21" in str(refused.error)


def test_a_champion_that_was_pruned_says_so(trained: ModelStore) -> None:
    trained.backend.models.delete_one({"version": 2})
    (refused,) = trained.champions(["GOLD"], then=Moment(june(9)))
    assert isinstance(refused, Refused)
    assert "v2: found no such version any more" in str(refused.error)
