"""Documents in MongoDB: every command over a store in which one document of one model was altered."""

from __future__ import annotations

import copy
import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import bson
import numpy as np
from bson.raw_bson import RawBSONDocument

from benchmarks.fleet.models import END, candidate, fitted, rows
from benchmarks.tampering.mutations import damaged, mutated
from brain.core.errors import BrainError
from brain.core.moment import Moment
from brain.store.browse import diff, history, last_decisions, list_models, show_model, verify_models
from brain.store.champions import Champion
from brain.store.reading import RAW
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from brain.store.models import ModelStore

GOLD, SILVER = model_key("GOLD", 25), model_key("SILVER", 25)
BOTH = ("GOLD", "SILVER")
SHARES = {"champions": 0.5, "models": 0.35, "decisions": 0.15}
TRAINED_EVERY = 10  # altered documents: training writes over one of them

Document = dict[str, Any]
Published = tuple[float, bool | None, int]


def fill(store: ModelStore) -> None:
    """Two models with two versions and a verdict each."""
    for number in range(2):
        at = END + timedelta(days=number)
        made = [_candidate(entity, number, at) for entity in BOTH]
        store.save(made, Moment(at))
        store.record_verdicts(Verdict(key, number + 1, number == 1, 0.01, at) for key in (GOLD, SILVER))
        store.backend.counters.keep()


def _candidate(entity: str, number: int, at: Any) -> Any:
    from dataclasses import replace

    made = candidate(model_key(entity, 25), fitted("logistic", number), number)
    return replace(made, metrics={**made.metrics, "p_value": 0.01}, trained_at=at)


def published(store: ModelStore) -> dict[str, Published]:
    """What would be published of each model that is not refused: value, has_skill, version."""
    found = {}
    matrix = np.nan_to_num(rows(7)[0][-1:])
    for champion in store.champions(BOTH):
        if isinstance(champion, Champion):
            model = champion.model
            value = float(champion.apply(model.evaluator().outputs(model.rows(matrix)))[0])
            found[model.key.entity] = (value, champion.has_skill, model.version)
    return found


def fuzz(store: ModelStore, count: int, seed: int = 0) -> Counter[str]:
    """Alter GOLD's documents `count` times; after each, run every command and compare what would be published."""
    draw, outcomes = random.Random(seed), Counter[str]()
    older = {document["_id"]: document for document in store.backend.champions.find()}
    fill_again(store)
    true = published(store)
    assert set(true) == set(BOTH)
    kept = {name: list(store.backend.database[name].find()) for name in SHARES}
    for number in range(count):
        collection = draw.choices(list(SHARES), list(SHARES.values()))[0]
        targets = [document for document in kept[collection] if document["entity"] == "GOLD"]
        document = draw.choice(targets)
        if _put(store, collection, _altered(document, kept[collection], older, draw), document, draw):
            outcomes[_outcome(store, true, draw, train=number % TRAINED_EVERY == 0)] += 1
        else:
            outcomes["refused by MongoDB"] += 1
        _restore(store, kept)
        if number % TRAINED_EVERY == 0:  # training has raised the counters
            fill_again(store)
            kept = {name: list(store.backend.database[name].find()) for name in SHARES}
            true = published(store)
    return outcomes


def fill_again(store: ModelStore) -> None:
    """Judge again: the pointers' counters go on."""
    versions = {key: store.champion_version(key) for key in (GOLD, SILVER)}
    store.record_verdicts(Verdict(key, version, True, 0.01, END) for key, version in versions.items())
    store.backend.counters.keep()


def _altered(document: Document, others: list[Document], older: dict[Any, Document], draw: random.Random) -> Document:
    kind = draw.choice(("mutate", "mutate", "mutate", "mutate", "another's", "parts of another", "older"))
    if kind == "older" and document["_id"] in older:
        return older[document["_id"]]
    other = draw.choice([found for found in others if found is not document])
    key = {name: document[name] for name in ("_id", "use_case", "entity", "target")}
    if kind == "another's":
        return {**other, **(key if draw.random() < 0.5 else {"_id": document["_id"]})}
    if kind == "parts of another":
        taken = {name: value for name, value in other.items() if draw.random() < 0.3}
        return {**document, **taken, "_id": document["_id"]}
    return mutated(document, draw)


def _put(store: ModelStore, collection: str, altered: Document, document: Document, draw: random.Random) -> bool:
    """Write the altered document as an owner of the database could, now and then with bytes that are no text."""
    database = store.backend.database
    try:
        raw = bson.encode(altered)
        if draw.random() < 0.2:
            raw = damaged(raw, draw)
            bson.decode(raw, bson.CodecOptions(unicode_decode_error_handler="replace", tz_aware=True))
        database[collection].delete_one({"_id": document["_id"]})
        written = RawBSONDocument(raw, RAW)
        store.backend.raw(collection).insert_one(written, bypass_document_validation=True)
    except Exception:  # the driver or the server refuses it: nobody can store it
        return False
    return True


def _outcome(store: ModelStore, true: dict[str, Published], draw: random.Random, *, train: bool) -> str:
    try:
        now = published(store)
        _every_command(store)
        if train:
            _train(store, draw)
    except Exception as error:
        return f"uncaught {type(error).__name__}: {error}"
    if now.get("SILVER") != true["SILVER"]:
        return "spread to another model"
    if "GOLD" not in now:
        return "refused"
    return "no effect on what is published" if now["GOLD"] == true["GOLD"] else "altered number"


def _every_command(store: ModelStore) -> None:
    """As the steps and `brain models` call them; those about one model may refuse it."""
    summaries, claims = store.champion_summaries(BOTH), store.claims(BOTH)
    assert SILVER in summaries
    assert SILVER in {claim.key for claim in claims}
    list_models(store)
    last_decisions(store)
    list(verify_models(store))
    store.prune(keep=5)
    store.mark_revised("GOLD", "corrected", END)
    for key in (GOLD, SILVER):
        history(store, key)
        store.has_champion(key)
        with suppress(BrainError):
            show_model(store, key)
            diff(store, key, 1, 2)
        with suppress(BrainError):
            store.verdict(key, 1)


def _train(store: ModelStore, draw: random.Random) -> None:
    """A new version of both, over whatever stands there: both are served afterwards."""
    at = END + timedelta(days=draw.randrange(3, 10_000))
    saved = store.save([_candidate(entity, draw.randrange(2), at) for entity in BOTH], Moment(at))
    assert set(published(store)) == set(BOTH), saved


def _restore(store: ModelStore, kept: dict[str, list[Document]]) -> None:
    for name, documents in kept.items():
        store.backend.database[name].delete_many({})
        store.backend.database[name].insert_many(copy.deepcopy(documents), bypass_document_validation=True)
