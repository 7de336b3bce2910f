"""Documents as they come from the server: decoded one by one, so that one that cannot be decoded stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from brain.core.errors import ArtifactRejected
from brain.core.keys import ModelKey

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]

OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True)
# Whatever a document holds, the server's answer about it is read: a write that it refuses quotes the document.
LENIENT: CodecOptions[Document] = CodecOptions(
    tz_aware=True, unicode_decode_error_handler="replace", datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
RAW = LENIENT.with_options(document_class=RawBSONDocument)


def decoded(raw: RawBSONDocument, subject: str) -> Document:
    """The document.

    Raises:
        ArtifactRejected: It holds what no client of ours has written: text that is no UTF-8, times without a date, ….
    """
    try:
        return bson.decode(raw.raw, OPTIONS)
    except (bson.errors.BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ArtifactRejected(
            subject,
            found=f"bytes that are no document ({error})",
            expected="what brain has stored",
            remedy="It was not used. Train the model again, or delete it with `brain models delete`.",
        ) from None


def key_in(document: Mapping[str, Any]) -> ModelKey | None:
    """The model key of a document of any of the collections; None if it has none."""
    parts = [document.get(name) for name in ("use_case", "entity", "target")]
    return ModelKey(*parts) if all(isinstance(part, str) for part in parts) else None  # type: ignore[arg-type]


def keyed(raw: RawBSONDocument, kind: str) -> tuple[ModelKey | None, Document | ArtifactRejected]:
    """A document's model key, if it has one, and the document, or why it is none; decoded once where it is sound.

    Args:
        kind: What it is called: "champion".
    """
    try:
        content = decoded(raw, f"a {kind}")
    except ArtifactRejected as error:
        key = key_in(raw)
        error.subject = f"the {kind} of {key}"
        return key, error
    return key_in(content), content


def sound(content: Document | ArtifactRejected) -> Document:
    """The document that `keyed` found.

    Raises:
        ArtifactRejected: It found none.
    """
    if isinstance(content, ArtifactRejected):
        raise content
    return content
