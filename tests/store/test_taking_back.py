"""A store that knows the future serves again what it served before, and takes new champions again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from brain.core.errors import ArtifactRejected
from brain.core.moment import Moment
from brain.store.browse import history, last_decisions
from brain.store.champions import Refused
from brain.store.taking_back import (
    Later,
    forget_decisions,
    later_decisions,
    later_models,
    take_back,
)
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
NOW = Moment(MONDAY + timedelta(days=3))
FUTURE = datetime(2037, 1, 1, tzinfo=UTC)


def trained(store: ModelStore, make_candidate: MakeCandidate, *moments: datetime) -> None:
    for seed, moment in enumerate(moments):
        (saved,) = store.add([make_candidate(seed=seed, trained_at=moment)])
        assert not isinstance(saved, Refused)


def repair(store: ModelStore) -> list[Later]:
    found = later_models(store, NOW)
    for later in found:
        take_back(store, later, NOW)
    return found


def numbers(store: ModelStore) -> list[int]:
    return [past.version for past in history(store, GOLD)]


def test_the_champion_before_is_served_again_and_the_later_versions_go(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    trained(store, make_candidate, MONDAY, MONDAY + timedelta(days=1), FUTURE, FUTURE + timedelta(days=1))
    assert repair(store) == [Later(GOLD, (4, 3), 4, 2)]
    assert numbers(store) == [2, 1]
    assert store.load(GOLD).version == 2
    champion = store.champion(GOLD)
    assert not isinstance(champion, Refused)


def test_a_champion_of_the_future_keeps_new_ones_out_until_the_repair(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    trained(store, make_candidate, MONDAY, FUTURE)
    fresh = make_candidate(seed=7, trained_at=NOW.at)
    (kept_out,) = store.add([fresh])
    assert not getattr(kept_out, "promoted", True)
    repair(store)
    (saved,) = store.add([make_candidate(seed=8, trained_at=NOW.at + timedelta(days=1))])
    assert getattr(saved, "promoted", False)
    assert store.champion_version(GOLD) == 4  # no number is used twice
    assert store.load(GOLD).trained_at == NOW.at + timedelta(days=1)


def test_the_same_future_may_come_again(store: ModelStore, make_candidate: MakeCandidate) -> None:
    trained(store, make_candidate, MONDAY, FUTURE)
    repair(store)
    trained(store, make_candidate, MONDAY, FUTURE)
    assert store.load(GOLD).trained_at == FUTURE


def test_a_persons_rollback_before_it_is_what_comes_back(store: ModelStore, make_candidate: MakeCandidate) -> None:
    trained(store, make_candidate, MONDAY, MONDAY + timedelta(days=1))
    store.rollback(GOLD, 1, at=MONDAY + timedelta(days=2), reason="v2 was trained on a bad day")
    trained(store, make_candidate, FUTURE)
    repair(store)
    assert store.champion_version(GOLD) == 1


def test_where_the_only_version_is_of_the_future_the_model_goes(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    trained(store, make_candidate, FUTURE)
    assert repair(store) == [Later(GOLD, (1,), 1, None)]
    assert not store.has_champion(GOLD)
    assert later_models(store, NOW) == []
    trained(store, make_candidate, MONDAY)
    assert store.load(GOLD).trained_at == MONDAY


def test_twice_is_as_once(store: ModelStore, make_candidate: MakeCandidate) -> None:
    trained(store, make_candidate, MONDAY, FUTURE)
    repair(store)
    before = history(store, GOLD)
    assert repair(store) == []
    assert history(store, GOLD) == before


def test_a_verdict_of_the_future_is_taken_back(store: ModelStore, make_candidate: MakeCandidate) -> None:
    trained(store, make_candidate, MONDAY)
    store.record_verdicts([Verdict(GOLD, 1, True, 0.01, FUTURE)])
    assert repair(store) == [Later(GOLD, (), 1, 1)]
    assert store.verdict(GOLD, 1) is None
    store.record_verdicts([Verdict(GOLD, 1, True, 0.01, NOW.at)])
    assert repair(store) == []


def test_decisions_for_the_future_are_forgotten(store: ModelStore, make_candidate: MakeCandidate) -> None:
    for moment in (NOW, Moment(FUTURE)):
        store.save([make_candidate(trained_at=moment.at)], moment)
    assert later_decisions(store, NOW) == 1
    forget_decisions(store, NOW)
    assert later_decisions(store, NOW) == 0
    assert [made.moment for made in last_decisions(store)] == [NOW.at]


def test_other_models_and_other_use_cases_are_left_alone(store: ModelStore, make_candidate: MakeCandidate) -> None:
    trained(store, make_candidate, MONDAY, NOW.at)
    assert later_models(store, NOW) == []


def test_an_altered_version_before_it_is_refused_and_nothing_is_deleted(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    trained(store, make_candidate, MONDAY, FUTURE)
    store.backend.models.update_one({"version": 1}, {"$set": {"metrics.skill": 0.9}})
    with pytest.raises(ArtifactRejected):
        repair(store)
    assert store.champion_version(GOLD) == 2


@pytest.mark.parametrize("moves", [None, "x", [{"version": 1}]])
def test_moves_that_were_altered_choose_no_version_and_stop_no_other_model(
    store: ModelStore, make_candidate: MakeCandidate, moves: object
) -> None:
    """MongoDB's user could otherwise choose which version the repair signs as the champion."""
    trained(store, make_candidate, MONDAY, MONDAY + timedelta(days=1), FUTURE)
    store.add([make_candidate("SILVER", seed=number, trained_at=at) for number, at in enumerate((MONDAY, FUTURE))])
    change = {"$unset": {"moves": ""}} if moves is None else {"$set": {"moves": moves}}
    store.backend.database.command("collMod", "champions", validator={})
    store.backend.champions.update_one({"entity": "GOLD"}, change)
    silver = model_key("SILVER", 25)
    assert repair(store) == [Later(GOLD, (3,), 3, 2), Later(silver, (2,), 2, 1)]
