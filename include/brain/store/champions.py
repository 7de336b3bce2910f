"""Champions: the versions that are served, and the writes that make a version the champion or judge it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pymongo import DeleteMany, InsertOne, UpdateOne

from brain.core.errors import ArtifactRejected, BrainError
from brain.core.keys import ModelKey, Sha256
from brain.learning.candidate import ChampionSummary
from brain.store.bson_values import to_plain
from brain.store.pointers import (
    FORMAT,
    SIGNED,
    Pointer,
    VerdictPart,
    content_of,
    counted,
    moves_of,
    verify_pointer,
    written,
)
from brain.store.reading import decoded, key_in
from brain.store.schema import CHAMPIONS, KEY
from brain.store.stored_model import StoredModel, model_id
from brain.store.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    import numpy as np
    from bson.raw_bson import RawBSONDocument
    from numpy.typing import NDArray
    from pymongo.client_session import ClientSession

    from brain.store.backend import Backend

MOVES_KEPT = 200
BATCH = 1_000
NOTES = ("verdict", "revised")  # on the version that is served: a move clears them

Document = dict[str, Any]
Operation = InsertOne[Document] | UpdateOne | DeleteMany

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Champion:
    """The version that is served, verified, and the verdict on it.

    Args:
        verdict: The judge's; None if it has not judged this version.
    """

    model: StoredModel
    verdict: Verdict | None

    @property
    def key(self) -> ModelKey:
        return self.model.key

    @property
    def since(self) -> datetime:
        """The moment by which all of it was known: it was trained, and judged if it was."""
        trained_at = self.model.trained_at
        return trained_at if self.verdict is None else max(trained_at, self.verdict.decided_for)

    @property
    def has_skill(self) -> bool | None:
        """Whether it may claim skill; None if it never will be judged."""
        return self.model.before_verdict if self.verdict is None else self.verdict.has_skill

    def apply(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is published for its raw `outputs` (n, outputs), shape (n,)."""
        return self.model.head.apply(outputs, self.has_skill)


@dataclass(frozen=True)
class Refused:
    """A model that cannot be stored or served, and why; the others go on."""

    key: ModelKey
    error: BrainError


@dataclass(frozen=True)
class Move:
    """Making `version` the champion of `key`.

    Args:
        at: The moment of the run, or the time of a person's command.
        identity: Of the version's content, if it is the newest.
        degraded: Why the champion is to be searched anew next time; empty if it is not.
        newest: Highest number of a sound version, as far as it was looked up.
    """

    key: ModelKey
    version: int
    trained_at: datetime
    at: datetime
    reason: str
    identity: str = ""
    degraded: str = ""
    newest: int = 0


@dataclass(frozen=True)
class Present:
    """What stands in the place of a key's pointer.

    Args:
        pointer: The sound one; None if there is none.
        moves: Its moves, if they were read and are sound.
        last: The highest counter that was ever seen of it.
        unsound: The `_id` of each document in its place that failed verification.
    """

    pointer: Pointer | None = None
    moves: tuple[Document, ...] = ()
    last: int = 0
    unsound: tuple[Any, ...] = ()

    @property
    def is_older(self) -> bool:
        """Whether the pointer was replaced before, and put back."""
        return self.pointer is not None and self.pointer.counter < self.last


def read_present(
    backend: Backend, keys: Collection[ModelKey], session: ClientSession | None = None, *, moves: bool = True
) -> dict[ModelKey, Present]:
    """What stands in the place of each key's pointer, one query for all.

    Args:
        moves: Whether moves are read where they are not to be signed for the first time.
    """
    ids = {str(key): key for key in keys}
    fields: Document = {**dict.fromkeys((*SIGNED, "signature"), 1), "moves": 1}
    if not moves:
        fields["moves"] = {"$cond": [{"$eq": ["$format", FORMAT]}, "$$REMOVE", "$moves"]}
    found = {key: Present(last=backend.counters.last(counted(key))) for key in keys}
    chosen = {"$or": [scope_of(keys), {"_id": {"$in": list(ids)}}]}
    for raw in backend.raw(CHAMPIONS).find(chosen, fields, session=session):
        key = key_in(raw)
        if key not in found:
            key = ids.get(raw["_id"]) if isinstance(raw["_id"], str) else None
        if key is not None:
            found[key] = _with(found[key], raw, key, backend)
    return found


def _with(present: Present, raw: RawBSONDocument, key: ModelKey, backend: Backend) -> Present:
    try:
        document = decoded(raw, f"the champion of {key}")
        pointer = verify_pointer(document, key, backend.signer)
    except ArtifactRejected as error:
        _LOG.warning("to be replaced: %s", error)
        return replace(present, unsound=(*present.unsound, raw["_id"]))
    return replace(present, pointer=pointer, moves=_sound_moves(document, pointer))


def _sound_moves(document: Document, pointer: Pointer) -> tuple[Document, ...]:
    if "moves" not in document:
        return ()
    try:
        return tuple(move.model_dump() for move in moves_of(document, pointer))
    except ArtifactRejected as error:
        _LOG.warning("left out of the history: %s", error)
        return ()


@dataclass(frozen=True)
class Write:
    """What is to be written in the place of a key's pointer, in this order, and the counter it has then."""

    key: ModelKey
    counter: int
    operations: tuple[Operation, ...]


def move_write(move: Move, present: Present, backend: Backend) -> Write:
    """The write that makes the move, provided the pointer still is as `present` shows it."""
    key, before = move.key, present.pointer
    last_version = max(before.last_version if before else 0, move.newest, move.version)
    kept = before.last_identity if before and before.last_version == last_version else ""
    counter = max(next_counter(present), move.version)
    content = {
        "_id": str(key),
        "use_case": key.use_case,
        "entity": key.entity,
        "target": key.target,
        "counter": counter,
        "version": move.version,
        "model": model_id(key, move.version),
        "trained_at": move.trained_at,
        "last_version": last_version,
        "last_identity": move.identity if move.identity and move.version == last_version else kept,
        "degraded": move.degraded,
    }
    entry = {"version": move.version, "at": move.at, "reason": move.reason}
    body = written(content, [*present.moves, entry][-MOVES_KEPT:], backend.signer)
    if before is not None:
        return Write(key, counter, (_update(before, body, moved=True),))
    clear = [DeleteMany({"_id": {"$in": list(present.unsound)}})] if present.unsound else []
    return Write(key, counter, (*clear, InsertOne(body)))


def next_counter(present: Present) -> int:
    """The counter of the next write, above all that were ever seen."""
    return max(present.pointer.counter if present.pointer else 0, present.last) + 1


def _update(before: Pointer, body: Document, *, moved: bool) -> UpdateOne:
    guard = {"counter": before.counter} if before.counter else {"counter": None, "version": before.version}
    chosen = {"_id": before.id, "use_case": before.use_case, "entity": before.entity, **guard}
    values = {name: value for name, value in body.items() if name not in ("_id", *KEY)}
    cleared = {name: "" for name in (NOTES if moved else ()) if name not in values}
    return UpdateOne(chosen, {"$set": values, **({"$unset": cleared} if cleared else {})})


def record_verdicts(backend: Backend, verdicts: Iterable[Verdict]) -> int:
    """Sign verdicts onto the champions they judge.

    Returns:
        How many were recorded; one whose version is no longer the champion is dropped.
    """
    given = {verdict.key: verdict for verdict in verdicts}
    keys, recorded = list(given), 0
    for start in range(0, len(keys), BATCH):
        present = read_present(backend, keys[start : start + BATCH], moves=False)
        writes = list(_judged(backend, given, present))
        recorded += write(backend, writes)
        remember(backend, writes)
    return recorded


def write(backend: Backend, writes: Sequence[Write], session: ClientSession | None = None) -> int:
    """Write pointers in one go; returns how many still were as they had been read."""
    operations = [operation for one in writes for operation in one.operations]
    if not operations:
        return 0
    result = backend.champions.bulk_write(operations, session=session)
    return int(result.inserted_count + result.matched_count)


def remember(backend: Backend, writes: Iterable[Write]) -> None:
    """Remember the counters of pointers that were written, once it is certain that they were."""
    for one in writes:
        backend.counters.saw(counted(one.key), one.counter)


def _judged(backend: Backend, given: dict[ModelKey, Verdict], present: dict[ModelKey, Present]) -> Iterator[Write]:
    for key, stands in present.items():
        pointer, verdict = stands.pointer, given[key]
        if pointer is None or stands.is_older or pointer.version != verdict.version:
            continue
        counter = next_counter(stands)
        said = VerdictPart(
            has_skill=bool(verdict.has_skill),
            p_value=None if verdict.p_value is None else float(verdict.p_value),
            decided_for=to_plain(verdict.decided_for),
        )
        content = {**content_of(pointer), "counter": counter, "verdict": said.model_dump()}
        yield _signed_anew(key, pointer, content, stands, backend)


def renewed_write(key: ModelKey, present: Present, backend: Backend) -> Write:
    """The write that says the same of a sound pointer, signed with the newest key.

    Raises:
        ValueError: There is no sound pointer.
    """
    if present.pointer is None:
        raise ValueError(f"{key} has no sound pointer")
    content = {**content_of(present.pointer), "counter": next_counter(present)}
    return _signed_anew(key, present.pointer, content, present, backend)


def numbered_write(key: ModelKey, number: int, present: Present, backend: Backend) -> Write | None:
    """The write after which `number` is not given out again; None where it is remembered already.

    Nor is there one without a sound pointer: its counter is all that is remembered then.
    """
    before = present.pointer
    if before is None or present.is_older or before.last_version >= number:
        return None
    kept = {"counter": next_counter(present), "last_version": number, "last_identity": ""}
    return _signed_anew(key, before, {**content_of(before), **kept}, present, backend)


def _signed_anew(key: ModelKey, before: Pointer, content: Document, present: Present, backend: Backend) -> Write:
    """The write of a pointer to the same version; moves are signed for the first time where they were not."""
    moves = present.moves if before.format != FORMAT else None
    body = written(content, moves, backend.signer)
    return Write(key, content["counter"], (_update(before, body, moved=False),))


def summary_of(found: dict[str, Any], pointer: Pointer) -> ChampionSummary:
    """A verified version in brief, and what its pointer says of it."""
    return ChampionSummary(
        version=found["version"],
        parameters=found["hyper_parameters"],
        features=tuple(column["name"] for column in found["schema"]),
        searched_at=found["searched_at"],
        trained_at=found["trained_at"],
        data_sha256=Sha256(found["data"]["snapshot"]),
        has_skill=None if pointer.verdict is None else pointer.verdict.has_skill,
        degraded=pointer.degraded,
        skill=found["metrics"].get("skill"),
        p_value=found["metrics"].get("p_value"),
        barred=found["metrics"].get("barred", ""),
        made_from=found["extra"].get("made_from", ""),
    )


def scope_of(keys: Collection[ModelKey]) -> Document:
    """A superset of `keys` that the index serves."""
    return {
        "use_case": {"$in": sorted({key.use_case for key in keys})},
        "entity": {"$in": sorted({key.entity for key in keys})},
        "target": {"$in": sorted({key.target for key in keys})},
    }
