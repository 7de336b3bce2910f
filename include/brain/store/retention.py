"""Moving back to an older version, and deleting versions that nothing needs any more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from brain.core.errors import ModelNotFound, StorageUnavailable
from brain.core.keys import ModelKey
from brain.store import large_artifacts
from brain.store.backend import key_of
from brain.store.champions import Move, move_operation
from brain.store.schema import KEY
from brain.store.stored_model import model_id

if TYPE_CHECKING:
    from datetime import datetime

    from pymongo.client_session import ClientSession

    from brain.store.backend import Backend

Document = dict[str, Any]
FIELDS = {
    **dict.fromkeys(KEY, 1),
    "version": 1,
    "trained_at": 1,
    "artifact.storage": 1,
    "artifact.sha256": 1,
}


def rollback(backend: Backend, key: ModelKey, version: int, *, at: datetime, reason: str) -> int:
    """Point the champion at `version`; returns the version it pointed at.

    Without transactions, pruning could delete the version just before the pointer moves: then the pointer moves back.
    """
    before = backend.atomically(lambda session: _point(backend, key, version, at, reason, session))
    if not backend.has_transactions and not _version(backend, key, version, None):
        _point(backend, key, before, at, f"v{version} was deleted meanwhile", None)
        raise _gone(key, version)
    return before


def _version(backend: Backend, key: ModelKey, version: int, session: ClientSession | None) -> Document | None:
    return backend.models.find_one({**_key_filter(key), "version": version}, FIELDS, session=session)


def _point(
    backend: Backend, key: ModelKey, version: int, at: datetime, reason: str, session: ClientSession | None
) -> int:
    found = _version(backend, key, version, session)
    pointer = backend.champions.find_one(_key_filter(key), {"version": 1}, session=session)
    if found is None or pointer is None:
        raise _gone(key, version)
    operation = move_operation(Move(key, version, found["trained_at"], at, reason), pointer, backend.signer)
    if not backend.champions.bulk_write([operation], session=session).matched_count:
        raise _moved(key)
    return int(pointer["version"])


def prune(
    backend: Backend, keep: int, referenced: frozenset[tuple[ModelKey, int]], scope: Document
) -> list[tuple[ModelKey, int]]:
    """Delete what `ModelStore.prune` describes, a model key at a time.

    Args:
        scope: Which champions, as a filter.
    """
    removed: list[tuple[ModelKey, int]] = []
    order = [(name, 1) for name in KEY]
    for pointer in backend.champions.find(scope, dict.fromkeys(KEY, 1)).sort(order):
        key = key_of(pointer)
        gone = backend.atomically(partial(_prune_key, backend, key, keep, referenced))
        removed += [(key, found["version"]) for found in gone]
        _discard_payloads(backend, gone)
    return removed


def _prune_key(
    backend: Backend,
    key: ModelKey,
    keep: int,
    referenced: frozenset[tuple[ModelKey, int]],
    session: ClientSession | None,
) -> list[Document]:
    chosen = _key_filter(key)
    # Writing to the pointer makes a move that happens at the same time conflict with this transaction.
    pointer = backend.champions.find_one_and_update(chosen, {"$inc": {"prunings": 1}}, session=session)
    if pointer is None:
        return []
    found = list(backend.models.find(chosen, FIELDS, session=session).sort("version", -1))
    others = [version for version in found if version["version"] != pointer["version"]][keep:]
    gone = [
        version
        for version in others
        if (key, version["version"]) not in referenced
        # A version newer than the champion may be about to be promoted by the run that is storing it.
        and version["version"] < pointer["version"]
    ]
    if gone:
        backend.models.delete_many({**chosen, "version": {"$in": [v["version"] for v in gone]}}, session=session)
    return gone


def delete(backend: Backend, key: ModelKey, version: int | None) -> int:
    """Delete one version, or the model altogether: its versions, its pointer and what was decided for it.

    Returns:
        How many versions are gone.
    """
    chosen = _key_filter(key)
    if version is None:
        gone = list(backend.models.find(chosen, FIELDS))
        backend.champions.delete_many(chosen)
        backend.decisions.delete_many(chosen)
    else:
        chosen |= {"version": version}
        gone = list(backend.models.find(chosen, FIELDS))
    deleted = backend.models.delete_many(chosen).deleted_count
    _discard_payloads(backend, gone)
    return deleted


def _discard_payloads(backend: Backend, gone: list[Document]) -> None:
    """Versions of equal content share a large payload: it is deleted when no document names it any more."""
    for sha256 in {version["artifact"]["sha256"] for version in gone if version["artifact"]["storage"] == "gridfs"}:
        if backend.models.find_one({"artifact.sha256": sha256}, {"_id": 1}) is None:
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
