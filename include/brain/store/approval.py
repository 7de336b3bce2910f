"""A person's answer to a version that waits: it is served from now on, or it is not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from brain.core.errors import ModelNotFound, StorageUnavailable, StoreError
from brain.store.bson_values import to_plain
from brain.store.champions import Move, move_write, read_present, remember, write
from brain.store.connection import explained
from brain.store.stored_model import model_id
from brain.store.waiting import (
    forget_waiting,
    pointers_of,
    read_waiting,
    replace_waiting,
    require_same,
    standing,
    versions_waiting,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pymongo.client_session import ClientSession

    from brain.core.keys import ModelKey
    from brain.store.backend import Backend
    from brain.store.champions import Write
    from brain.store.models import ModelStore
    from brain.store.stored_model import StoredModel
    from brain.store.waiting import Waiting


@dataclass(frozen=True)
class Seen:
    """What a question showed, beside the version's number; its answer is carried out only while that is so still.

    Args:
        identity: Of the version's content.
        moves_sha256: Of the champion's pointer.
    """

    identity: str
    moves_sha256: str


@dataclass(frozen=True)
class Question:
    """A version that waits.

    Args:
        seen: What the answer to it is bound to.
        champion: The version that is served until somebody approves.
        old: Measured skill of the champion.
        new: Measured skill of the version.
        reason: Why a person is asked.
    """

    key: ModelKey
    version: int
    seen: Seen
    champion: int
    trained_at: datetime
    old: float | None
    new: float | None
    reason: str


def questions(store: ModelStore, entities: Sequence[str] | None = None) -> list[Question]:
    """The versions that wait, by key; one that fails verification cannot be served and is left out."""
    backend = store.backend
    with explained():
        pointers = {
            key: pointer
            for key, pointer in pointers_of(backend, read_waiting(backend, store.scope(entities))).items()
            if pointer is not None
        }
        found = [one for one in versions_waiting(backend, pointers) if one[1].rejected_at is None]
    old = {key: one.skill for key, one in store.champion_summaries(sorted({key.entity for key, *_ in found})).items()}
    return sorted(
        (
            Question(
                key,
                one.version,
                Seen(one.identity, one.moves_sha256),
                one.champion,
                one.trained_at,
                old.get(key),
                content["metrics"].get("skill"),
                one.reason,
            )
            for key, one, content in found
        ),
        key=lambda question: (question.key.entity, len(question.key.target), question.key.target),  # 2 before 10
    )


def approve(
    store: ModelStore, key: ModelKey, version: int | None, *, at: datetime, by: str, seen: Seen | None = None
) -> int:
    """Make the version that waits, verified first, the champion; returns which.

    It is judged like any other before it may claim skill. One that is the champion already stays it.

    Args:
        version: The one that the person means; None for whatever waits. Named from a shell, it may be one that was
            rejected: a person may change his mind.
        at: When the person said so.
        by: Who, for the history.
        seen: What the question showed to which this is the answer; None where it is none. Nobody's no is undone by it.

    Raises:
        ModelNotFound: Nothing waits, or another version than the one meant, or not as it was seen.
        ArtifactRejected: The version failed verification; the champion stays.
    """
    with explained():
        waiting = _asked(store, key, version, seen)
        if waiting is None:
            return store.champion_version(key)
        if seen is not None and waiting.rejected_at is not None:
            raise _nothing(key, version, waiting)
        model = store.load(key, waiting.version)
        require_same(model.document, waiting)
        model.evaluator()
        moved = store.backend.atomically(partial(_promote, store.backend, waiting, model, to_plain(at), by))
        remember(store.backend, [moved])
    return waiting.version


def reject(store: ModelStore, key: ModelKey, version: int | None, *, at: datetime, seen: Seen | None = None) -> int:
    """Leave the champion where it is, and ask nobody about that version again; returns which.

    Args:
        version: The one that the person means; None for whatever waits.
        seen: What the question showed to which this is the answer; None where it is none.

    Raises:
        ModelNotFound: Nothing waits, or another version than the one meant, or not as it was seen.
        StoreError: It is the champion already.
        StorageUnavailable: It came too late: another process has just moved the champion, or stored another question.
    """
    with explained():
        waiting = _asked(store, key, version, seen)
        if waiting is None:
            raise StoreError(
                f"v{version} of {key}",
                found="the champion",
                expected="a version that waits for approval",
                remedy="It is served: `brain models rollback` goes back to an older one.",
            )
        if waiting.rejected_at is None:
            store.backend.atomically(partial(_reject, store.backend, waiting, to_plain(at)))
    return waiting.version


def _asked(store: ModelStore, key: ModelKey, version: int | None, seen: Seen | None) -> Waiting | None:
    """What stands before the champion; None where the version meant is the champion already."""
    waiting = standing(store.backend, [key]).get(key)
    if waiting is not None and version in (None, waiting.version):
        is_open = version is not None or waiting.rejected_at is None
        if is_open and seen in (None, Seen(waiting.identity, waiting.moves_sha256)):
            return waiting
    elif version is not None and _is_champion(store, key, version, seen):
        return None
    raise _nothing(key, version, waiting)


def _is_champion(store: ModelStore, key: ModelKey, version: int, seen: Seen | None) -> bool:
    if not store.has_champion(key) or store.champion_version(key) != version:
        return False
    return seen is None or store.load(key, version).document.get("identity") == seen.identity


def _reject(backend: Backend, waiting: Waiting, at: datetime, session: ClientSession | None) -> None:
    if standing(backend, [waiting.key], session).get(waiting.key) != waiting:
        raise _moved(waiting.key)
    no = waiting.model_copy(update={"rejected_at": at})
    if replace_waiting(backend, [(waiting, no)], session) != 1:
        raise _moved(waiting.key)


def _promote(
    backend: Backend, waiting: Waiting, model: StoredModel, at: datetime, by: str, session: ClientSession | None
) -> Write:
    key = waiting.key
    if standing(backend, [key], session).get(key) != waiting:
        raise _moved(key)
    stands = read_present(backend, [key], session)[key]
    identity = str(model.document.get("identity", ""))
    move = Move(
        key, waiting.version, model.trained_at, at, f"approved by {by}: {waiting.reason}", identity, waiting.degraded
    )
    moved = move_write(move, stands, backend)
    if write(backend, [moved], session) != 1:
        raise _moved(key)
    forget_waiting(backend, key, waiting.version, session)
    return moved


def _nothing(key: ModelKey, version: int | None, waiting: Waiting | None) -> ModelNotFound:
    if waiting is None:
        found = "no version that waits for approval"
    elif waiting.rejected_at is not None:
        found = f"no version that waits for approval: v{waiting.version} was rejected"
    elif waiting.version == version:
        found = f"another v{version} waiting by now, or before another champion, than the one that was asked about"
    else:
        found = f"v{waiting.version} waiting for approval by now"
    return ModelNotFound(
        str(key) if version is None else model_id(key, version),
        found=found,
        expected="a version that waits" if version is None else f"v{version} waiting",
        remedy="Nothing was changed. `brain models waiting` shows what waits.",
    )


def _moved(key: ModelKey) -> StorageUnavailable:
    return StorageUnavailable(
        str(key),
        found="a champion, or a version waiting before it, that another process has just changed",
        expected="one change at a time",
        remedy="This one came too late, and nothing was done. Look at `brain models waiting` and try again.",
    )
