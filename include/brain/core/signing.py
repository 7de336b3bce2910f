"""Signatures: who wrote this, and is it still what was written?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import bson

from brain.core.errors import SettingsError, StoreError
from brain.core.signing_keys import ALGORITHMS, read_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr


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

    Where the first key is a public one, it verifies only.

    Args:
        keys: As `brain.core.signing_keys` reads them, newest first.
        variable: Where they are set, for messages.
    """

    def __init__(self, keys: Sequence[SecretStr], variable: str = "BRAIN_SIGNING_KEYS") -> None:
        self._given = tuple(keys)
        self.variable = variable
        made = [read_key(key.get_secret_value()) for key in keys]
        self._keys = {key.id: key for key in reversed(made)}  # of a pair that is named twice the first half counts
        self._newest = made[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._given, self.variable)

    @property
    def signs(self) -> bool:
        """Whether the first key can sign."""
        return self._newest.signs

    def require_signing(self) -> None:
        """Refuse to begin what would have to be signed in the end.

        Raises:
            SettingsError: The first key only verifies.
        """
        if not self.signs:
            raise SettingsError(
                self.variable,
                found="a public key in the first place, which verifies and cannot sign",
                expected="a key that signs",
                remedy="Run this where the private key is. With a public key a process reads, publishes and, with "
                "BRAIN_STAGING_KEYS, scores.",
            )

    def sign(self, purpose: str, value: Mapping[str, Any]) -> dict[str, str]:
        """A signature document; `purpose` keeps signatures of one kind from passing for another's.

        Raises:
            SettingsError: The first key only verifies.
        """
        self.require_signing()
        return {
            "algorithm": self._newest.algorithm,
            "key": self._newest.id,
            "value": self._newest.sign(_content(purpose, value)),
        }

    def problem(self, purpose: str, value: Mapping[str, Any], signature: object) -> str:
        """What is wrong with a signature of `value`; empty if one of the keys has made it."""
        if not isinstance(signature, dict) or signature.get("algorithm") not in ALGORITHMS:
            return f"no signature by {' or '.join(ALGORITHMS)}"
        key = self._keys.get(str(signature.get("key")))
        if key is None:
            return "a signature by a key that is not known here"
        if key.algorithm != signature["algorithm"]:
            return f"a signature that claims {signature['algorithm']} of a key of {key.algorithm}"
        try:
            fits = key.fits(_content(purpose, value), str(signature.get("value")))
        except StoreError:
            return "values of a type that is never signed"
        return "" if fits else "content that does not match its signature"

    def is_newest(self, signature: object) -> bool:
        """Whether a signature names the key that signs here."""
        return isinstance(signature, dict) and signature.get("key") == self._newest.id

    def shares_a_key_with(self, other: Signer) -> bool:
        """Whether one key, or a half of one pair, is among those of both."""
        return not self._keys.keys().isdisjoint(other._keys)

    def lacks_key(self, signature: object) -> bool:
        """Whether a signature names a key that is not among ours: nothing can be said of what it covers."""
        return isinstance(signature, dict) and signature.get("key") not in self._keys


def _content(purpose: str, value: Mapping[str, Any]) -> bytes:
    return purpose.encode() + b"\0" + canonical(value)
