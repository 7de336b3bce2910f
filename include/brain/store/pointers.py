"""The champion pointer: one small signed document a model key, replaced in one step.

The signature covers all that decides: which version is served, the verdict on it, what the next training goes by, and a
counter that grows with every write. A pointer with a lower counter than was ever seen is an old one that was put back.
`revised` and `prunings` are notes for people and for the server; nothing that is published depends on them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brain.core.errors import ArtifactRejected
from brain.core.signing import digest
from brain.store.signing import verify, verify_digest
from brain.store.stored_model import model_id
from brain.store.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brain.core.counters import Counters
    from brain.core.keys import ModelKey
    from brain.core.signing import Signer

Document = dict[str, Any]
PartT = TypeVar("PartT", bound="Strict")

FORMAT = 2
PURPOSE = "champion, format 2"
SIGNED = (
    "_id",
    "use_case",
    "entity",
    "target",
    "format",
    "counter",
    "version",
    "model",
    "trained_at",
    "last_version",
    "last_identity",
    "degraded",
    "verdict",
    "moves_sha256",
)
LAST_NUMBER = 2**31 - 1  # a published model_version is an integer of PostgreSQL


class Strict(BaseModel):
    """A part of a stored document: every field there, of its type, and no other."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class VerdictPart(Strict):
    """What the judge said of the version that is served."""

    has_skill: bool
    p_value: float | None
    decided_for: datetime


class MoveMade(Strict):
    """A version that was made the champion."""

    version: int
    at: datetime
    reason: str


class Pointer(Strict):
    """The signed part of a pointer.

    Args:
        counter: Grows with every write; 0 for a pointer of format 1, which has none.
        last_version: Highest number ever given out, as far as the pointer knows.
        last_identity: Content of the newest version; empty if the pointer does not know it.
        degraded: Why the champion is to be searched anew; empty if it is not.
        moves_sha256: Hash of the moves, which are read only where they are asked for.
    """

    id: str = Field(alias="_id")
    use_case: str
    entity: str
    target: str
    format: Literal[1, 2]
    counter: int = Field(ge=0)
    version: int = Field(ge=1, lt=LAST_NUMBER)
    model: str
    trained_at: datetime
    last_version: int = Field(ge=1, lt=LAST_NUMBER)
    last_identity: str
    degraded: str
    verdict: VerdictPart | None
    moves_sha256: str

    def verdict_on(self, key: ModelKey) -> Verdict | None:
        """The judge's verdict on the version that is served."""
        said = self.verdict
        return None if said is None else Verdict(key, self.version, said.has_skill, said.p_value, said.decided_for)


def counted(key: ModelKey) -> str:
    """What the counter of a key's pointer is called among all counters."""
    return f"champion {key}"


def verify_pointer(document: Document, key: ModelKey, signer: Signer, counters: Counters | None = None) -> Pointer:
    """The pointer, if it is, unaltered, the newest that was written for `key`.

    Args:
        counters: The highest counters ever seen; None trusts any.

    Raises:
        ArtifactRejected: What is wrong.
    """
    from brain.store.pointers_format_1 import verified as verified_format_1

    subject = f"the champion of {key}"
    if "format" not in document:
        pointer = verified_format_1(document, key, signer)
    else:
        signed = {name: document.get(name) for name in SIGNED}
        verify(signer, PURPOSE, signed, document.get("signature"), subject)
        pointer = parsed(Pointer, signed, subject)
    found = (pointer.id, pointer.use_case, pointer.entity, pointer.target, pointer.model)
    expected = (str(key), key.use_case, key.entity, key.target, model_id(key, pointer.version))
    if found != expected:
        raise refused(subject, f"the pointer {' '.join(found)}", " ".join(expected))
    if counters is not None:
        refuse_older(pointer.counter, counters.last(counted(key)), subject)
        counters.saw(counted(key), pointer.counter)
    return pointer


def refuse_older(counter: int, last: int, subject: str) -> None:
    """Refuse a pointer that was replaced before.

    Raises:
        ArtifactRejected: Its counter is lower than one that was seen.
    """
    if counter < last:
        raise refused(
            subject,
            f"an old pointer that was put back (counter {counter})",
            f"counter {last} or a later one",
            "It was not used. Train the model again or roll it back to a version; after restoring a backup of MongoDB,"
            " see docs/backup.md.",
        )


def moves_of(document: Mapping[str, Any], pointer: Pointer) -> tuple[MoveMade, ...]:
    """The moves of a verified pointer, oldest first.

    Raises:
        ArtifactRejected: They were altered.
    """
    subject, moves = f"the moves of {pointer.id}", document.get("moves")
    if pointer.format == FORMAT:
        verify_digest({"moves": moves}, pointer.moves_sha256, subject)
    if not isinstance(moves, list):
        raise refused(subject, "no list of moves", "one")
    return tuple(parsed(MoveMade, move, subject) for move in moves)


def written(content: Document, moves: Sequence[Document] | None, signer: Signer) -> Document:
    """What is to be set of a pointer: signed.

    Args:
        content: The signed fields but those that follow from others.
        moves: All of them, oldest first; None if they are not to be written.
    """
    body: Document = {**content, "format": FORMAT}
    if moves is not None:
        body["moves_sha256"] = digest({"moves": list(moves)})
    if body.get("verdict") is None:
        body.pop("verdict", None)
    body["signature"] = signer.sign(PURPOSE, {name: body.get(name) for name in SIGNED})
    return body if moves is None else {**body, "moves": list(moves)}


def content_of(pointer: Pointer) -> Document:
    """The signed fields of a pointer, as they are stored."""
    return pointer.model_dump(by_alias=True)


def parsed(kind: type[PartT], value: object, subject: str) -> PartT:
    """`value` as a `kind`.

    Raises:
        ArtifactRejected: It is none; the message names the first field that is wrong.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise refused(subject, f"{where}: {first['msg']}", f"a {kind.__name__}") from None


def refused(
    subject: str,
    found: str,
    expected: str,
    remedy: str = "It was not used. Point it at a version with `brain models rollback`, or train the model again.",
) -> ArtifactRejected:
    """The error about a pointer."""
    return ArtifactRejected(subject, found=found, expected=expected, remedy=remedy)
