"""Signatures: who wrote this, and is it still what was written?"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import bson

from brain.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

ALGORITHM = "HMAC-SHA256"


def canonical(value: Mapping[str, Any]) -> bytes:
    """The BSON of `value`: what MongoDB keeps and gives back, order of fields and types of numbers included.

    Raises:
        StoreError: A value has no BSON form.
    """
    try:
        return bson.encode(value)
    except (bson.errors.BSONError, OverflowError, UnicodeError, RecursionError) as error:
        raise StoreError(
            "a model's document",
            found=f"a value that MongoDB cannot keep ({error})",
            expected="plain JSON, or times with a time zone",
            remedy="Convert the value before saving the model.",
        ) from None


def digest(value: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


class Signer:
    """Signs with the first key; accepts the signature of any (rotation: put the new key first, drop the old one later).

    Args:
        keys: Secrets, newest first.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        secrets = [key.get_secret_value().encode() for key in keys]
        self._keys = {_key_id(secret): secret for secret in secrets}
        self._newest = _key_id(secrets[0])

    def sign(self, purpose: str, value: Mapping[str, Any]) -> dict[str, str]:
        """A signature document; `purpose` keeps signatures of one kind from passing for another's."""
        return {
            "algorithm": ALGORITHM,
            "key": self._newest,
            "value": _mac(self._keys[self._newest], purpose, value),
        }

    def problem(self, purpose: str, value: Mapping[str, Any], signature: object) -> str:
        """What is wrong with a signature of `value`; empty if one of the keys has made it."""
        if not isinstance(signature, dict) or signature.get("algorithm") != ALGORITHM:
            return f"no {ALGORITHM} signature"
        key = self._keys.get(str(signature.get("key")))
        if key is None:
            return "a signature by a key that is not known here"
        try:
            expected, claimed = _mac(key, purpose, value).encode(), str(signature.get("value")).encode()
        except (StoreError, UnicodeError):
            return "values of a type that is never signed"
        return "" if hmac.compare_digest(expected, claimed) else "content that does not match its signature"

    def lacks_key(self, signature: object) -> bool:
        """Whether a signature names a key that is not among ours: nothing can be said of what it covers."""
        return isinstance(signature, dict) and signature.get("key") not in self._keys


def _key_id(key: bytes) -> str:
    return hmac.digest(key, b"brain key id", "sha256").hex()[:16]


def _mac(key: bytes, purpose: str, value: Mapping[str, Any]) -> str:
    return hmac.digest(key, purpose.encode() + b"\0" + canonical(value), "sha256").hex()
