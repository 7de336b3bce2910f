"""Taking back what was trained, promoted, judged and decided for moments that have not come: a wrong clock, a typo."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected
from brain.store.bson_values import to_plain
from brain.store.connection import explained
from brain.store.pointers import moves_of, verify_pointer
from brain.store.reading import key_in, keyed, sound
from brain.store.schema import CHAMPIONS, KEY, MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.store.models import ModelStore
    from brain.store.pointers import MoveMade, Pointer

Document = dict[str, Any]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Served:
    """What is served of one model, and what was before, oldest first."""

    pointer: Pointer
    moves: tuple[MoveMade, ...]


@dataclass(frozen=True)
class Later:
    """What the store has of one model from moments later than a given one.

    Args:
        versions: Versions trained for such a moment, newest first.
        champion: The version that is served; None if there is none.
        restored: The version that was served before; None if there was none, so that the model goes altogether.
    """

    key: ModelKey
    versions: tuple[int, ...]
    champion: int | None
    restored: int | None


def later_models(store: ModelStore, after: Moment) -> list[Later]:
    """The models that have something from moments later than `after`, in key order."""
    at = to_plain(after.at)
    scope, order = store.scope(None), [(name, 1) for name in KEY]
    with explained():
        versions: dict[ModelKey, dict[int, bool]] = {}
        fields = {**dict.fromkeys(KEY, 1), "version": 1, "trained_at": 1}
        for raw in store.backend.raw(MODELS).find(scope, fields).sort([*order, ("version", -1)]):
            key, number, trained_at = key_in(raw), raw.get("version"), raw.get("trained_at")
            if key is not None and isinstance(number, int) and isinstance(trained_at, datetime):
                versions.setdefault(key, {})[number] = trained_at > at
        served = dict(_served(store, scope))
    keys = sorted(versions.keys() | served.keys(), key=str)
    told = (_later(key, versions.get(key, {}), served.get(key), at) for key in keys)
    return [later for later in told if later]


def _served(store: ModelStore, scope: Document) -> Iterator[tuple[ModelKey, _Served]]:
    """The pointers that verify; the others are left out: no version is served by them.

    Where moves were altered, it is as if there were none: the newest version of before is restored.
    """
    backend = store.backend
    for raw in backend.raw(CHAMPIONS).find(scope):
        key, content = keyed(raw, "champion")
        if key is None:
            continue
        try:
            pointer = verify_pointer(sound(content), key, backend.signer, backend.counters)
        except ArtifactRejected as error:
            _LOG.warning("treated as absent: %s", error)
            continue
        try:
            moves = moves_of(sound(content), pointer)
        except ArtifactRejected as error:
            _LOG.warning("treated as absent: %s", error)
            moves = ()
        yield key, _Served(pointer, moves)


def take_back(store: ModelStore, later: Later, after: Moment) -> None:
    """Point the champion at the version served before, and delete the later versions.

    A person's move after that moment is undone too, and so is a verdict: the next training passes a new one.

    Raises:
        ArtifactRejected: The version served before failed verification; nothing was changed.
    """
    if later.restored is None:
        store.delete(later.key)
        return
    if later.champion is not None:
        reason = f"repair: what came after {after.at:%Y-%m-%d %H:%M} UTC is taken back"
        store.rollback(later.key, later.restored, at=after.at, reason=reason)
    for version in later.versions:
        store.delete(later.key, version)


def later_decisions(store: ModelStore, after: Moment) -> int:
    """How many decisions are recorded for moments later than `after`."""
    with explained():
        return store.backend.decisions.count_documents(_decided(store, after))


def forget_decisions(store: ModelStore, after: Moment) -> None:
    """Delete the decisions recorded for moments later than `after`."""
    with explained():
        store.backend.decisions.delete_many(_decided(store, after))


def _decided(store: ModelStore, after: Moment) -> Document:
    return {**store.scope(None), "interval_end": {"$gt": to_plain(after.at)}}


def _later(key: ModelKey, versions: dict[int, bool], served: _Served | None, at: datetime) -> Later | None:
    later = tuple(version for version, is_later in versions.items() if is_later)
    before = [version for version, is_later in versions.items() if not is_later]
    if served is None:
        return Later(key, later, None, max(before, default=None)) if later else None
    pointer, moves = served.pointer, served.moves
    judged = pointer.verdict is not None and pointer.verdict.decided_for > at
    moved = pointer.version in later or (bool(moves) and moves[-1].at > at)
    if not (later or judged or moved):
        return None
    known = [move.version for move in moves if move.at <= at and move.version in before]
    restored = known[-1] if known else max(before, default=None)
    return Later(key, later, pointer.version, restored)
