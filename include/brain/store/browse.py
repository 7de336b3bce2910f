"""What `brain models` shows and writes: plain values, ready to print."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from brain.core.errors import BrainError
from brain.store import document
from brain.store.backend import key_of
from brain.store.connection import explained
from brain.store.decisions import Decided, newest_decisions
from brain.store.large_artifacts import payload_of
from brain.store.schema import KEY, MODELS
from brain.store.stored_model import StoredModel, model_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from brain.core.keys import ModelKey
    from brain.store.models import ModelStore


PREPARATION = {
    "none": "features are taken as they are",
    "float32": "features are rounded to float32; what is infinite then is NaN",
}


@dataclass(frozen=True)
class Listed:
    """A line of `brain models list`: a champion."""

    entity: str
    target: str
    version: int
    classifier: str
    trained_at: datetime
    skill: float | None
    has_skill: bool | None
    note: str


@dataclass(frozen=True)
class Past:
    """A line of `brain models history`: a version, and when it was made the champion."""

    version: int
    created_on: datetime
    classifier: str
    skill: float | None
    decision: str
    promoted: tuple[datetime, ...]
    is_champion: bool


@dataclass(frozen=True)
class Difference:
    """A value that differs between two versions."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Checked:
    """A stored version after verification; `problem` is empty where all is well."""

    id: str
    problem: str


def list_models(store: ModelStore, entities: Sequence[str] | None = None) -> list[Listed]:
    """The champions, by key."""
    fields = {
        "format": 1,
        "hyper_parameters.classifier": 1,
        "metrics.skill": 1,
        "metrics.p_value": 1,
        "calibration.has_skill": 1,
    }
    lookup = {"from": MODELS, "localField": "model", "foreignField": "_id", "pipeline": [{"$project": fields}]}
    stages: list[dict[str, Any]] = [
        {"$match": store.scope(entities)},
        {"$sort": dict.fromkeys(KEY, 1)},
        {"$lookup": {**lookup, "as": "found"}},
    ]
    with explained(), store.backend.champions.aggregate(stages) as pointers:
        return [_listed(pointer) for pointer in pointers]


def _listed(pointer: dict[str, Any]) -> Listed:
    found = pointer["found"][0] if pointer["found"] else {}
    notes = [pointer["revised"]["reason"]] if "revised" in pointer else []
    notes += [pointer["degraded"]] if pointer.get("degraded") else []
    verdict = pointer.get("verdict", {"has_skill": _before_verdict(found)})
    return Listed(
        entity=pointer["entity"],
        target=pointer["target"],
        version=pointer["version"],
        classifier=found.get("hyper_parameters", {}).get("classifier", "(missing)"),
        trained_at=pointer["trained_at"],
        skill=found.get("metrics", {}).get("skill"),
        has_skill=verdict.get("has_skill"),
        note="; ".join(notes),
    )


def _before_verdict(found: dict[str, Any]) -> bool | None:
    return document.before_verdict(found) if found.get("format") in document.FORMATS else None


def last_decisions(store: ModelStore, entities: Sequence[str] | None = None) -> list[Decided]:
    """What was last decided for each model and why, in key order."""
    with explained():
        return newest_decisions(store.backend, store.scope(entities))


def show_model(store: ModelStore, key: ModelKey, version: int | None = None) -> dict[str, Any]:
    """Everything the document of a verified version says, without the artifact.

    Raises:
        ModelNotFound: There is no such version.
        ArtifactRejected: It failed verification.
    """
    shown: dict[str, Any] = _plain(store.load(key, version).document)
    return shown


def history(store: ModelStore, key: ModelKey) -> list[Past]:
    """All versions of a model, newest first."""
    chosen = {"use_case": key.use_case, "entity": key.entity, "target": key.target}
    fields = {"version": 1, "created_on": 1, "metrics.skill": 1, "hyper_parameters.classifier": 1, "decision": 1}
    with explained():
        pointer = store.backend.champions.find_one(chosen) or {"version": None, "moves": []}
        found = list(store.backend.models.find(chosen, fields).sort("version", -1))
    return [
        Past(
            version=entry["version"],
            created_on=entry["created_on"],
            classifier=entry["hyper_parameters"].get("classifier", ""),
            skill=entry["metrics"].get("skill"),
            decision=f"{entry['decision']['action']}: {entry['decision']['reason']}",
            promoted=tuple(move["at"] for move in pointer["moves"] if move["version"] == entry["version"]),
            is_champion=entry["version"] == pointer["version"],
        )
        for entry in found
    ]


def diff(store: ModelStore, key: ModelKey, before: int, after: int) -> list[Difference]:
    """What differs between two verified versions, field by field, in name order.

    Versions of different formats are compared in the fields of the present one.
    """
    loaded = (store.load(key, version).document for version in (before, after))
    old, new = (_flat(_plain(document.upgraded(found))) for found in loaded)
    absent = "(absent)"
    return [
        Difference(name, old.get(name, absent), new.get(name, absent))
        for name in sorted(old.keys() | new.keys())
        if old.get(name, absent) != new.get(name, absent)
    ]


def verify_models(store: ModelStore, entities: Sequence[str] | None = None) -> Iterator[Checked]:
    """Verify every stored version in full: signature, record, artifact, and that the model can be read."""
    with explained():
        for found in store.backend.models.find(store.scope(entities)).sort([(name, 1) for name in (*KEY, "version")]):
            yield Checked(str(found["_id"]), _problem(store, found))


def _problem(store: ModelStore, found: dict[str, Any]) -> str:
    key, version = key_of(found), found["version"]
    try:
        document.verify(found, key, version, store.backend.signer, record=True)
        document.read(found, payload_of(store.backend, found, model_id(key, version)), key, version).evaluator()
    except BrainError as error:
        return str(error)
    return ""


def export_model(store: ModelStore, key: ModelKey, version: int | None, folder: Path) -> tuple[Path, Path]:
    """Write a verified version as ``GOLD_RETURNS25_v3.onnx`` and its card beside it; returns both paths.

    The card says how any ONNX runtime, in any language, gets from features to the published value.
    """
    model = store.load(key, version)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{key.entity}_{key.target}_v{model.version}".replace("/", "_")
    onnx, card = folder / f"{stem}.onnx", folder / f"{stem}.json"
    onnx.write_bytes(model.content)
    content = {"usage": _usage(model), **_plain(model.document)}
    card.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    return onnx, card


def _usage(model: StoredModel) -> dict[str, Any]:
    present = document.upgraded(model.document)
    source, output = present["input"], present["output"]
    return {
        "input": {
            "name": source["name"],
            "features": list(model.features),
            "type": present["artifact"]["precision"],
            "shape": source["shape"],
            "preparation": PREPARATION[model.preparation],
        },
        "output": {"name": output["name"], "shape": [None, output["width"]]},
        "head": model.head.to_json(),
        "formula": model.head.formula,
    }


def _plain(value: Any) -> Any:
    """JSON for people: dates in ISO form."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {name: item for key, inner in value.items() for name, item in _flat(inner, f"{prefix}{key}.").items()}
    return {prefix.removesuffix("."): value}
