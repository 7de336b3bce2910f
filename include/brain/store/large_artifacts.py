"""Payloads too large for a document: GridFS files named after the payload's hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.errors import BSONError
from gridfs.errors import CorruptGridFile, NoFile

from brain.core.errors import ArtifactRejected

if TYPE_CHECKING:
    from brain.store.backend import Backend


def keep(backend: Backend, payload: bytes, sha256: str) -> None:
    """Store the payload unless it is there whole; what an interrupted upload left behind is replaced."""
    bucket = backend.large_artifacts
    if next(bucket.find({"_id": sha256, "length": len(payload)}, limit=1), None) is None:
        discard(backend, sha256)
        bucket.upload_from_stream_with_id(sha256, f"{sha256}.onnx.zst", payload)


def fetch(backend: Backend, sha256: str, subject: str) -> bytes:
    """The payload.

    Raises:
        ArtifactRejected: The file or one of its chunks is missing or of the wrong size.
    """
    try:
        content: bytes = backend.large_artifacts.open_download_stream(sha256).read()
    except NoFile:
        raise _rejected(subject, "no GridFS file of the artifact's hash") from None
    except (CorruptGridFile, BSONError, TypeError, ValueError, KeyError, OverflowError) as error:
        raise _rejected(subject, f"a GridFS file with a missing or damaged chunk ({error})") from None
    return content


def discard(backend: Backend, sha256: str) -> None:
    """Delete the payload, whole or in part."""
    try:
        backend.large_artifacts.delete(sha256)
    except NoFile:
        return  # its chunks, if an upload was interrupted, are gone too


def payload_of(backend: Backend, document: dict[str, Any], subject: str) -> object:
    """The payload of a verified document, wherever it is kept."""
    if document["artifact"]["storage"] == "gridfs":
        return fetch(backend, document["artifact"]["sha256"], subject)
    return document.get("payload")


def _rejected(subject: str, found: str) -> ArtifactRejected:
    return ArtifactRejected(
        subject,
        found=found,
        expected="the whole artifact",
        remedy="It was not loaded. Restore the collection artifacts.chunks, or train the model again.",
    )
