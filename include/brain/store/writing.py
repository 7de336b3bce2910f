"""Storing candidates: export, number, sign, write; in batches, so that memory stays bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pymongo.errors import BulkWriteError, PyMongoError

from brain.core.errors import StorageUnavailable, StoreError
from brain.core.keys import ModelKey
from brain.portable.export import export
from brain.store import large_artifacts
from brain.store.backend import key_of
from brain.store.champions import Move, Present, Refused, move_write, read_present, remember, write
from brain.store.document import draft, finish
from brain.store.schema import UNIQUE_KEYS
from brain.store.stored_model import model_id
from brain.store.versions import Newest, newest_sound
from brain.store.waiting import standing, waiting_before, write_waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pymongo.client_session import ClientSession

    from brain.learning.candidate import Candidate
    from brain.store.backend import Backend
    from brain.store.champions import Write
    from brain.store.waiting import Waiting

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
        waits: Why it waits for a person's approval; empty if it does not.
    """

    key: ModelKey
    version: int
    id: str
    created: bool
    promoted: bool
    waits: str = ""


@dataclass(frozen=True)
class _Draft:
    """A document that is to be numbered and written.

    Args:
        approval: Why a person must approve it before it is served; empty if nobody need.
    """

    place: int
    key: ModelKey
    body: Document
    payload: bytes
    degraded: str
    approval: str = ""


class _Conflict(Exception):
    """Another process wrote the same keys in between; nothing of ours is visible, so try again.

    Args:
        ids: Documents that are in the way.
    """

    def __init__(self, ids: Iterable[Any] = ()) -> None:
        super().__init__()
        self.ids = frozenset(found for found in ids if isinstance(found, str))


class _Malformed(Exception):
    """The validator, or an index that is not ours, refused a document; nothing of the batch is visible."""


class Writer:
    """One call of `ModelStore.add`.

    Args:
        connection: Where the rows came from.
    """

    def __init__(self, backend: Backend, connection: Mapping[str, str]) -> None:
        self._backend, self._connection = backend, connection
        self._outcomes: list[Saved | Refused] = []
        self._drafts: list[_Draft] = []
        self._drafted: set[ModelKey] = set()
        self._drafted_bytes = 0
        self._landed: dict[ModelKey, int] = {}  # versions of this batch that stay though their attempt failed

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
                self.add(body, payload, candidate.degraded, candidate.approval)
        return self.finish()

    def add(self, body: Document, payload: bytes, degraded: str = "", approval: str = "") -> None:
        """Take one more drafted document; full batches are written on the way."""
        key = key_of(body)
        is_full = len(self._drafts) == BATCH_MODELS or self._drafted_bytes + len(payload) > BATCH_BYTES
        if is_full or key in self._drafted:
            self._flush()
        self._drafted.add(key)
        self._drafted_bytes += len(payload)
        self._drafts.append(_Draft(len(self._outcomes), key, body, payload, degraded, approval))
        self._outcomes.append(Refused(key, _unwritten(key)))

    def finish(self) -> list[Saved | Refused]:
        """Write what is left; one outcome a candidate, in order."""
        self._flush()
        return self._outcomes

    def _flush(self) -> None:
        drafts, self._drafts, self._drafted, self._drafted_bytes = self._drafts, [], set(), 0
        self._landed = {}
        # Large payloads first, then versions, then pointers: a crash leaves nothing half visible.
        for drafted in drafts:
            if drafted.body["artifact"]["storage"] == "gridfs":
                large_artifacts.keep(self._backend, drafted.payload, drafted.body["artifact"]["sha256"])
        self._write_batch(drafts)

    def _write_batch(self, drafts: list[_Draft]) -> None:
        """Write all at once, or, if one of them cannot be written, one by one."""
        if not drafts:
            return
        try:
            saved: list[Saved | Refused] = list(self._attempt(drafts))
        except (_Malformed, StorageUnavailable) as error:
            if len(drafts) > 1:
                for drafted in drafts:
                    self._write_batch([drafted])
                return
            key = drafts[0].key
            saved = [Refused(key, _malformed(key, error) if isinstance(error, _Malformed) else error)]
        for drafted, outcome in zip(drafts, saved, strict=True):
            self._outcomes[drafted.place] = outcome

    def _attempt(self, drafts: list[_Draft]) -> list[Saved]:
        taken: frozenset[str] = frozenset()
        for number in range(ATTEMPTS):
            try:
                saved, moves = self._backend.atomically(partial(self._write, drafts, taken=taken, trusting=number == 0))
            except _Conflict as conflict:
                taken |= conflict.ids
                continue
            remember(self._backend, moves)
            return saved
        raise _busy(drafts)

    def _write(
        self, drafts: list[_Draft], session: ClientSession | None, *, taken: frozenset[str], trusting: bool
    ) -> tuple[list[Saved], list[Write]]:
        """What was saved, and how pointers were moved.

        Args:
            taken: Documents that are in the way; numbers go on behind them.
            trusting: The pointers say which version is the newest.
        """
        present = read_present(self._backend, [drafted.key for drafted in drafts], session)
        newest = _newest_by(present, drafts) if trusting else None
        if newest is None:
            newest = newest_sound(self._backend, present.keys(), session)
        documents, moves, saved = [], [], []
        asked: list[Waiting] = []
        for drafted in drafts:
            key, stands = drafted.key, present[drafted.key]
            last, created, version = _numbered(drafted, stands, newest.get(key, Newest()), taken)
            if key in self._landed:
                created, version = True, self._landed[key]
            elif created:
                document = finish(drafted.body, version, self._backend.signer)
                documents.append(_with_payload(document, drafted.payload))
            move = _move(drafted, version, last, stands)
            if move is not None and (question := _question(move, drafted.approval, stands)) is not None:
                asked.append(question)
                move = None
            elif move is not None:
                moves.append(move_write(move, stands, self._backend))
            is_champion = move is not None or (stands.pointer is not None and stands.pointer.version == version)
            saved.append(Saved(key, version, model_id(key, version), created, is_champion))
        self._execute(documents, moves, session)
        waits = self._ask(asked, session)
        return [replace(one, waits=waits.get(one.key, "")) for one in saved], moves

    def _ask(self, asked: list[Waiting], session: ClientSession | None) -> dict[ModelKey, str]:
        """Let versions wait; one of which the same was said before stays as it is, also where a person said no.

        Returns:
            Why, by key, for those that do wait.
        """
        before = standing(self._backend, [one.key for one in asked], session)
        new = [one for one in asked if (there := before.get(one.key)) is None or _takes_over(one, there)]
        write_waiting(self._backend, new, session)
        now = before | {one.key: one for one in new}
        pairs = [(one, now[one.key]) for one in asked]
        return {one.key: it.reason for one, it in pairs if it.identity == one.identity and it.rejected_at is None}

    def _execute(self, documents: list[Document], moves: list[Write], session: ClientSession | None) -> None:
        try:
            if documents:
                self._insert(documents, session)
            if write(self._backend, moves, session) != len(moves):
                raise _Conflict
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            codes = {entry.get("code") for entry in failed}
            if foreign := _foreign_index(failed):
                raise _Malformed(foreign) from None
            if DUPLICATE_KEY in codes:
                raise _Conflict(entry["op"].get("_id") for entry in failed) from None
            if VALIDATION_FAILED in codes:
                raise _Malformed(str(error)) from None
            raise

    def _insert(self, documents: list[Document], session: ClientSession | None) -> None:
        try:
            self._backend.models.insert_many(documents, session=session)
        except BulkWriteError as error:
            documents = documents[: error.details["nInserted"]]
            raise
        except PyMongoError:
            documents = []
            raise
        finally:
            if session is None:  # nothing takes them back when the pointers turn out to have moved
                self._landed |= {key_of(document): document["version"] for document in documents}


def _foreign_index(failed: Iterable[Mapping[str, Any]]) -> str:
    """What the server says of a duplicate key in a unique index that somebody else made; empty if it is one of ours."""
    for entry in failed:
        pattern = tuple(entry.get("keyPattern", ()))
        if entry.get("code") == DUPLICATE_KEY and pattern and pattern not in UNIQUE_KEYS:
            return f"a unique index of ({', '.join(pattern)}), which is not Brain's: {entry.get('errmsg', '')}"
    return ""


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


def _newest_by(present: dict[ModelKey, Present], drafts: list[_Draft]) -> dict[ModelKey, Newest] | None:
    """The newest versions as the pointers remember them; None where that does not settle what to write.

    It saves reading the versions. If the newest was never promoted, its number is given out again: the index refuses
    it, and the next attempt reads the versions.
    """
    newest = {}
    for drafted in drafts:
        stands = present[drafted.key]
        if (pointer := stands.pointer) is None and not stands.unsound and not stands.last:
            continue
        if pointer is None or stands.is_older or pointer.last_identity in ("", drafted.body["identity"]):
            return None
        newest[drafted.key] = Newest(pointer.last_version, pointer.last_identity)
    return newest


def _numbered(drafted: _Draft, stands: Present, last: Newest, taken: frozenset[str]) -> tuple[int, bool, int]:
    """The highest number given out so far, whether a version is to be stored, and its number."""
    # Without a pointer, its counter is remembered, which no number has passed.
    known = max(last.version, stands.pointer.last_version if stands.pointer else stands.last)
    if last.identity == drafted.body["identity"]:
        return known, False, last.version
    version = known + 1
    while model_id(drafted.key, version) in taken:
        version += 1
    return known, True, version


def _move(drafted: _Draft, version: int, newest: int, stands: Present) -> Move | None:
    body, pointer = drafted.body, stands.pointer
    if (
        pointer is not None
        and not stands.is_older
        and (pointer.version == version or pointer.trained_at > body["trained_at"])
    ):
        return None
    at, reason = body["trained_at"], body["decision"]["reason"]
    return Move(drafted.key, version, at, at, reason, body["identity"], drafted.degraded, newest)


def _question(move: Move, approval: str, stands: Present) -> Waiting | None:
    """What is written instead of a move that a person must approve; None where nobody need, or nothing is served."""
    if not approval or stands.pointer is None or stands.is_older:
        return None
    return waiting_before(stands.pointer, move, approval)


def _takes_over(one: Waiting, there: Waiting) -> bool:
    """Whether a version takes the place of what waits: other content, not older, or stored under its very number."""
    if one.identity == there.identity:
        return one.version != there.version
    return one.version == there.version or there.trained_at <= one.trained_at


def _with_payload(document: Document, payload: bytes) -> Document:
    return document if document["artifact"]["storage"] == "gridfs" else {**document, "payload": payload}


def _unwritten(key: ModelKey) -> StoreError:
    return StoreError(
        str(key), found="an unfinished batch", expected="its documents written", remedy="Save the candidate again."
    )


def _busy(drafts: list[_Draft]) -> StorageUnavailable:
    return StorageUnavailable(
        ", ".join(sorted({str(drafted.key) for drafted in drafts})[:5]),
        found="another process that keeps writing the same models",
        expected="one trainer a key at a time",
        remedy="Run the task again when the other has finished.",
    )


def _malformed(key: ModelKey, error: _Malformed) -> StoreError:
    return StoreError(
        str(key),
        found=f"a document that the collection refuses ({str(error)[:300]})",
        expected="a collection with the validator and the indexes of brain.store.schema, and what they describe",
        remedy="Correct the candidate's metadata, or drop the index; the present champion stays.",
    )
