"""What `brain models` shows and writes: plain values, ready to print."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected, BrainError, SettingsError, StoreError
from brain.store import document
from brain.store.connection import explained
from brain.store.document import SIGNED_BY_ANY
from brain.store.large_artifacts import payload_of
from brain.store.pointers import moves_of, verify_pointer
from brain.store.reading import decoded, key_in, sound
from brain.store.schema import CHAMPIONS, DECISIONS, KEY, MODELS, WAITING
from brain.store.stored_model import StoredModel, model_id
from brain.store.waiting import standing, verify_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bson.raw_bson import RawBSONDocument

    from brain.core.keys import ModelKey
    from brain.store.decisions import Decided
    from brain.store.models import ModelStore
    from brain.store.pointers import MoveMade, Pointer
    from brain.store.waiting import Waiting

_LOG = logging.getLogger(__name__)

PREPARATION = {
    "none": "features are taken as they are",
    "float32": "features are rounded to float32; what is infinite then is NaN",
}


@dataclass(frozen=True)
class Listed:
    """A line of `brain models list`: a champion; without version and time where it is refused."""

    entity: str
    target: str
    version: int | None
    classifier: str
    trained_at: datetime | None
    skill: float | None
    has_skill: bool | None
    note: str


@dataclass(frozen=True)
class Past:
    """A line of `brain models history`: a version, and when it was made the champion; no time where it is refused."""

    version: int
    created_on: datetime | None
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


def stored_entities(store: ModelStore) -> set[str]:
    """What there are models, champions or decisions of."""
    with explained():
        names = [
            name
            for collection in (MODELS, CHAMPIONS, DECISIONS)
            for name in store.backend.raw(collection).distinct("entity", store.scope(None))
        ]
    return {name for name in names if isinstance(name, str)}


def stored_targets(store: ModelStore, entity: str) -> set[str]:
    """What there are models, champions or decisions of, of one entity."""
    with explained():
        names = [
            name
            for collection in (MODELS, CHAMPIONS, DECISIONS)
            for name in store.backend.raw(collection).distinct("target", store.scope([entity]))
        ]
    return {name for name in names if isinstance(name, str)}


def list_models(store: ModelStore, entities: Sequence[str] | None = None) -> list[Listed]:
    """The champions, by key; one that is refused is listed with the reason."""
    fields = dict.fromkeys((*SIGNED_BY_ANY, "signature"), 1)
    with explained():
        found = list(store.joined(entities, None, fields))
        waiting = standing(store.backend, [key for key, _ in found])
        return [_listed(store, key, joined, waiting.get(key)) for key, joined in found]


def _listed(
    store: ModelStore, key: ModelKey, joined: dict[str, Any] | ArtifactRejected, waiting: Waiting | None
) -> Listed:
    try:
        pointer, found = store.verified(joined, key)
        waits = f"v{waiting.version} waits for approval" if waiting and waiting.rejected_at is None else ""
        notes = [waits, _revised(sound(joined).get("revised")), pointer.degraded]
    except StoreError as error:
        return Listed(key.entity, key.target, None, "(refused)", None, None, None, str(error))
    verdict = pointer.verdict_on(key)
    return Listed(
        entity=key.entity,
        target=key.target,
        version=pointer.version,
        classifier=str(found["hyper_parameters"].get("classifier", "(unnamed)")),
        trained_at=pointer.trained_at,
        skill=found["metrics"].get("skill"),
        has_skill=document.before_verdict(found) if verdict is None else verdict.has_skill,
        note="; ".join(filter(None, notes)),
    )


def _note(store: ModelStore, key: ModelKey) -> dict[str, str]:
    """The note on a champion whose rows were corrected since; empty where there is none."""
    with explained():
        raw = store.backend.raw(CHAMPIONS).find_one(_filter(key), {"revised": 1})
    note = decoded(raw, f"the champion of {key}").get("revised") if raw else None
    return {name: str(value) for name, value in note.items()} if isinstance(note, dict) else {}


def _revised(note: object) -> str:
    """Why the rows behind a champion are no longer what they were; an unsigned note."""
    return str(note.get("reason", "")) if isinstance(note, dict) else ""


def last_decisions(store: ModelStore, entities: Sequence[str] | None = None) -> list[Decided]:
    """What was last decided for each model and why, in key order."""
    return store.decided(entities)


def show_model(store: ModelStore, key: ModelKey, version: int | None = None) -> dict[str, Any]:
    """Everything the document of a verified version says, without the artifact, after what was judged of it since.

    Raises:
        ModelNotFound: There is no such version.
        ArtifactRejected: It failed verification.
    """
    pointer = store.pointer(key)
    number = pointer.version if version is None and pointer is not None else version
    shown = _with_verdict(store.load(key, number), pointer)
    return {**shown, "revised": _note(store, key)} if shown["judged"]["is_champion"] else shown


def card(store: ModelStore, key: ModelKey) -> tuple[dict[str, Any], list[Past]]:
    """What `show_model` says of the champion, and all versions, by one and the same pointer, whatever moves meanwhile.

    Raises:
        ModelNotFound: There is no champion.
        ArtifactRejected: It failed verification.
    """
    with explained():
        raw = store.backend.raw(CHAMPIONS).find_one(_filter(key))
    if raw is None:
        return show_model(store, key), history(store, key)
    content = decoded(raw, f"the champion of {key}")
    pointer = verify_pointer(content, key, store.backend.signer, store.backend.counters)
    return _with_verdict(store.load(key, pointer.version), pointer), _versions(store, key, *_moves(store, key, raw))


def _with_verdict(model: StoredModel, pointer: Pointer | None) -> dict[str, Any]:
    """The document as plain values, with ``judged``: what the table goes by. Its own words are older than that."""
    is_champion = pointer is not None and pointer.version == model.version
    verdict = pointer.verdict_on(model.key) if pointer is not None and is_champion else None
    has_skill = model.before_verdict if verdict is None else verdict.has_skill
    judged = {
        "is_champion": is_champion,
        "has_skill": has_skill,
        "decided_for": None if verdict is None else verdict.decided_for.isoformat(),
    }
    said: dict[str, Any] = _plain(model.document)
    if isinstance(said.get("calibration"), dict):  # format 1 says there what was thought before the judge had seen it
        said["calibration"] = {**said["calibration"], "has_skill": has_skill}
    return {"judged": judged, **said}


def history(store: ModelStore, key: ModelKey) -> list[Past]:
    """All versions of a model, newest first; one that is refused is shown with the reason."""
    with explained():
        raw = store.backend.raw(CHAMPIONS).find_one(_filter(key))
    return _versions(store, key, *_moves(store, key, raw))


def _versions(store: ModelStore, key: ModelKey, pointer: Pointer | None, moves: Sequence[MoveMade]) -> list[Past]:
    with explained():
        found = store.backend.raw(MODELS).find(_filter(key), {"payload": 0}).sort("version", -1)
        return [_past(store, key, raw, pointer, moves) for raw in found]


def _filter(key: ModelKey) -> dict[str, str]:
    return {"use_case": key.use_case, "entity": key.entity, "target": key.target}


def _moves(
    store: ModelStore, key: ModelKey, raw: RawBSONDocument | None
) -> tuple[Pointer | None, tuple[MoveMade, ...]]:
    """The pointer and its moves, as far as they pass verification."""
    if raw is None:
        return None, ()
    pointer = None
    try:
        content = decoded(raw, f"the champion of {key}")
        pointer = verify_pointer(content, key, store.backend.signer, store.backend.counters)
        return pointer, moves_of(content, pointer)
    except ArtifactRejected as error:
        _LOG.warning("left out of the history: %s", error)
        return pointer, ()


def _past(
    store: ModelStore, key: ModelKey, raw: RawBSONDocument, pointer: Pointer | None, moves: Sequence[MoveMade]
) -> Past:
    version = raw.get("version")
    number = version if isinstance(version, int) else 0
    is_champion = pointer is not None and pointer.version == number
    try:
        entry = decoded(raw, model_id(key, number))
        document.verify(entry, key, number, store.backend.signer, record=True)
    except ArtifactRejected as error:
        return Past(number, None, "(refused)", None, str(error), (), is_champion)
    return Past(
        version=number,
        created_on=entry["created_on"],
        classifier=str(entry["hyper_parameters"].get("classifier", "")),
        skill=entry["metrics"].get("skill"),
        decision=f"{entry['decision']['action']}: {entry['decision']['reason']}",
        promoted=tuple(move.at for move in moves if move.version == number),
        is_champion=is_champion,
    )


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
    """Verify every stored version in full: signature, record, artifact, and that the model can be read.

    A champion's pointer is verified, too, and what says that a version waits; each is told of where it is refused.
    """
    order = [(name, 1) for name in (*KEY, "version")]
    with explained():
        for raw in store.backend.raw(MODELS).find(store.scope(entities)).sort(order):
            yield Checked(str(raw["_id"]), _problem(store, raw))
        for raw in store.backend.raw(CHAMPIONS).find(store.scope(entities)).sort(order[:-1]):
            if problem := _pointer_problem(store, raw):
                yield Checked(str(raw["_id"]), problem)
        for raw in store.backend.raw(WAITING).find(store.scope(entities)).sort(order[:-1]):
            if problem := _waiting_problem(store, raw):
                yield Checked(str(raw["_id"]), problem)


def _problem(store: ModelStore, raw: RawBSONDocument) -> str:
    key, version = key_in(raw), raw.get("version")
    if key is None or not isinstance(version, int):
        return "it names no model or no version"
    try:
        found = decoded(raw, model_id(key, version))
        document.verify(found, key, version, store.backend.signer, record=True)
        document.read(found, payload_of(store.backend, found, model_id(key, version)), key, version).evaluator()
    except BrainError as error:
        return str(error)
    return ""


def _pointer_problem(store: ModelStore, raw: RawBSONDocument) -> str:
    if (key := key_in(raw)) is None:
        return "it names no model"
    try:
        content = decoded(raw, f"the champion of {key}")
        moves_of(content, verify_pointer(content, key, store.backend.signer, store.backend.counters))
    except BrainError as error:
        return str(error)
    return ""


def _waiting_problem(store: ModelStore, raw: RawBSONDocument) -> str:
    if (key := key_in(raw)) is None:
        return "it names no model"
    try:
        verify_waiting(decoded(raw, f"the waiting version of {key}"), key, store.backend.signer)
    except BrainError as error:
        return str(error)
    return ""


def export_model(store: ModelStore, key: ModelKey, version: int | None, folder: Path) -> tuple[Path, Path]:
    """Write a verified version as ``GOLD_RETURNS25_v3.onnx`` and its card beside it; returns both paths.

    The card says how any ONNX runtime, in any language, gets from features to the published value.

    Raises:
        SettingsError: The folder cannot be written.
    """
    model = store.load(key, version)
    stem = f"{key.entity}_{key.target}_v{model.version}".replace("/", "_")
    onnx, card = folder / f"{stem}.onnx", folder / f"{stem}.json"
    said = _with_verdict(model, store.pointer(key))
    content = {"usage": {**_usage(model), "has_skill": said["judged"]["has_skill"]}, **said}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        onnx.write_bytes(model.content)
        card.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    except OSError as error:
        raise SettingsError(
            str(folder),
            found=error.strerror or type(error).__name__,
            expected="a folder that can be made and written",
            remedy="Name another one with `--to`.",
        ) from error
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
