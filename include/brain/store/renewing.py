"""Signing anew what an older key has signed, so that the older key is of no more use."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from pymongo import UpdateOne

from brain.core.errors import ArtifactRejected
from brain.store import document
from brain.store.champions import read_present, remember, renewed_write, write
from brain.store.connection import explained
from brain.store.pointers import LAST_NUMBER
from brain.store.reading import decoded, key_in
from brain.store.schema import CHAMPIONS, MODELS
from brain.store.stored_model import model_id
from brain.store.waiting import read_waiting, replace_waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bson.raw_bson import RawBSONDocument

    from brain.core.keys import ModelKey
    from brain.store.models import ModelStore

ItemT = TypeVar("ItemT")

_LOG = logging.getLogger(__name__)
BATCH = 500


@dataclass(frozen=True)
class Renewed:
    """How many are signed by the newest key now, and how many no key vouches for: those stay as they are."""

    signed: int
    refused: int


def renew_versions(store: ModelStore) -> Renewed:
    """Sign every version of the use case that verifies with the newest key; nothing else of it is changed."""
    signed = refused = 0
    with explained():
        for raws in _batches(store.backend.raw(MODELS).find(store.scope(None), {"payload": 0})):
            updates = []
            for raw in raws:
                try:
                    updates += _update_of(store, raw)
                    signed += 1
                except ArtifactRejected as error:
                    _LOG.warning("not signed anew: %s", error)
                    refused += 1
            if updates:
                store.backend.models.bulk_write(updates, ordered=False)
    return Renewed(signed, refused)


def _batches(found: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    rest = iter(found)
    return iter(lambda: list(islice(rest, BATCH)), [])


def _update_of(store: ModelStore, raw: RawBSONDocument) -> list[UpdateOne]:
    key, number, signer = key_in(raw), raw.get("version"), store.backend.signer
    if key is None or not isinstance(number, int) or not 0 < number < LAST_NUMBER:
        raise document.rejected(f"the document {raw['_id']!r}", "no model key or number", "a version of a model")
    content = decoded(raw, model_id(key, number))
    document.verify(content, key, number, signer, record=True)
    if signer.is_newest(content["signature"]):
        return []
    chosen = {"_id": content["_id"], "use_case": key.use_case, "entity": key.entity, "signature": content["signature"]}
    anew = signer.sign(document.PURPOSE, document.signed_part(content))
    return [UpdateOne(chosen, {"$set": {"signature": anew}})]


def renew_waiting(store: ModelStore) -> Renewed:
    """Sign what says of the use case which versions wait for approval, where it verifies, with the newest key.

    What somebody answers meanwhile stays answered, and counts for neither.
    """
    with explained():
        sound = read_waiting(store.backend, store.scope(None))
        signed = replace_waiting(store.backend, ((one, one) for one in sound.values()))
        refused = store.backend.waiting.count_documents(store.scope(None)) - len(sound)
    return Renewed(signed, refused)


def renew_champions(store: ModelStore) -> Renewed:
    """Sign every champion pointer of the use case that verifies with the newest key."""
    backend = store.backend
    signed = refused = 0
    with explained():
        found = backend.raw(CHAMPIONS).find(store.scope(None), {"_id": 1, "use_case": 1, "entity": 1, "target": 1})
        keys: list[ModelKey] = [key for raw in found if (key := key_in(raw)) is not None]
        for some in _batches(keys):
            present = read_present(backend, some)
            sound = {key: one for key, one in present.items() if one.pointer is not None and not one.is_older}
            writes = [renewed_write(key, one, backend) for key, one in sound.items()]
            signed += write(backend, writes)
            refused += len(present) - len(sound)
            remember(backend, writes)
    return Renewed(signed, refused)
