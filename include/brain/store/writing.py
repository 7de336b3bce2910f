"""Storing candidates: export, number, sign, write; in batches, so that memory stays bounded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from brain.core.errors import StorageUnavailable, StoreError
from brain.core.keys import ModelKey
from brain.portable.export import export
from brain.store import large_artifacts
from brain.store.backend import key_of
from brain.store.champions import Move, Refused, move_operation
from brain.store.document import draft, finish
from brain.store.schema import KEY
from brain.store.stored_model import model_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pymongo.client_session import ClientSession

    from brain.learning.candidate import Candidate
    from brain.store.backend import Backend

BATCH_MODELS = 64
BATCH_BYTES = 24 * 2**20
ATTEMPTS = 5
DUPLICATE_KEY, VALIDATION_FAILED = 11000, 121

Document = dict[str, Any]


@dataclass(frozen=True)
class Saved:
    """A stored version.

    Args:
        id: The document's `_id`.
        created: False if an equal version was there already.
        promoted: Whether it is the champion now.
    """

    key: ModelKey
    version: int
    id: str
    created: bool
    promoted: bool


@dataclass(frozen=True)
class _Draft:
    """A document that waits to be numbered and written."""

    place: int
    key: ModelKey
    body: Document
    payload: bytes
    degraded: str


class _Conflict(Exception):
    """Another process wrote the same keys in between; nothing of ours is visible, so try again."""


class _Malformed(Exception):
    """The validator refused a document; nothing of the batch is visible."""


class Writer:
    """One call of `ModelStore.add`.

    Args:
        connection: Where the rows came from.
    """

    def __init__(self, backend: Backend, connection: Mapping[str, str]) -> None:
        self._backend, self._connection = backend, connection
        self._outcomes: list[Saved | Refused] = []
        self._drafts: list[_Draft] = []
        self._waiting: set[ModelKey] = set()
        self._waiting_bytes = 0

    def write(self, candidates: Iterable[Candidate]) -> list[Saved | Refused]:
        """Export and write candidates; one outcome a candidate, in order."""
        for candidate in candidates:
            try:
                _refuse_other_rows(candidate)
                exported = export(candidate.pipeline, candidate.check_rows, str(candidate.key))
                body, payload = draft(candidate, exported, self._connection)
            except StoreError as error:
                self._outcomes.append(Refused(candidate.key, error))
            else:
                self.add(body, payload, candidate.degraded)
        return self.finish()

    def add(self, body: Document, payload: bytes, degraded: str = "") -> None:
        """Take one more drafted document; full batches are written on the way."""
        key = key_of(body)
        is_full = len(self._drafts) == BATCH_MODELS or self._waiting_bytes + len(payload) > BATCH_BYTES
        if is_full or key in self._waiting:
            self._flush()
        self._waiting.add(key)
        self._waiting_bytes += len(payload)
        self._drafts.append(_Draft(len(self._outcomes), key, body, payload, degraded))
        self._outcomes.append(Refused(key, _unwritten(key)))

    def finish(self) -> list[Saved | Refused]:
        """Write what is left; one outcome a candidate, in order."""
        self._flush()
        return self._outcomes

    def _flush(self) -> None:
        drafts, self._drafts, self._waiting, self._waiting_bytes = self._drafts, [], set(), 0
        # Large payloads first, then versions, then pointers: a crash leaves nothing half visible.
        for waiting in drafts:
            if waiting.body["artifact"]["storage"] == "gridfs":
                large_artifacts.keep(self._backend, waiting.payload, waiting.body["artifact"]["sha256"])
        self._write_batch(drafts)

    def _write_batch(self, drafts: list[_Draft]) -> None:
        """Write all at once, or, if the validator refuses one of them, one by one."""
        if not drafts:
            return
        try:
            saved: list[Saved | Refused] = list(self._attempt(drafts))
        except _Malformed as error:
            if len(drafts) > 1:
                for waiting in drafts:
                    self._write_batch([waiting])
                return
            saved = [Refused(drafts[0].key, _malformed(drafts[0].key, error))]
        for waiting, outcome in zip(drafts, saved, strict=True):
            self._outcomes[waiting.place] = outcome

    def _attempt(self, drafts: list[_Draft]) -> list[Saved]:
        for number in range(ATTEMPTS):
            try:
                return self._backend.atomically(partial(self._write, drafts, trusting=number == 0))
            except _Conflict:
                continue
        raise _busy(drafts)

    def _write(self, drafts: list[_Draft], session: ClientSession | None, *, trusting: bool) -> list[Saved]:
        scope = _scope([waiting.key for waiting in drafts])
        pointers = self._pointers(scope, session)
        newest = _newest_by(pointers, drafts) if trusting else None
        if newest is None:
            newest = self._newest(scope, session)
        documents, moves, saved = [], [], []
        for waiting in drafts:
            key, pointer = waiting.key, pointers.get(waiting.key)
            last = newest.get(key, {"version": 0, "identity": ""})
            created = last["identity"] != waiting.body["identity"]
            version = max(last["version"], (pointer or {}).get("last_version", 0)) + 1 if created else last["version"]
            if created:
                document = finish(waiting.body, version, self._backend.signer)
                documents.append(_with_payload(document, waiting.payload))
            move = self._move(waiting, version, pointer)
            if move is not None:
                moves.append(move_operation(move, pointer, self._backend.signer))
            is_champion = move is not None or (pointer or {}).get("version") == version
            saved.append(Saved(key, version, model_id(key, version), created, is_champion))
        self._execute(documents, moves, session)
        return saved

    def _move(self, waiting: _Draft, version: int, pointer: Document | None) -> Move | None:
        body = waiting.body
        if pointer and (pointer["version"] == version or pointer["trained_at"] > body["trained_at"]):
            return None
        trained_at, reason = body["trained_at"], body["decision"]["reason"]
        return Move(waiting.key, version, trained_at, trained_at, reason, body["identity"], waiting.degraded)

    def _execute(self, documents: list[Document], moves: list[Any], session: ClientSession | None) -> None:
        try:
            if documents:
                self._backend.models.insert_many(documents, session=session)
            if moves:
                result = self._backend.champions.bulk_write(moves, session=session)
                if result.inserted_count + result.matched_count != len(moves):
                    raise _Conflict
        except (BulkWriteError, DuplicateKeyError, WriteError) as error:
            codes = {entry.get("code") for entry in (error.details or {}).get("writeErrors", [])}
            if DUPLICATE_KEY in codes | {error.code}:
                raise _Conflict from None
            if VALIDATION_FAILED in codes | {error.code}:
                raise _Malformed(str(error)) from None
            raise

    def _newest(self, scope: Document, session: ClientSession | None) -> dict[ModelKey, Document]:
        stages: list[Document] = [
            {"$match": scope},
            {"$sort": {"use_case": 1, "entity": 1, "target": 1, "version": 1}},
            {"$project": {"use_case": 1, "entity": 1, "target": 1, "version": 1, "identity": 1}},
            {
                "$group": {
                    "_id": {"use_case": "$use_case", "entity": "$entity", "target": "$target"},
                    "version": {"$last": "$version"},
                    "identity": {"$last": "$identity"},
                }
            },
        ]
        with self._backend.models.aggregate(stages, session=session) as found:
            return {key_of(entry["_id"]): entry for entry in found}

    def _pointers(self, scope: Document, session: ClientSession | None) -> dict[ModelKey, Document]:
        fields = dict.fromkeys((*KEY, "version", "last_version", "last_identity", "trained_at"), 1)
        return {key_of(found): found for found in self._backend.champions.find(scope, fields, session=session)}


def _refuse_other_rows(candidate: Candidate) -> None:
    """The check rows must have the shape that the document says the model takes."""
    steps = () if candidate.steps is None else (candidate.steps,)
    expected, found = (*steps, len(candidate.features)), candidate.check_rows.shape[1:]
    if found != expected:
        raise StoreError(
            str(candidate.key),
            found=f"check rows of shape {found}",
            expected=f"{expected}: {'steps and ' if steps else ''}features",
            remedy="The model was not stored. Give the rows it was trained on.",
        )


def _newest_by(pointers: dict[ModelKey, Document], drafts: list[_Draft]) -> dict[ModelKey, Document] | None:
    """The newest versions as the pointers remember them; None where that does not settle what to write.

    It saves reading the versions. If the newest was never promoted, its number is given out again: the index refuses
    it, and the next attempt reads the versions.
    """
    newest = {}
    for waiting in drafts:
        if (pointer := pointers.get(waiting.key)) is None:
            continue
        if pointer.get("last_identity") in (None, waiting.body["identity"]):
            return None
        newest[waiting.key] = {"version": pointer["last_version"], "identity": pointer["last_identity"]}
    return newest


def _scope(keys: list[ModelKey]) -> Document:
    """A superset of `keys` that the index serves."""
    return {
        "use_case": {"$in": sorted({key.use_case for key in keys})},
        "entity": {"$in": sorted({key.entity for key in keys})},
        "target": {"$in": sorted({key.target for key in keys})},
    }


def _with_payload(document: Document, payload: bytes) -> Document:
    return document if document["artifact"]["storage"] == "gridfs" else {**document, "payload": payload}


def _unwritten(key: ModelKey) -> StoreError:
    return StoreError(
        str(key), found="an unfinished batch", expected="its documents written", remedy="Save the candidate again."
    )


def _busy(drafts: list[_Draft]) -> StorageUnavailable:
    return StorageUnavailable(
        ", ".join(sorted({str(waiting.key) for waiting in drafts})[:5]),
        found="another process that keeps writing the same models",
        expected="one trainer a key at a time",
        remedy="Run the task again when the other has finished.",
    )


def _malformed(key: ModelKey, error: _Malformed) -> StoreError:
    return StoreError(
        str(key),
        found=f"a document the collection's validator refuses ({str(error)[:300]})",
        expected="what brain.store.schema describes",
        remedy="Correct the candidate's metadata; the present champion stays.",
    )
