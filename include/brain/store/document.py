"""The document of one model version: how it is laid out, signed and read back.

The *signed* part is what a number needs; its signature covers it, the hash of the artifact and the hash of the
*record*, which is everything else (proofs, provenance, what the base rate was made from). So what is read is verified
without reading the record; who tells why a number is so reads it, too.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any, NamedTuple

from brain.core.errors import ArtifactRejected
from brain.core.keys import ModelKey, Sha256
from brain.core.signing import digest
from brain.portable.heads import read_head
from brain.portable.preparation import PREPARATIONS
from brain.store import format_1
from brain.store.artifact import pack, unpack
from brain.store.bson_values import to_plain
from brain.store.signing import verify as verify_signature
from brain.store.signing import verify_digest
from brain.store.stored_model import Document, StoredModel, model_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brain.core.signing import Signer
    from brain.learning.candidate import Candidate
    from brain.portable.export import Export

# To change what is signed, or what a field means:
# 1. copy SIGNED as it is, and how its fields are read, to a module format_2.py like format_1.py;
# 2. raise FORMAT, change SIGNED, `draft` and `read`, and name the old format in FORMATS;
# 3. let brain.store.schema describe both formats: versions that are stored stay as they are, nothing is migrated;
# 4. keep documents that the release before wrote as a fixture: tests/store/fixtures/make_format_1.py shows how.
FORMAT = 2
SIGNED = (
    "_id",
    "format",
    "use_case",
    "entity",
    "target",
    "version",
    "name",
    "created_on",
    "trained_at",
    "searched_at",
    "schema",
    "input",
    "output",
    "preparation",
    "hyper_parameters",
    "head",
    "metrics",
    "data",
    "artifact",
    "record_sha256",
)
PURPOSE = "model"
UNSIGNED = ("payload", "signature")
LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "skl2onnx", "onnx", "onnxruntime")


class Format(NamedTuple):
    """How documents of one format are read.

    Args:
        signed: Names of the fields that the signature covers, in order.
        upgraded: The verified document with the fields of the present format.
        before_verdict: Whether the model may claim skill while no verdict was passed on it.
    """

    signed: tuple[str, ...]
    upgraded: Callable[[Document], Document]
    before_verdict: Callable[[Mapping[str, Any]], bool | None]


def _before_verdict(document: Mapping[str, Any]) -> bool | None:
    """A model whose skill was tested waits for the judge; one brought from elsewhere is never judged."""
    return None if document["metrics"].get("p_value") is None else False


FORMATS = {
    1: Format(format_1.SIGNED, format_1.upgraded, format_1.before_verdict),
    2: Format(SIGNED, lambda document: document, _before_verdict),
}
SIGNED_BY_ANY = tuple(dict.fromkeys(name for known in FORMATS.values() for name in known.signed))


def draft(candidate: Candidate, export: Export, connection: Mapping[str, str]) -> tuple[Document, bytes]:
    """A candidate's document without version and signature, and its payload.

    Args:
        connection: Where the rows came from: ``{"reference": name}`` or ``{"encrypted": token}``.
    """
    key = candidate.key
    payload, artifact = pack(export.content, str(key))
    body = {
        "format": FORMAT,
        "use_case": key.use_case,
        "entity": key.entity,
        "target": key.target,
        "name": key.target,
        "created_on": candidate.trained_at,
        "trained_at": candidate.trained_at,
        "searched_at": candidate.searched_at,
        "schema": [{"name": name, "type": "double"} for name in candidate.features],
        "input": {"name": export.input_name, "shape": [None, *export.shape], "steps": candidate.steps},
        "output": {"name": export.output_name, "width": export.width},
        "preparation": candidate.preparation,
        "hyper_parameters": dict(candidate.parameters),
        "head": candidate.head.to_json(),
        "metrics": dict(candidate.metrics),
        "data": {"snapshot": candidate.data.data_sha256, "watermark": candidate.data.watermark},
        "artifact": artifact
        | {"exporter": export.exporter, "precision": export.precision, "max_difference": export.max_difference}
        | {"opsets": {domain or "ai.onnx": number for domain, number in export.opsets.items()}},
        **_record(candidate, connection),
    }
    plain: Document = to_plain(body)
    plain["identity"] = digest({name: value for name, value in plain.items() if name not in ("libraries", "decision")})
    return plain, payload


def _record(candidate: Candidate, connection: Mapping[str, str]) -> Document:
    window = candidate.window
    return {
        "source_tables": candidate.data.source_tables,
        "source_connection": dict(connection),
        "description": candidate.description,
        "window": {
            "first": window.first,
            "last": window.last,
            "last_label_end": window.last_label_end,
            "rows": window.rows,
        },
        "decision": {"action": candidate.decision.action, "reason": candidate.decision.reason},
        "seed": candidate.seed,
        "proofs": list(candidate.proofs),
        "extra": dict(candidate.extra),
        "libraries": library_versions(),
    }


@cache
def library_versions() -> dict[str, str]:
    """Installed versions of the libraries a model depends on."""
    return {name: installed_version(name) for name in LIBRARIES}


def finish(body: Document, version: int, signer: Signer) -> Document:
    """The document of a version: numbered and signed."""
    key = ModelKey(body["use_case"], body["entity"], body["target"])
    document = {"_id": model_id(key, version), "version": version, **body}
    document["record_sha256"] = digest(record_of(document))
    document["signature"] = signer.sign(PURPOSE, signed_part(document))
    return document


def signed_part(document: Mapping[str, Any]) -> Document:
    """What the signature covers."""
    return {name: document.get(name) for name in FORMATS[document["format"]].signed}


def record_of(document: Mapping[str, Any]) -> Document:
    """What ``record_sha256`` covers: everything that is neither signed directly, nor payload nor signature."""
    apart = {*FORMATS[document["format"]].signed, *UNSIGNED}
    return {name: value for name, value in document.items() if name not in apart}


def verify(document: Document, key: ModelKey, version: int, signer: Signer, *, record: bool = False) -> None:
    """Refuse a document that is not, unaltered, the one that was stored as `version` of `key`.

    Args:
        record: Whether the record was read too and is to be verified.

    Raises:
        ArtifactRejected: What is wrong.
    """
    subject = model_id(key, version)
    number = document.get("format")
    if not isinstance(number, int) or number not in FORMATS:
        raise rejected(
            subject,
            f"document format {number!r}",
            f"format {' or '.join(map(str, FORMATS))}",
            "It was not used. Update brain if a newer release stored it; otherwise train the model again.",
        )
    verify_signature(signer, PURPOSE, signed_part(document), document.get("signature"), subject)
    found = (document["use_case"], document["entity"], document["target"], document["version"], document["_id"])
    if found != (key.use_case, key.entity, key.target, version, subject):
        raise rejected(subject, f"the document of {document['_id']}", "the one of this key and version")
    if record:
        verify_digest(record_of(document), document["record_sha256"], subject)


def read(document: Document, payload: object, key: ModelKey, version: int) -> StoredModel:
    """The model of a verified document.

    Raises:
        ArtifactRejected: The payload is not the artifact the document describes, or its head or preparation is unknown.
    """
    subject = model_id(key, version)
    content = unpack(payload, document["artifact"], subject)
    document = {**document}
    document.pop("payload", None)
    present = upgraded(document)
    if present["preparation"] not in PREPARATIONS:
        raise rejected(subject, f"the preparation {present['preparation']!r}", f"one of {', '.join(PREPARATIONS)}")
    return StoredModel(
        key=key,
        version=version,
        features=tuple(column["name"] for column in present["schema"]),
        steps=present["input"]["steps"],
        preparation=present["preparation"],
        head=read_head(present["head"], subject),
        before_verdict=before_verdict(document),
        skill=present["metrics"].get("skill"),
        trained_at=present["trained_at"],
        data_sha256=Sha256(present["data"]["snapshot"]),
        content=content,
        document=document,
    )


def upgraded(document: Document) -> Document:
    """A verified document of any format with the fields of the present one."""
    return FORMATS[document["format"]].upgraded(document)


def before_verdict(document: Document) -> bool | None:
    """Whether the model of a verified document may claim skill while no verdict was passed on it."""
    return FORMATS[document["format"]].before_verdict(document)


def rejected(
    subject: str,
    found: str,
    expected: str,
    remedy: str = "It was not used. Train the model again, or roll back to an earlier version.",
) -> ArtifactRejected:
    """The error about a version's document."""
    return ArtifactRejected(subject, found=found, expected=expected, remedy=remedy)
