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
from brain.store.waiting import forget_waiting, pointers_of, read_waiting, standing, versions_waiting, write_waiting

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
class Question:
    """A version that waits.

    Args:
        champion: The version that is served until somebody approves.
        old: Measured skill of the champion.
        new: Measured skill of the version.
        reason: Why a person is asked.
    """

    key: ModelKey
    version: int
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


def approve(store: ModelStore, key: ModelKey, version: int | None, *, at: datetime, by: str) -> int:
    """Make the version that waits, verified first, the champion; returns which.

    It is judged like any other before it may claim skill. One that is the champion already stays it.

    Args:
        version: The one that the person has seen; None for whatever waits.
        at: When the person said so.
        by: Who, for the history.

    Raises:
        ModelNotFound: Nothing waits, or another version than the one seen.
        ArtifactRejected: The version failed verification; the champion stays.
    """
    with explained():
        waiting = _asked(store, key, version)
        if waiting is None:
            return store.champion_version(key)
        model = store.load(key, waiting.version)
        model.evaluator()
        moved = store.backend.atomically(partial(_promote, store.backend, waiting, model, to_plain(at), by))
        remember(store.backend, [moved])
    return waiting.version


def reject(store: ModelStore, key: ModelKey, version: int | None, *, at: datetime) -> int:
    """Leave the champion where it is, and ask nobody about that version again; returns which.

    Raises:
        ModelNotFound: Nothing waits, or another version than the one seen.
        StoreError: It is the champion already.
    """
    with explained():
        waiting = _asked(store, key, version)
        if waiting is None:
            raise StoreError(
                f"v{version} of {key}",
                found="the champion",
                expected="a version that waits for approval",
                remedy="It was approved before: `brain models rollback` goes back to an older one.",
            )
        if waiting.rejected_at is None:
            no = waiting.model_copy(update={"rejected_at": to_plain(at)})
            store.backend.atomically(lambda session: write_waiting(store.backend, [no], session))
    return waiting.version


def _asked(store: ModelStore, key: ModelKey, version: int | None) -> Waiting | None:
    """What stands before the champion; None where the version meant is the champion already."""
    waiting = standing(store.backend, [key]).get(key)
    if waiting is not None and version in (None, waiting.version):
        if version is not None or waiting.rejected_at is None:
            return waiting
    elif version is not None and store.has_champion(key) and store.champion_version(key) == version:
        return None
    raise _nothing(key, version, waiting)


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
    if waiting is None or waiting.rejected_at is not None:
        found = "no version that waits for approval"
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
        found="a champion that another process has just moved",
        expected="one change at a time",
        remedy="Look at `brain models waiting` and try again.",
    )
