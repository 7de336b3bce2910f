"""Signatures over documents: who wrote this, and is it still what was written?"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import TYPE_CHECKING

from brain.core.errors import ArtifactRejected, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

ALGORITHM = "HMAC-SHA256"


def canonical(value: object) -> bytes:
    """One byte string for equal values: JSON with sorted keys; datetimes to the millisecond, as MongoDB keeps them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_datetime).encode()


def digest(value: object) -> str:
    """Hex SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


def verify_digest(value: object, expected: object, subject: str) -> None:
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


def _datetime(value: object) -> dict[str, str]:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return {"$date": value.isoformat(timespec="milliseconds")}
    raise StoreError(
        "a model's document",
        found=f"a {type(value).__name__} among its values",
        expected="plain JSON, or times with a time zone",
        remedy="Convert the value before saving the model.",
    )


class Signer:
    """Signs with the first key; accepts the signature of any (rotation: put the new key first, drop the old one later).

    Args:
        keys: Secrets, newest first.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._keys = [key.get_secret_value().encode() for key in keys]

    def sign(self, purpose: str, value: object) -> dict[str, str]:
        """A signature document; `purpose` keeps signatures of one kind from passing for another's."""
        key = self._keys[0]
        return {"algorithm": ALGORITHM, "key": _key_id(key), "value": _mac(key, purpose, value)}

    def verify(self, purpose: str, value: object, signature: object, subject: str) -> None:
        """Refuse what none of the keys has signed.

        Raises:
            ArtifactRejected: No signature, an unknown algorithm, or one that does not fit.
        """
        if not isinstance(signature, dict) or signature.get("algorithm") != ALGORITHM:
            raise _rejected(subject, f"no {ALGORITHM} signature")
        known = [key for key in self._keys if signature.get("key") == _key_id(key)]
        if not known:
            raise _rejected(subject, "a signature by a key that is not known here")
        claimed = str(signature.get("value")).encode()
        try:
            expected = _mac(known[0], purpose, value).encode()
        except StoreError:
            raise _rejected(subject, "values of a type that is never signed") from None
        if not hmac.compare_digest(expected, claimed):
            raise _rejected(subject, "content that does not match its signature")


def _key_id(key: bytes) -> str:
    return hmac.digest(key, b"brain key id", "sha256").hex()[:16]


def _mac(key: bytes, purpose: str, value: object) -> str:
    return hmac.digest(key, purpose.encode() + b"\0" + canonical(value), "sha256").hex()


def _rejected(subject: str, found: str) -> ArtifactRejected:
    return ArtifactRejected(
        subject,
        found=found,
        expected="a document signed with one of BRAIN_SIGNING_KEYS and unaltered since",
        remedy="It was not used. Restore the key, train the model again, or roll back to an earlier version.",
    )
