"""The champion pointer: one small signed document a model key, moved in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymongo import InsertOne, UpdateOne

from brain.core.errors import ArtifactRejected, BrainError
from brain.core.keys import ModelKey
from brain.store.signing import verify
from brain.store.stored_model import StoredModel, model_id
from brain.store.verdicts import Verdict, read_verdict

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from brain.core.signing import Signer

PURPOSE = "champion"
MOVES_KEPT = 200
NOTES = ("verdict", "revised", "degraded")  # on the version that is served: a move clears them

Document = dict[str, Any]


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
    """

    key: ModelKey
    version: int
    trained_at: datetime
    at: datetime
    reason: str
    identity: str = ""
    degraded: str = ""


def move_operation(move: Move, present: Document | None, signer: Signer) -> InsertOne[Document] | UpdateOne:
    """The write that makes the move, provided the pointer still is as `present` shows it."""
    pointer: Document = {
        "version": move.version,
        "model": model_id(move.key, move.version),
        "trained_at": move.trained_at,
    }
    pointer["signature"] = signer.sign(PURPOSE, _signed(move.key, pointer))
    entry = {"version": move.version, "at": move.at, "reason": move.reason}
    if move.identity and move.version >= (present or {}).get("last_version", 0):
        pointer["last_identity"] = move.identity
    if move.degraded:
        pointer["degraded"] = move.degraded
    if present is None:
        key = {"use_case": move.key.use_case, "entity": move.key.entity, "target": move.key.target}
        return InsertOne({"_id": str(move.key), **key, **pointer, "last_version": move.version, "moves": [entry]})
    return UpdateOne(
        {"_id": str(move.key), "use_case": move.key.use_case, "entity": move.key.entity, "version": present["version"]},
        {
            "$set": pointer,
            "$max": {"last_version": move.version},
            "$push": {"moves": {"$each": [entry], "$slice": -MOVES_KEPT}},
            "$unset": {name: "" for name in NOTES if name not in pointer},
        },
    )


def verify_pointer(document: Document, key: ModelKey, signer: Signer) -> Verdict | None:
    """Refuse a pointer or a verdict that was altered; the verdict, if there is one.

    Raises:
        ArtifactRejected: What is wrong.
    """
    verify(signer, PURPOSE, _signed(key, document), document.get("signature"), f"the champion of {key}")
    version = int(document["version"])
    if document["model"] != model_id(key, version):
        raise ArtifactRejected(
            f"the champion of {key}",
            found=f"a pointer to {document['model']}",
            expected=model_id(key, version),
            remedy="Point it at a version of this key with `brain models rollback`.",
        )
    return read_verdict(document.get("verdict"), key, version, signer)


def _signed(key: ModelKey, pointer: Document) -> Document:
    return {"key": str(key), **{name: pointer.get(name) for name in ("version", "model", "trained_at")}}
