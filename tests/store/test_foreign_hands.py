"""Somebody changes the collections themselves: every command says which one and what is wrong, and the rest goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brain.core.errors import StoreError
from brain.store.champions import Refused
from brain.store.connection import explained
from brain.store.models import ModelStore
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key
from tests.store.conftest import MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate

    MakeCandidate = Callable[..., Candidate]


@pytest.mark.parametrize("name", ["models", "champions", "decisions"])
@pytest.mark.parametrize(
    ("options", "kind"), [({"viewOn": "others", "pipeline": []}, "view"), ({"capped": True, "size": 2**20}, "capped")]
)
def test_what_stands_in_the_place_of_a_collection_is_named(
    settings: Settings, store: ModelStore, name: str, options: dict[str, Any], kind: str
) -> None:
    database = store.backend.database
    database[name].rename(f"{name}_before")
    database.create_collection(name, **options)
    with pytest.raises(StoreError, match=rf"\.{name}: found a {kind}.*; expected an ordinary collection"):
        ModelStore.open(settings, "direction")
    database.drop_collection(name)
    database[f"{name}_before"].rename(name)
    ModelStore.open(settings, "direction")


def test_a_view_that_appears_behind_an_open_store_is_named(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.backend.champions.drop()
    store.backend.database.create_collection("champions", viewOn="others", pipeline=[])
    with pytest.raises(StoreError, match=r"error 166: .*\.champions is a view"):
        store.save([make_candidate()], MOMENT)


def test_any_other_refusal_of_the_server_names_its_code(store: ModelStore) -> None:
    with pytest.raises(StoreError, match=r"MongoDB: found error 59: no such command"), explained():
        store.backend.database.command("noSuchCommand")


def test_a_foreign_unique_index_is_named_and_costs_only_the_models_it_refuses(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    store.backend.models.create_index([("entity", 1), ("seed", 1)], unique=True, name="mine")
    first, *others = store.add([make_candidate("GOLD", 5), make_candidate("GOLD", 25), make_candidate("WTI", 5)])
    assert isinstance(first, Saved)
    assert [(one.key, isinstance(one, Refused)) for one in others] == [
        (model_key("GOLD", 25), True),
        (model_key("WTI", 5), False),
    ]
    assert isinstance(others[0], Refused)
    assert "a unique index of (entity, seed), which is not Brain's" in str(others[0].error)
    assert "index: mine" in str(others[0].error)


@pytest.mark.parametrize("damage", ["x", [], {"a": 1}, 2**63 - 1])
def test_a_note_that_was_damaged_does_not_keep_a_model_from_being_tidied(
    store: ModelStore, make_candidate: MakeCandidate, damage: object
) -> None:
    store.add([make_candidate(seed=seed) for seed in range(4)])
    store.backend.champions.update_many({}, {"$set": {"prunings": damage}})
    assert [version for _, version in store.prune(keep=1)] == [2, 1]


def test_a_champion_that_cannot_be_written_keeps_its_versions_and_stops_no_other(
    store: ModelStore, make_candidate: MakeCandidate, caplog: pytest.LogCaptureFixture
) -> None:
    for asset in ("GOLD", "WTI"):
        store.add([make_candidate(asset, seed=seed) for seed in range(3)])
    validator = {"$or": [{"entity": {"$ne": "GOLD"}}, {"prunings": {"$exists": False}}]}
    store.backend.database.command("collMod", "champions", validator=validator)
    assert store.prune(keep=1) == [(model_key("WTI", 25), 1)]
    assert "not tidied: direction/GOLD/RETURNS25, whose champion MongoDB refuses to write" in caplog.text
