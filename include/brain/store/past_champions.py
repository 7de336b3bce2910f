"""The champions of a past moment: the versions that were served then, whatever was trained or rolled back since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected, BrainError, ModelNotFound
from brain.store import document
from brain.store.champions import MOVES_KEPT, Champion, Refused
from brain.store.large_artifacts import payload_of
from brain.store.pointers import moves_of, verify_pointer
from brain.store.reading import decoded, keyed, sound
from brain.store.schema import CHAMPIONS, KEY, MODELS
from brain.store.stored_model import model_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.store.backend import Backend
    from brain.store.pointers import MoveMade, Pointer

Document = dict[str, Any]


def past_champions(backend: Backend, scope: Document, then: Moment) -> Iterator[Champion | Refused]:
    """Stream the champions of `then`, in key order; a key that had none yet is left out.

    A pointer remembers its last `MOVES_KEPT` moves. Those of format 1 are not signed: a version trained after `then` is
    refused, whatever they say.

    Args:
        scope: Which pointers, as a filter.
    """
    for raw in backend.raw(CHAMPIONS).find(scope).sort([(name, 1) for name in KEY]):
        key, content = keyed(raw, "champion")
        if key is None:
            continue
        try:
            pointer = verify_pointer(sound(content), key, backend.signer, backend.counters)
            version = _version(moves_of(sound(content), pointer), key, then)
            if version is not None:
                yield _champion(backend, pointer, key, version, then)
        except BrainError as error:
            yield Refused(key, error)


def _version(moves: Sequence[MoveMade], key: ModelKey, then: Moment) -> int | None:
    """The version that the last move by `then` made the champion; None if there was no champion yet.

    Raises:
        ModelNotFound: The pointer does not remember that far back.
    """
    versions = [move.version for move in moves if move.at <= then.at]
    if versions:
        return versions[-1]
    if len(moves) < MOVES_KEPT:
        return None
    raise ModelNotFound(
        f"the champion of {key} at {then.at:%Y-%m-%d %H:%M} UTC",
        found=f"only its last {MOVES_KEPT} moves, the first of {moves[0].at:%Y-%m-%d}",
        expected="a moment after that",
        remedy="What was the champion so long ago is not remembered.",
    )


def _champion(backend: Backend, pointer: Pointer, key: ModelKey, version: int, then: Moment) -> Champion:
    name = model_id(key, version)
    raw = backend.raw(MODELS).find_one({"_id": name, "use_case": key.use_case, "entity": key.entity})
    if raw is None:
        raise ModelNotFound(
            name,
            found="no such version any more",
            expected=f"the champion of {then.at:%Y-%m-%d %H:%M} UTC",
            remedy="It was pruned: `retention.model_versions` says how many are kept.",
        )
    found = decoded(raw, name)
    document.verify(found, key, version, backend.signer, record=True)
    model = document.read(found, payload_of(backend, found, name), key, version)
    if model.trained_at > then.at:
        raise ArtifactRejected(
            name,
            found=f"a model trained for {model.trained_at:%Y-%m-%d %H:%M} UTC",
            expected=f"one trained by {then.at:%Y-%m-%d %H:%M} UTC",
            remedy="The moves of its pointer were altered.",
        )
    verdict = pointer.verdict_on(key)
    stands = verdict is not None and verdict.version == version and verdict.decided_for <= then.at
    return Champion(model, verdict if stands else None)
