"""Refusing documents of the store that nobody with a key has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected, StoreError
from brain.core.signing import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.signing import Signer


def verify(signer: Signer, purpose: str, value: Mapping[str, Any], signature: object, subject: str) -> None:
    """Refuse what none of the keys has signed.

    Raises:
        ArtifactRejected: No signature, an unknown algorithm, or one that does not fit.
    """
    if found := signer.problem(purpose, value, signature):
        raise _rejected(subject, found)


def verify_digest(value: Mapping[str, Any], expected: object, subject: str) -> None:
    """Refuse a value of another digest.

    Raises:
        ArtifactRejected: It was altered.
    """
    try:
        found = digest(value)
    except StoreError:
        found = "values of a type that is never signed"
    if found != expected:
        raise _rejected(subject, "metrics or provenance that were altered")


def _rejected(subject: str, found: str) -> ArtifactRejected:
    return ArtifactRejected(
        subject,
        found=found,
        expected="a document signed with one of BRAIN_SIGNING_KEYS and unaltered since",
        remedy="It was not used. Restore the key, train the model again, or roll back to an earlier version.",
    )
