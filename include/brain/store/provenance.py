"""Where a model's rows came from, without a password in the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from brain.core.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def describe_source(source: Any, keys: Sequence[SecretStr]) -> dict[str, str]:
    """How a source connection is stored: a name as it is, a URL encrypted with the first key.

    Args:
        source: The name of an Airflow Connection or a secret; or a URL, or an SQLAlchemy engine.

    Raises:
        StoreError: It is none of these.
    """
    text = _text(source)
    if "://" not in text:
        return {"reference": text}
    return {"encrypted": _box(keys).encrypt(text.encode()).decode()}


def read_source(stored: Mapping[str, str], keys: Sequence[SecretStr]) -> str | SecretStr:
    """The name as text, or the decrypted URL as a secret.

    Raises:
        StoreError: None of the keys decrypts it, or it was altered.
    """
    if "reference" in stored:
        return stored["reference"]
    try:
        return SecretStr(_box(keys).decrypt(stored["encrypted"].encode()).decode())
    except InvalidToken:
        raise StoreError(
            "source_connection",
            found="a URL that none of the present keys decrypts",
            expected="one encrypted with one of BRAIN_ENCRYPTION_KEYS",
            remedy="Add the key it was encrypted with to BRAIN_ENCRYPTION_KEYS.",
        ) from None


def _box(keys: Sequence[SecretStr]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.get_secret_value()) for key in keys])
    except ValueError:
        raise SettingsError(
            "BRAIN_ENCRYPTION_KEYS",
            found="a value that is no Fernet key",
            expected="comma-separated url-safe base64 of 32 bytes each",
            remedy="`brain keys new` prints one.",
        ) from None


def _text(source: Any) -> str:
    if isinstance(source, SecretStr):
        source = source.get_secret_value()
    places: tuple[Any, Any] = (source, getattr(source, "url", None))
    for url in places:
        if hasattr(url, "render_as_string"):
            return str(url.render_as_string(hide_password=False))
    if not isinstance(source, str) or not source.strip() or not source.isprintable():
        raise StoreError(
            "source_conn",
            found="no text that can be stored"
            if isinstance(source, str)
            else f"a value of type {type(source).__name__}",
            expected="the name of a connection, its URL, or an SQLAlchemy engine",
            remedy="Nothing was stored. Name the connection the rows came from.",
        )
    return source
