"""Versions that wait for a person's approval: one small signed document a model key.

Such a version is stored like any other, but the pointer has not moved: the champion goes on being served. The document
names the champion before which it waits and the hash of that pointer's moves, so that any move since makes it void: a
newer version that was promoted, a rollback, a repair. A person's no is kept there, so that a rerun asks nobody again.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from pymongo import DeleteMany, InsertOne, ReplaceOne

from brain.core.errors import ArtifactRejected
from brain.core.keys import ModelKey
from brain.store import document
from brain.store.champions import read_present, scope_of
from brain.store.pointers import LAST_NUMBER, Strict, parsed, refused
from brain.store.reading import decoded, keyed, sound
from brain.store.schema import MODELS, WAITING
from brain.store.signing import verify
from brain.store.stored_model import model_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pymongo.client_session import ClientSession

    from brain.core.signing import Signer
    from brain.store.backend import Backend
    from brain.store.champions import Move
    from brain.store.pointers import Pointer

Document = dict[str, Any]

_LOG = logging.getLogger(__name__)

PURPOSE = "waiting version, format 1"
SIGNED = (
    "_id",
    "use_case",
    "entity",
    "target",
    "format",
    "version",
    "model",
    "identity",
    "trained_at",
    "champion",
    "moves_sha256",
    "reason",
    "degraded",
    "rejected_at",
)


class Waiting(Strict):
    """A version that waits, or was rejected.

    Args:
        identity: Of the version's content: a number can be given out again after its version was deleted.
        champion: The version that is served until somebody approves.
        moves_sha256: Of the champion's pointer.
        reason: Why a person is asked.
        degraded: Why the model is to be searched anew next time; empty if it is not.
        rejected_at: When a person said no; None while it waits.
    """

    id: str = Field(alias="_id")
    use_case: str
    entity: str
    target: str
    format: Literal[1] = 1
    version: int = Field(ge=1, lt=LAST_NUMBER)
    model: str
    identity: str = Field(min_length=1)
    trained_at: datetime
    champion: int = Field(ge=1, lt=LAST_NUMBER)
    moves_sha256: str
    reason: str
    degraded: str
    rejected_at: datetime | None = None

    @property
    def key(self) -> ModelKey:
        return ModelKey(self.use_case, self.entity, self.target)

    def stands_before(self, pointer: Pointer | None) -> bool:
        """Whether the champion has not moved since."""
        return pointer is not None and (pointer.version, pointer.moves_sha256) == (self.champion, self.moves_sha256)


def waiting_before(pointer: Pointer, move: Move, reason: str) -> Waiting:
    """What is to be written where a move waits before the champion of a verified pointer."""
    key, version = move.key, move.version
    return Waiting(
        _id=str(key),
        use_case=key.use_case,
        entity=key.entity,
        target=key.target,
        version=version,
        model=model_id(key, version),
        identity=move.identity,
        trained_at=move.trained_at,
        champion=pointer.version,
        moves_sha256=pointer.moves_sha256,
        reason=reason,
        degraded=move.degraded,
    )


def verify_waiting(content: Document, key: ModelKey, signer: Signer) -> Waiting:
    """The document, if it is, unaltered, one that was written for `key`.

    Raises:
        ArtifactRejected: What is wrong.
    """
    subject = f"the waiting version of {key}"
    signed = {name: content.get(name) for name in SIGNED}
    verify(signer, PURPOSE, signed, content.get("signature"), subject)
    found = parsed(Waiting, signed, subject)
    if (found.id, found.key, found.model) != (str(key), key, model_id(key, found.version)):
        raise refused(subject, f"the document of {found.id}", str(key), "It was not used. Train the model again.")
    return found


def read_waiting(
    backend: Backend, scope: Mapping[str, Any], session: ClientSession | None = None
) -> dict[ModelKey, Waiting]:
    """The sound documents; one that fails verification is left out, with a warning in the log.

    Whether each still stands before its champion is for the caller to see.

    Args:
        scope: Which ones, as a filter.
    """
    found = {}
    for raw in backend.raw(WAITING).find(scope, session=session):
        key, content = keyed(raw, "waiting version")
        if key is None:
            _LOG.warning("passed over: the waiting version %r, which names no model", raw["_id"])
            continue
        try:
            found[key] = verify_waiting(sound(content), key, backend.signer)
        except ArtifactRejected as error:
            _LOG.warning("passed over: %s", error)
    return found


def require_same(content: Mapping[str, Any], waiting: Waiting) -> None:
    """Refuse a version's verified document whose content is not that which waits, only its number.

    Raises:
        ArtifactRejected: It is another.
    """
    if content.get("identity") != waiting.identity:
        raise document.rejected(
            waiting.model,
            "another version stored under the number of the one that waits",
            "the version that a person is asked about",
            "The champion stays. Train the model again.",
        )


def write_waiting(backend: Backend, documents: Iterable[Waiting], session: ClientSession | None = None) -> None:
    """Put each in the place of what its key has, whatever that is."""
    operations: list[DeleteMany | InsertOne[Document]] = []
    for one in documents:
        operations += [DeleteMany({"_id": one.id}), InsertOne(_signed(one, backend))]
    if operations:
        backend.waiting.bulk_write(operations, session=session)


def replace_waiting(
    backend: Backend, documents: Iterable[tuple[Waiting, Waiting]], session: ClientSession | None = None
) -> int:
    """Put the second of each pair in the place of the first, where that is still what stands there.

    Returns:
        How many stood there still; what somebody wrote meanwhile stays.
    """
    operations = [ReplaceOne(before.model_dump(by_alias=True), _signed(after, backend)) for before, after in documents]
    return backend.waiting.bulk_write(operations, session=session).matched_count if operations else 0


def _signed(one: Waiting, backend: Backend) -> Document:
    content = one.model_dump(by_alias=True)
    signature = backend.signer.sign(PURPOSE, {name: content[name] for name in SIGNED})
    return {**{name: value for name, value in content.items() if value is not None}, "signature": signature}


def forget_waiting(backend: Backend, key: ModelKey, version: int | None, session: ClientSession | None = None) -> None:
    """Delete what a key has, or only what says that `version` waits."""
    chosen = {"use_case": key.use_case, "entity": key.entity, "target": key.target}
    backend.waiting.delete_many(chosen if version is None else {**chosen, "version": version}, session=session)


def forget_void(backend: Backend, scope: Mapping[str, Any]) -> None:
    """Delete the sound documents before whose champion nothing waits any more."""
    found = read_waiting(backend, scope)
    for key, pointer in pointers_of(backend, found).items():
        if not found[key].stands_before(pointer):
            forget_waiting(backend, key, found[key].version)


def pointers_of(
    backend: Backend, keys: Collection[ModelKey], session: ClientSession | None = None
) -> dict[ModelKey, Pointer | None]:
    """The verified pointers of some keys; None for one that is missing, refused or an old one that was put back."""
    present = read_present(backend, keys, session, moves=False) if keys else {}
    return {key: None if stands.is_older else stands.pointer for key, stands in present.items()}


def versions_waiting(
    backend: Backend, pointers: Mapping[ModelKey, Pointer]
) -> Iterator[tuple[ModelKey, Waiting, Document]]:
    """What stands before some champions, each with the version's document, verified; the artifact is not read.

    A version that is gone or fails verification is left out, with a warning in the log.
    """
    found = read_waiting(backend, scope_of(pointers)) if pointers else {}
    asked = {one.model: one for key, one in found.items() if one.stands_before(pointers.get(key))}
    if not asked:
        return
    for raw in backend.raw(MODELS).find({**scope_of(pointers), "_id": {"$in": sorted(asked)}}, {"payload": 0}):
        waiting = asked[raw["_id"]]
        try:
            content = decoded(raw, waiting.model)
            document.verify(content, waiting.key, waiting.version, backend.signer, record=True)
            require_same(content, waiting)
        except ArtifactRejected as error:
            _LOG.warning("passed over: %s", error)
        else:
            yield waiting.key, waiting, content


def standing(
    backend: Backend, keys: Collection[ModelKey], session: ClientSession | None = None
) -> dict[ModelKey, Waiting]:
    """What some keys have that still stands before its champion."""
    found = read_waiting(backend, scope_of(keys), session) if keys else {}
    asked = {key: one for key, one in found.items() if key in keys}
    pointers = pointers_of(backend, asked, session)
    return {key: one for key, one in asked.items() if one.stands_before(pointers[key])}
