"""An ONNX model's bytes at rest: compressed, hashed, and verified before anything is unpacked."""

from __future__ import annotations

import hashlib
import hmac
import threading
from typing import TYPE_CHECKING, Any, cast

import zstandard

from brain.core.errors import ArtifactRejected, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

INLINE_LIMIT = 12 * 2**20  # MongoDB refuses documents above 16 MB; larger payloads go to GridFS
SIZE_LIMIT = 512 * 2**20
LEVEL = 1  # 3 takes three times as long and saves a tenth
_LOCAL = threading.local()


def pack(content: bytes, subject: str) -> tuple[bytes, dict[str, Any]]:
    """The payload to store and its description.

    Raises:
        StoreError: The model is larger than `SIZE_LIMIT`.
    """
    if len(content) > SIZE_LIMIT:
        raise StoreError(
            subject,
            found=f"a model of {len(content):,} bytes",
            expected=f"at most {SIZE_LIMIT:,}",
            remedy="Train a smaller one: fewer or shallower trees, fewer neighbours.",
        )
    payload = _compressor().compress(content)
    return payload, {
        "format": "onnx",
        "codec": "zstd",
        "size": len(content),
        "stored_size": len(payload),
        "sha256": hashlib.sha256(payload).hexdigest(),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "storage": "inline" if len(payload) <= INLINE_LIMIT else "gridfs",
    }


def unpack(payload: object, description: Mapping[str, Any], subject: str) -> bytes:
    """The model's bytes, once the payload is known to be what `description`, whose signature was verified, says.

    Raises:
        ArtifactRejected: It is not.
    """
    if type(payload) is not bytes:
        raise _rejected(subject, "no artifact", "a payload")
    found = hashlib.sha256(payload).hexdigest()
    if not hmac.compare_digest(found, str(description["sha256"])):
        raise _rejected(subject, f"an artifact with sha256 {found[:12]}…", f"{str(description['sha256'])[:12]}…")
    if (description["format"], description["codec"]) != ("onnx", "zstd"):
        raise _rejected(subject, f"{description['codec']}-compressed {description['format']}", "zstd-compressed onnx")
    size = int(description["size"])
    if size > SIZE_LIMIT or zstandard.frame_content_size(payload) != size:
        raise _rejected(subject, "an artifact of another size", f"{size:,} bytes, at most {SIZE_LIMIT:,}")
    return _decompressor().decompress(payload, max_output_size=size)


def _compressor() -> zstandard.ZstdCompressor:
    """The compressor of this thread."""
    if not hasattr(_LOCAL, "compressor"):
        _LOCAL.compressor = zstandard.ZstdCompressor(LEVEL)
    return cast("zstandard.ZstdCompressor", _LOCAL.compressor)


def _decompressor() -> zstandard.ZstdDecompressor:
    """The decompressor of this thread: making one takes longer than decompressing a small model."""
    if not hasattr(_LOCAL, "decompressor"):
        _LOCAL.decompressor = zstandard.ZstdDecompressor()
    return cast("zstandard.ZstdDecompressor", _LOCAL.decompressor)


def _rejected(subject: str, found: str, expected: str) -> ArtifactRejected:
    return ArtifactRejected(
        subject,
        found=found,
        expected=expected,
        remedy="It was not loaded. Train the model again, or roll back to an earlier version.",
    )
