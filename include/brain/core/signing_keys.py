"""The keys that sign and verify: a shared secret does both, of a pair the public half only verifies.

An entry of BRAIN_SIGNING_KEYS is ``ed25519-private:`` or ``ed25519-public:`` with 32 bytes in URL-safe base64, or else
a shared secret as it stands.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE, PUBLIC = "ed25519-private:", "ed25519-public:"
FAMILY = "ed25519"
LEAST_BYTES, VARIETY, PAIR_BYTES = 16, 8, 32


class Key(Protocol):
    """One key.

    Args:
        algorithm: What a signature by it is called.
        id: Names it in a signature; says nothing of the secret, and is the same for both halves of a pair.
        signs: Whether it can sign; all verify.
    """

    algorithm: str
    id: str
    signs: bool

    def sign(self, content: bytes) -> str:
        """The signature of `content`, as lower-case hexadecimal digits."""
        ...

    def fits(self, content: bytes, value: str) -> bool:
        """Whether `value` is a signature of `content` by this key."""
        ...


class SharedSecret:
    """Who can verify can sign."""

    algorithm = "HMAC-SHA256"
    signs = True

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id = hmac.digest(secret, b"brain key id", "sha256").hex()[:16]

    def sign(self, content: bytes) -> str:
        return hmac.digest(self._secret, content, "sha256").hex()

    def fits(self, content: bytes, value: str) -> bool:
        try:
            return hmac.compare_digest(self.sign(content).encode(), value.encode())
        except UnicodeError:
            return False


class Pair:
    """An Ed25519 key: both halves, or the public one."""

    algorithm = "Ed25519"

    def __init__(self, *, private: bytes | None = None, public: bytes = b"") -> None:
        self._private = private
        self.public = public if private is None else self._signing.public_key().public_bytes_raw()
        self.signs = private is not None
        self.id = hashlib.sha256(b"brain key id" + self.public).hexdigest()[:16]

    @cached_property
    def _signing(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if self._private is None:
            raise ValueError("a public key cannot sign")
        return Ed25519PrivateKey.from_private_bytes(self._private)

    @cached_property
    def _verifying(self) -> Ed25519PublicKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return Ed25519PublicKey.from_public_bytes(self.public)

    def sign(self, content: bytes) -> str:
        return self._signing.sign(content).hex()

    def fits(self, content: bytes, value: str) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            signature = bytes.fromhex(value)
            self._verifying.verify(signature, content)
        except (InvalidSignature, ValueError):
            return False
        return signature.hex() == value


ALGORITHMS = (SharedSecret.algorithm, Pair.algorithm)


def read_key(text: str) -> Key:
    """The key of one entry.

    Raises:
        ValueError: It can be guessed, or starts like a key of a pair and is none. The message does not show it.
    """
    if text.lower().startswith(FAMILY):
        return _pair(text)
    if not _varied(secret := text.encode(), LEAST_BYTES):
        raise ValueError(
            f"a key that can be guessed: fewer than {LEAST_BYTES} bytes, or fewer than {VARIETY} different ones. "
            "`brain keys new` prints one that cannot; what the weak key has signed is to be trained again"
        )
    return SharedSecret(secret)


def _pair(text: str) -> Pair:
    """A mistyped public key must not become a secret that everybody knows."""
    kind, _, encoded = text.partition(":")
    try:
        content = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if kind + ":" not in (PRIVATE, PUBLIC) or len(content) != PAIR_BYTES or not _varied(content, PAIR_BYTES):
        raise ValueError(
            f"a key that starts with {FAMILY} and is none: {PRIVATE} or {PUBLIC} and {PAIR_BYTES} bytes in URL-safe "
            "base64. `brain keys new --ed25519` prints both"
        )
    return Pair(private=content) if kind + ":" == PRIVATE else Pair(public=content)


def _varied(secret: bytes, least: int) -> bool:
    return len(secret) >= least and len(set(secret)) >= VARIETY


def new_pair() -> tuple[str, str]:
    """A fresh key as two entries: the private and the public one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    return PRIVATE + _encoded(private.private_bytes_raw()), PUBLIC + _encoded(private.public_key().public_bytes_raw())


def public_half(text: str) -> str | None:
    """The entry that verifies what the entry `text` signs, and cannot sign; a shared secret has none."""
    key = read_key(text)
    return PUBLIC + _encoded(key.public) if isinstance(key, Pair) else None


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
