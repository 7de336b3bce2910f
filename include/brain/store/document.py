"""The document of one model version: how it is laid out, signed and read back.

The *head* is what scoring needs; its signature covers it, the hash of the artifact and the hash of the *record*, which
is everything else (metrics, proofs, provenance). So scoring verifies what it reads without reading the record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected
from brain.core.keys import ModelKey, Sha256
from brain.portable.evaluate import Evaluator, read_model
from brain.store.artifact import pack, unpack
from brain.store.bson_values import to_plain
from brain.store.signing import digest, verify_digest
from brain.usecases.direction.calibration import Calibration
from brain.usecases.direction.names import horizon_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from brain.learning.candidate import Candidate
    from brain.portable.export import Export
    from brain.store.signing import Signer

FORMAT = 1
PURPOSE = "model"
HEAD = (
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
    "hyper_parameters",
    "calibration",
    "metrics",
    "data",
    "artifact",
    "record_sha256",
)
UNSIGNED = ("payload", "signature")
LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "skl2onnx", "onnx", "onnxruntime")

Document = dict[str, Any]


@dataclass(frozen=True)
class StoredModel:
    """A verified model version.

    Args:
        document: Everything that was read of it, without the artifact.
        content: The ONNX model's bytes.
        features: Columns it takes, in order.
        skill: Out of sample, 1 - log loss / log loss of the base rate; None if it was never measured.
        snapshot: Content hash of the rows it was trained on.
    """

    key: ModelKey
    version: int
    features: tuple[str, ...]
    calibration: Calibration
    skill: float | None
    trained_at: datetime
    snapshot: Sha256
    content: bytes = field(repr=False)
    document: Document = field(repr=False)

    def evaluator(self) -> Evaluator:
        """The model, ready to be evaluated on rows of `features`.

        Raises:
            ArtifactRejected: The artifact is not a model that may be run.
        """
        return read_model(self.content, model_id(self.key, self.version))


def model_id(key: ModelKey, version: int) -> str:
    """``direction/GOLD/RETURNS25/v3``: the document's `_id`; the same key always lands on the same shard."""
    return f"{key}/v{version}"


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
        "hyper_parameters": dict(candidate.parameters),
        "calibration": candidate.calibration.to_json(),
        "metrics": dict(candidate.metrics),
        "data": {"snapshot": candidate.data.snapshot, "watermark": candidate.data.watermark},
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
        "asset": candidate.key.entity,
        "horizon": _horizon(candidate.key),
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


def _horizon(key: ModelKey) -> int | None:
    try:
        return horizon_of(key.target)
    except ValueError:
        return None


@cache
def library_versions() -> dict[str, str]:
    """Installed versions of the libraries a model depends on."""
    return {name: installed_version(name) for name in LIBRARIES}


def finish(body: Document, version: int, signer: Signer) -> Document:
    """The document of a version: numbered and signed."""
    key = ModelKey(body["use_case"], body["entity"], body["target"])
    document = {"_id": model_id(key, version), "version": version, **body}
    document["record_sha256"] = digest(record_of(document))
    document["signature"] = signer.sign(PURPOSE, head_of(document))
    return document


def head_of(document: Mapping[str, Any]) -> Document:
    """What the signature covers."""
    return {name: document.get(name) for name in HEAD}


def record_of(document: Mapping[str, Any]) -> Document:
    """What ``record_sha256`` covers: everything that is neither head, payload nor signature."""
    return {name: value for name, value in document.items() if name not in HEAD and name not in UNSIGNED}


def verify(document: Document, key: ModelKey, version: int, signer: Signer, *, record: bool = False) -> None:
    """Refuse a document that is not, unaltered, the one that was stored as `version` of `key`.

    Args:
        record: Whether the record was read too and is to be verified.

    Raises:
        ArtifactRejected: What is wrong.
    """
    subject = model_id(key, version)
    if document.get("format") != FORMAT:
        raise _rejected(subject, f"document format {document.get('format')!r}", f"format {FORMAT}")
    signer.verify(PURPOSE, head_of(document), document.get("signature"), subject)
    found = (document["use_case"], document["entity"], document["target"], document["version"], document["_id"])
    if found != (key.use_case, key.entity, key.target, version, subject):
        raise _rejected(subject, f"the document of {document['_id']}", "the one of this key and version")
    if record:
        verify_digest(record_of(document), document["record_sha256"], subject)


def read(document: Document, payload: object, key: ModelKey, version: int) -> StoredModel:
    """The model of a verified document.

    Raises:
        ArtifactRejected: The payload is not the artifact the document describes.
    """
    content = unpack(payload, document["artifact"], model_id(key, version))
    document = {**document}
    document.pop("payload", None)
    return StoredModel(
        key=key,
        version=version,
        features=tuple(column["name"] for column in document["schema"]),
        calibration=Calibration.from_json(document["calibration"]),
        skill=document["metrics"].get("skill"),
        trained_at=document["trained_at"],
        snapshot=Sha256(document["data"]["snapshot"]),
        content=content,
        document=document,
    )


def _rejected(subject: str, found: str, expected: str) -> ArtifactRejected:
    return ArtifactRejected(
        subject,
        found=found,
        expected=expected,
        remedy="It was not used. Train the model again, or roll back to an earlier version.",
    )
