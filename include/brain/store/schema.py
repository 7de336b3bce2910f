"""The collections, their indexes and their validators.

The keys of `models` and `champions` start with (use_case, entity), which is the shard key of a sharded deployment:
docs/decisions/shard-key.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, IndexModel
from pymongo.errors import OperationFailure

from brain.core.errors import StoreError
from brain.portable.preparation import PREPARATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymongo.database import Database

MODELS, CHAMPIONS, WAITING, DECISIONS, ARTIFACTS = "models", "champions", "waiting", "decisions", "artifacts"
NAMESPACE_EXISTS = 48
KEY = ("use_case", "entity", "target")

_TEXT = {"bsonType": "string", "minLength": 1}
_HEX_128 = "^[0-9a-f]{128}$"
_HASH = {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"}
_WHOLE = {"bsonType": ["int", "long"], "minimum": 1}
_NUMBER = {"bsonType": ["double", "int", "long"]}
_DATE = {"bsonType": "date"}
_SIGNATURE = {
    "bsonType": "object",
    "required": ["algorithm", "key", "value"],
    "properties": {"key": _TEXT},
    "oneOf": [
        {"properties": {"algorithm": {"enum": ["HMAC-SHA256"]}, "value": _HASH}},
        {"properties": {"algorithm": {"enum": ["Ed25519"]}, "value": {"bsonType": "string", "pattern": _HEX_128}}},
    ],
}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    names = {"required": list(required)} if required else {}  # the server refuses an empty list
    return {"bsonType": "object", **names, "properties": {**required, **(optional or {})}, **others}


_KEY_FIELDS: dict[str, Any] = {"_id": _TEXT, "use_case": _TEXT, "entity": _TEXT, "target": _TEXT, "version": _WHOLE}

# In the document, or in GridFS.
_PAYLOADS = [
    {"required": ["payload"], "properties": {"artifact": {"properties": {"storage": {"enum": ["inline"]}}}}},
    {
        "not": {"required": ["payload"]},
        "properties": {"artifact": {"properties": {"storage": {"enum": ["gridfs"]}}}},
    },
]


def _format(number: int, required: dict[str, Any]) -> dict[str, Any]:
    return {"required": list(required), "properties": {"format": {"enum": [number]}, **required}}


_FORMATS = [
    _format(1, {"calibration": _object({"base_rate": _NUMBER, "slope": _NUMBER})}),
    _format(
        2,
        {
            "head": _object({"kind": _TEXT}),
            "input": _object({"name": _TEXT, "shape": {"bsonType": "array"}}),
            "output": _object({"name": _TEXT, "width": _WHOLE}),
            "preparation": {"enum": list(PREPARATIONS)},
        },
    ),
]

VALIDATORS: dict[str, dict[str, Any]] = {
    MODELS: _object(
        {
            **_KEY_FIELDS,
            "format": {"enum": [1, 2]},
            "name": _TEXT,
            "created_on": _DATE,
            "trained_at": _DATE,
            "searched_at": _DATE,
            "schema": {
                "bsonType": "array",
                "minItems": 1,
                "items": _object({"name": _TEXT, "type": _TEXT}, additionalProperties=False),
            },
            "source_tables": {"bsonType": "array", "items": _TEXT},
            "source_connection": _object(
                {},
                {"reference": _TEXT, "encrypted": _TEXT},
                additionalProperties=False,
                minProperties=1,
                maxProperties=1,
            ),
            "description": {"bsonType": "string"},
            "hyper_parameters": {"bsonType": "object"},
            "metrics": {"bsonType": "object"},
            "data": _object({"snapshot": {"bsonType": "string"}, "watermark": _DATE}),
            "window": {"bsonType": "object"},
            "libraries": {"bsonType": "object"},
            "artifact": _object(
                {
                    "format": {"enum": ["onnx"]},
                    "codec": {"enum": ["zstd"]},
                    "size": _WHOLE,
                    "stored_size": _WHOLE,
                    "sha256": _HASH,
                    "storage": {"enum": ["inline", "gridfs"]},
                    "opsets": {"bsonType": "object"},
                    "max_difference": _NUMBER,
                }
            ),
            "record_sha256": _HASH,
            "signature": _SIGNATURE,
        },
        {"payload": {"bsonType": "binData"}},
        allOf=[{"oneOf": _PAYLOADS}, {"oneOf": _FORMATS}],
    ),
    CHAMPIONS: _object(
        {**_KEY_FIELDS, "model": _TEXT, "trained_at": _DATE, "signature": _SIGNATURE},
        {
            "format": {"enum": [2]},  # a pointer of format 1 does not say so
            "counter": _WHOLE,
            "last_version": _WHOLE,
            "verdict": _object(
                {"has_skill": {"bsonType": "bool"}, "decided_for": _DATE},
                {"signature": _SIGNATURE},  # in format 1
            ),
        },
    ),
    WAITING: _object(
        {
            **_KEY_FIELDS,
            "format": {"enum": [1]},
            "model": _TEXT,
            "identity": _TEXT,
            "trained_at": _DATE,
            "champion": _WHOLE,
            "moves_sha256": {"bsonType": "string"},
            "reason": _TEXT,
            "degraded": {"bsonType": "string"},
            "signature": _SIGNATURE,
        },
        {"rejected_at": _DATE},
    ),
    DECISIONS: _object(
        {
            "_id": _TEXT,
            "use_case": _TEXT,
            "entity": _TEXT,
            "target": _TEXT,
            "interval_end": _DATE,
            "action": {"enum": ["search", "refresh", "skip", "failed"]},
            "reason": {"bsonType": "string"},
        }
    ),
}

UNIQUE_KEYS = (("_id",), KEY, (*KEY, "version"), (*KEY, "interval_end"))  # of the indexes below
_BY_KEY = [(name, ASCENDING) for name in KEY]
INDEXES: dict[str, list[IndexModel]] = {
    MODELS: [IndexModel([*_BY_KEY, ("version", ASCENDING)], name="key", unique=True)],
    CHAMPIONS: [IndexModel(_BY_KEY, name="key", unique=True)],
    WAITING: [IndexModel(_BY_KEY, name="key")],
    DECISIONS: [
        IndexModel([*_BY_KEY, ("interval_end", ASCENDING)], name="key", unique=True),
        IndexModel([("interval_end", ASCENDING)], name="interval"),
    ],
}


def prepare(database: Database[dict[str, Any]]) -> None:
    """Create what is missing and bring validators up to date; harmless when repeated or run twice at once.

    Raises:
        StoreError: In the place of a collection stands what cannot hold models.
    """
    present = {entry["name"]: entry for entry in database.list_collections()}
    _require_ordinary(database.name, present)
    for name, schema in VALIDATORS.items():
        validator = {"$jsonSchema": schema}
        if name not in present:
            _create(database, name, validator)
        elif present[name].get("options", {}).get("validator") != validator:
            database.command("collMod", name, validator=validator, validationLevel="strict", validationAction="error")
        if missing := _missing(database, name):
            database[name].create_indexes(missing)


def _require_ordinary(name: str, present: Mapping[str, Any]) -> None:
    """A view takes no writes; a capped collection takes no longer documents, and drops the oldest."""
    for collection in (*VALIDATORS, f"{ARTIFACTS}.files", f"{ARTIFACTS}.chunks"):
        entry = present.get(collection, {})
        kind = "capped collection" if entry.get("options", {}).get("capped") else entry.get("type", "collection")
        if kind != "collection":
            raise StoreError(
                f"MongoDB: {name}.{collection}",
                found=f"a {kind}",
                expected="an ordinary collection",
                remedy="Rename it and put the collection back; where there is none, models are trained anew.",
            )


def _missing(database: Database[dict[str, Any]], name: str) -> list[IndexModel]:
    """A login that may only read comes through where none is."""
    present = database[name].index_information()
    wanted = {index.document["name"]: index for index in INDEXES[name]}
    return [index for key, index in wanted.items() if not _is(present.get(key, {}), index.document)]


def _is(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return found.get("key") == list(wanted["key"].items()) and bool(found.get("unique")) == wanted.get("unique", False)


def _create(database: Database[dict[str, Any]], name: str, validator: dict[str, Any]) -> None:
    try:
        database.create_collection(name, check_exists=False, validator=validator, validationLevel="strict")
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:  # another process was faster
            raise
