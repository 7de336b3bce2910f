"""Taking back what was trained, promoted, judged and decided for moments that have not come: a wrong clock, a typo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brain.store.backend import key_of
from brain.store.bson_values import to_plain
from brain.store.connection import explained
from brain.store.schema import KEY

if TYPE_CHECKING:
    from datetime import datetime

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.store.models import ModelStore

Document = dict[str, Any]


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
        for found in store.backend.models.find(scope, fields).sort([*order, ("version", -1)]):
            versions.setdefault(key_of(found), {})[found["version"]] = found["trained_at"] > at
        fields = {**dict.fromkeys(KEY, 1), "version": 1, "verdict.decided_for": 1, "moves": 1}
        pointers = {key_of(found): found for found in store.backend.champions.find(scope, fields).sort(order)}
    keys = sorted(versions.keys() | pointers.keys(), key=str)
    told = (_later(key, versions.get(key, {}), pointers.get(key), at) for key in keys)
    return [later for later in told if later]


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


def _later(key: ModelKey, versions: dict[int, bool], pointer: Document | None, at: datetime) -> Later | None:
    later = tuple(version for version, is_later in versions.items() if is_later)
    before = [version for version, is_later in versions.items() if not is_later]
    if pointer is None:
        return Later(key, later, None, max(before, default=None)) if later else None
    moves = pointer["moves"]
    judged = pointer.get("verdict", {}).get("decided_for", at) > at
    moved = pointer["version"] in later or moves[-1]["at"] > at
    if not (later or judged or moved):
        return None
    served = [move["version"] for move in moves if move["at"] <= at and move["version"] in before]
    restored = served[-1] if served else max(before, default=None)
    return Later(key, later, pointer["version"], restored)
