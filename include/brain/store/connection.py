"""One MongoDB client a process, and the driver's errors as ours."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    InvalidURI,
    OperationFailure,
)

from brain.core.connections import concerns_tls, not_trusted
from brain.core.errors import (
    CredentialsRejected,
    ServerUnreachable,
    SettingsError,
    StorageUnavailable,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr
    from pymongo.database import Database

SELECTION_TIMEOUT_MS = 5_000
AUTHENTICATION_FAILED, UNAUTHORIZED = 18, 13
KEY_NOT_FOUND = 211  # of a server that was killed and has just started: it signs no times yet

_SETTING = "BRAIN_MONGO_URL or the Airflow Connection brain_models"

# By process: a client must not be used across a fork.
_CLIENTS: dict[tuple[int, str], MongoClient[dict[str, Any]]] = {}


def database(url: SecretStr) -> Database[dict[str, Any]]:
    """The database named in the URL's path, through this process's client for that URL.

    Raises:
        SettingsError: The URL is malformed or names no database.
    """
    address = (os.getpid(), url.get_secret_value())
    try:
        if address not in _CLIENTS:
            _CLIENTS[address] = MongoClient(
                address[1], tz_aware=True, appname="brain", serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS
            )
        return _CLIENTS[address].get_default_database()
    except (ConfigurationError, InvalidURI, ValueError):
        # The driver's message may quote the URL, password and all.
        raise SettingsError(
            "BRAIN_MONGO_URL",
            found="a malformed URL, or one without a database",
            expected="mongodb://user:password@host:27017/brain",
            remedy="Correct the variable or the Airflow Connection `brain_models`.",
        ) from None
    except OSError as error:  # of the certificates that the URL names
        raise SettingsError(
            "BRAIN_MONGO_URL",
            found=f"{error.filename or 'a file it names'}: {error.strerror or error}",
            expected="files of certificates that can be read",
            remedy="Correct tlsCAFile and tlsCertificateKeyFile.",
        ) from None


def disconnect(url: SecretStr) -> None:
    """Close this process's client for `url`, if there is one; its threads and sockets go with it."""
    client = _CLIENTS.pop((os.getpid(), url.get_secret_value()), None)
    if client is not None:
        client.close()


@contextmanager
def explained() -> Iterator[None]:
    """Turn the driver's connection and login errors into ours.

    Raises:
        ServerUnreachable: Nothing answers, or the connection was cut.
        CredentialsRejected: The login was refused or lacks a right.
        StorageUnavailable: Another write was in the way each time.
        ServerNotTrusted: Its certificate is not one that the URL accepts.
        StoreError: The server refuses for another reason: a collection is not what it should be, a disk is full, ….
    """
    try:
        yield
    except ConnectionFailure as error:
        if concerns_tls(str(error)):
            raise not_trusted("MongoDB", str(error).partition(", Timeout:")[0], _SETTING) from None
        raise ServerUnreachable(
            "MongoDB",
            found=f"{type(error).__name__} within {SELECTION_TIMEOUT_MS / 1000:g} s",
            expected="a server at BRAIN_MONGO_URL",
            remedy="Start it (`brain up` starts the embedded one) or correct the address; `brain doctor` tries it.",
        ) from error
    except OperationFailure as error:
        if error.code not in (AUTHENTICATION_FAILED, UNAUTHORIZED):
            raise _refusal(error) from error
        raise CredentialsRejected(
            "MongoDB",
            found="a refused login" if error.code == AUTHENTICATION_FAILED else "a login without the right to do this",
            expected="a user that may read and write the database of models",
            remedy="Correct user and password in BRAIN_MONGO_URL, or grant the role readWrite and dbAdmin.",
        ) from None


def _refusal(error: OperationFailure) -> StorageUnavailable | StoreError:
    """What the server says of an operation; it names the collection where it is to blame."""
    details = error.details or {}
    (first, *_) = details.get("writeErrors") or details.get("writeConcernErrors") or [details]
    told = f"error {first.get('code', error.code)}: {str(first.get('errmsg') or error)[:300]}"
    if error.has_error_label("TransientTransactionError") or error.code == KEY_NOT_FOUND:
        passing = "a server that has its keys" if error.code == KEY_NOT_FOUND else "no other write to the same document"
        return StorageUnavailable("MongoDB", found=told, expected=passing, remedy="Run the same again.")
    return StoreError(
        "MongoDB",
        found=told,
        expected="a database of models as Brain prepares it",
        remedy="Look at that collection and at MongoDB's log; `brain doctor` tries the connection.",
    )
