"""Moving back to an older version, and deleting versions that nothing needs, or nobody wants, any more."""

from __future__ import annotations

import logging
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from pymongo.errors import WriteError

from brain.core.errors import ArtifactRejected, ModelNotFound, StorageUnavailable, StoreError
from brain.core.keys import ModelKey
from brain.store import large_artifacts
from brain.store.champions import Move, move_write, numbered_write, read_present, remember, write
from brain.store.document import SIGNED_BY_ANY, verify
from brain.store.pointers import SIGNED, verify_pointer
from brain.store.reading import decoded, key_in
from brain.store.schema import CHAMPIONS, KEY, MODELS
from brain.store.stored_model import model_id
from brain.store.versions import Newest, newest_sound
from brain.store.waiting import forget_void, forget_waiting

if TYPE_CHECKING:
    from datetime import datetime

    from pymongo.client_session import ClientSession

    from brain.store.backend import Backend
    from brain.store.champions import Write
    from brain.store.stored_model import StoredModel

Document = dict[str, Any]

_LOG = logging.getLogger(__name__)


def rollback(backend: Backend, model: StoredModel, *, at: datetime, reason: str) -> int | None:
    """Point the champion at a verified version; returns the version it pointed at, None if that pointer was not sound.

    Without transactions, pruning could delete the version just before the pointer moves: then the pointer moves back.
    """
    key, version = model.key, model.version
    move = Move(key, version, model.trained_at, at, reason)
    before, moved = backend.atomically(lambda session: _point(backend, move, session))
    remember(backend, [moved])
    if not backend.has_transactions and not _is_there(backend, key, version, None):
        if before is not None:
            back = Move(key, before, model.trained_at, at, f"v{version} was deleted meanwhile")
            remember(backend, [_point(backend, back, None, missing=True)[1]])
        raise _gone(key, version)
    return before


def _is_there(backend: Backend, key: ModelKey, version: int, session: ClientSession | None) -> bool:
    chosen = {**_key_filter(key), "version": version}
    return backend.raw(MODELS).find_one(chosen, {"_id": 1}, session=session) is not None


def _point(
    backend: Backend, move: Move, session: ClientSession | None, *, missing: bool = False
) -> tuple[int | None, Write]:
    key = move.key
    stands = read_present(backend, [key], session)[key]
    is_there = missing or _is_there(backend, key, move.version, session)
    if not is_there or (stands.pointer is None and not stands.unsound):
        raise _gone(key, move.version)
    newest = newest_sound(backend, [key], session).get(key, Newest()).version
    moved = move_write(Move(**{**vars(move), "newest": newest}), stands, backend)
    if write(backend, [moved], session) != 1:
        raise _moved(key)
    return stands.pointer.version if stands.pointer else None, moved


def prune(
    backend: Backend, keep: int, referenced: frozenset[tuple[ModelKey, int]], scope: Document
) -> list[tuple[ModelKey, int]]:
    """Delete what `ModelStore.prune` describes, a model key at a time; a key whose pointer is refused keeps all.

    Args:
        scope: Which champions, as a filter.
    """
    removed: list[tuple[ModelKey, int]] = []
    order = [(name, 1) for name in KEY]
    for found in backend.raw(CHAMPIONS).find(scope, dict.fromkeys(KEY, 1)).sort(order):
        key = key_in(found)
        if key is None:
            _LOG.warning("not tidied: the champion %r, which names no model", found["_id"])
            continue
        try:
            gone = backend.atomically(partial(_prune_key, backend, key, keep, referenced))
        except ArtifactRejected as error:
            _LOG.warning("not tidied: %s", error)
            continue
        except WriteError as error:
            _LOG.warning("not tidied: %s, whose champion MongoDB refuses to write: %s", key, error)
            continue
        removed += [(key, version["version"]) for version in gone]
        _discard_payloads(backend, gone)
    forget_void(backend, scope)
    return removed


def _prune_key(
    backend: Backend,
    key: ModelKey,
    keep: int,
    referenced: frozenset[tuple[ModelKey, int]],
    session: ClientSession | None,
) -> list[Document]:
    chosen = _key_filter(key)
    raw = backend.raw(CHAMPIONS).find_one(chosen, dict.fromkeys((*SIGNED, "signature"), 1), session=session)
    if raw is None:
        return []
    pointer = verify_pointer(decoded(raw, f"the champion of {key}"), key, backend.signer, backend.counters)
    # Writing to the pointer makes a move that happens at the same time conflict with this transaction. The value is
    # drawn, not counted up: somebody may have put there what is no number.
    note = {"$set": {"prunings": secrets.randbits(31)}}
    same = {**chosen, "_id": pointer.id, "counter": pointer.counter or None}
    if not backend.champions.update_one(same, note, session=session).matched_count:
        return []  # it has just moved: another time
    found = _sound_versions(backend, key, session)
    others = [version for version in found if version["version"] != pointer.version][keep:]
    gone = [
        version
        for version in others
        if (key, version["version"]) not in referenced
        # A version newer than the champion may be about to be promoted by the run that is storing it.
        and version["version"] < pointer.version
    ]
    if gone:
        backend.models.delete_many({**chosen, "version": {"$in": [v["version"] for v in gone]}}, session=session)
    return gone


def _sound_versions(backend: Backend, key: ModelKey, session: ClientSession | None = None) -> list[Document]:
    """The signed parts of the versions that pass verification, newest first; the others count for nothing."""
    fields = dict.fromkeys((*SIGNED_BY_ANY, "signature"), 1)
    sound = []
    for raw in backend.raw(MODELS).find(_key_filter(key), fields, session=session).sort("version", -1):
        number = raw.get("version")
        if not isinstance(number, int):
            _LOG.warning("passed over: %r, whose version is no number", raw["_id"])
            continue
        try:
            document = decoded(raw, model_id(key, number))
            verify(document, key, number, backend.signer)
        except ArtifactRejected as error:
            _LOG.warning("passed over: %s", error)
        else:
            sound.append(document)
    return sound


def delete(backend: Backend, key: ModelKey, version: int | None) -> int:
    """Delete one version, or the model altogether: its versions, sound or not, its pointer and what was decided for it.

    Returns:
        How many versions are gone.
    """
    chosen = _key_filter(key)
    if version is None:
        gone = _sound_versions(backend, key)
        backend.champions.delete_many({"$or": [chosen, {"_id": str(key)}]})
        backend.decisions.delete_many(chosen)
        forget_waiting(backend, key, None)
        deleted = backend.models.delete_many(chosen).deleted_count
        _discard_payloads(backend, gone)
        return deleted
    present = read_present(backend, [key], moves=False)[key]
    pointer = present.pointer
    if pointer is not None and pointer.version == version:
        raise StoreError(
            model_id(key, version),
            found="the version that is served",
            expected="a version that is not the champion",
            remedy="Point the champion at another version first (`brain models rollback`), or delete the whole model.",
        )
    forget_waiting(backend, key, version)
    gone = [found for found in _sound_versions(backend, key) if found["version"] == version]
    # One that waited was never promoted, so no pointer knows its number; an open question may still name it.
    numbered = numbered_write(key, version, present, backend) if gone else None
    if numbered is not None and write(backend, [numbered]):
        remember(backend, [numbered])
    deleted = backend.models.delete_many({**chosen, "version": version}).deleted_count
    _discard_payloads(backend, gone)
    return deleted


def _discard_payloads(backend: Backend, gone: list[Document]) -> None:
    """Versions of equal content share a large payload: it is deleted when no document names it any more."""
    for sha256 in {version["artifact"]["sha256"] for version in gone if version["artifact"]["storage"] == "gridfs"}:
        if backend.raw(MODELS).find_one({"artifact.sha256": sha256}, {"_id": 1}) is None:
            large_artifacts.discard(backend, sha256)


def _key_filter(key: ModelKey) -> Document:
    return {"use_case": key.use_case, "entity": key.entity, "target": key.target}


def _gone(key: ModelKey, version: int) -> ModelNotFound:
    return ModelNotFound(
        model_id(key, version),
        found="no such version, or a key without champion",
        expected="a stored version",
        remedy="`brain models history` shows the versions there are.",
    )


def _moved(key: ModelKey) -> StorageUnavailable:
    return StorageUnavailable(
        str(key),
        found="a champion that another process has just moved",
        expected="one change at a time",
        remedy="Look at `brain models history` and try again.",
    )
