"""The champions of a past moment: the versions that were served then, whatever was trained or rolled back since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected, BrainError, ModelNotFound
from brain.store import document
from brain.store.backend import key_of
from brain.store.champions import MOVES_KEPT, Champion, Refused
from brain.store.large_artifacts import payload_of
from brain.store.pointers import verify_pointer
from brain.store.schema import KEY
from brain.store.stored_model import model_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.store.backend import Backend

Document = dict[str, Any]


def past_champions(backend: Backend, scope: Document, then: Moment) -> Iterator[Champion | Refused]:
    """Stream the champions of `then`, in key order; a key that had none yet is left out.

    A pointer remembers its last `MOVES_KEPT` moves. They are not signed: a version trained after `then` is refused,
    whatever they say, and every document is verified.

    Args:
        scope: Which pointers, as a filter.
    """
    for pointer in backend.champions.find(scope).sort([(name, 1) for name in KEY]):
        key = key_of(pointer)
        try:
            version = _version(pointer, key, then)
            if version is not None:
                yield _champion(backend, pointer, key, version, then)
        except BrainError as error:
            yield Refused(key, error)


def _version(pointer: Document, key: ModelKey, then: Moment) -> int | None:
    """The version that the last move by `then` made the champion; None if there was no champion yet.

    Raises:
        ModelNotFound: The pointer does not remember that far back.
        ArtifactRejected: The moves are not what was stored.
    """
    try:
        moves = [(move["at"], int(move["version"])) for move in pointer["moves"]]
        versions = [version for at, version in moves if at <= then.at]
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactRejected(
            f"the champion of {key}",
            found=f"moves that cannot be read ({type(error).__name__})",
            expected="the version and the time of each",
            remedy="Only past moments need them: it is served as before.",
        ) from None
    if versions:
        return versions[-1]
    if len(moves) < MOVES_KEPT:
        return None
    raise ModelNotFound(
        f"the champion of {key} at {then.at:%Y-%m-%d %H:%M} UTC",
        found=f"only its last {MOVES_KEPT} moves, the first of {moves[0][0]:%Y-%m-%d}",
        expected="a moment after that",
        remedy="What was the champion so long ago is not remembered.",
    )


def _champion(backend: Backend, pointer: Document, key: ModelKey, version: int, then: Moment) -> Champion:
    verdict = verify_pointer(pointer, key, backend.signer, backend.counters).verdict_on(key)
    name = model_id(key, version)
    found = backend.models.find_one({"_id": name, "use_case": key.use_case, "entity": key.entity})
    if found is None:
        raise ModelNotFound(
            name,
            found="no such version any more",
            expected=f"the champion of {then.at:%Y-%m-%d %H:%M} UTC",
            remedy="It was pruned: `retention.model_versions` says how many are kept.",
        )
    document.verify(found, key, version, backend.signer)
    model = document.read(found, payload_of(backend, found, name), key, version)
    if model.trained_at > then.at:
        raise ArtifactRejected(
            name,
            found=f"a model trained for {model.trained_at:%Y-%m-%d %H:%M} UTC",
            expected=f"one trained by {then.at:%Y-%m-%d %H:%M} UTC",
            remedy="The moves of its pointer were altered.",
        )
    stands = verdict is not None and verdict.version == version and verdict.decided_for <= then.at
    return Champion(model, verdict if stands else None)
