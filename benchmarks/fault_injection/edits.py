"""What somebody with access but without a key does to lake, staged rows and documents, and how it is undone."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from pymongo.errors import PyMongoError

from benchmarks.tampering.files import edit_row
from benchmarks.tampering.mutations import damaged, mutated
from brain.lake.manifest import seal_of
from brain.scoring.staged import FOLDER
from brain.store.connection import database

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from benchmarks.fault_injection.machine import World
    from brain.core.moment import Moment

LAKE = (
    *("bytes of manifests", "bytes of rows", "a row", "a row", "an older manifest", "a file gone", "junk"),
    "another's folder",
)
DOCUMENTS = (
    *("a mutation", "a mutation", "a number of the head", "the verdict", "the verdict", "an older pointer"),
    "another's content",
)


@dataclass(frozen=True)
class Edit:
    """Something that was changed.

    Args:
        units: Those that may be kept from being fresh.
        undo: Puts back what was there; None where the next run heals it by itself.
    """

    told: str
    units: tuple[str, ...]
    undo: Callable[[], None] | None = None


def edit_lake(world: World, name: str, older: Mapping[str, bytes], draw: random.Random) -> Edit:
    """Alter the manifests or the rows of an input.

    Args:
        older: By input, the manifest of the day before.
    """
    folder, kind = world.folder(name), draw.choice(LAKE)
    manifests, rows = sorted(folder.glob("manifest*.json")), sorted((folder / "segments").iterdir())
    chosen = manifests if draw.random() < 0.5 else manifests[:1]
    if kind == "another's folder":
        return _swapped(world, name, draw)
    if kind == "bytes of manifests":
        for path in chosen:
            path.write_bytes(_damaged_manifest(path.read_bytes(), draw, is_last=chosen == manifests))
    elif kind == "bytes of rows":
        path = draw.choice(rows)
        path.write_bytes(damaged(path.read_bytes(), draw))
    elif kind == "a row":
        for _ in range(4):  # a feature is among what is changed
            edit_row(folder, draw)
    elif kind == "an older manifest" and name in older:
        for path in chosen:
            path.write_bytes(older[name])
    elif kind == "junk":
        for path in chosen:
            path.write_bytes(draw.randbytes(draw.randrange(200)))
    else:
        draw.choice([*manifests, *rows]).unlink()
    return Edit(f"{kind} of {name} in the lake", (name,))


def _damaged_manifest(content: bytes, draw: random.Random, *, is_last: bool) -> bytes:
    """With some bytes altered; not the name of the key where no other is left: those wait for a person."""
    found = damaged(content, draw)
    while is_last and seal_of(content) and seal_of(found) and _key_of(found) not in (None, _key_of(content)):
        found = damaged(content, draw)
    return found


def _key_of(manifest: bytes) -> object:
    signature = json.loads(manifest).get("signature")
    return signature.get("key") if isinstance(signature, dict) else None


def _swapped(world: World, name: str, draw: random.Random) -> Edit:
    another = draw.choice([one for one in world.play.inputs if one != name])
    folder, other = world.folder(name), world.folder(another)
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    shutil.rmtree(folder)
    shutil.copytree(other, folder)

    def undo() -> None:
        shutil.rmtree(folder)
        kept.rename(folder)

    return Edit(f"the folder of {name} is that of {another}", (name,), undo)


def edit_staged(world: World, moment: Moment, chunk: tuple[str, ...], draw: random.Random) -> Edit:
    """Alter the staged rows of a chunk: other numbers under the old signature, or other bytes."""
    for path in sorted((world.lake / FOLDER / moment.slug).rglob("*.parquet")):
        content = path.read_bytes()
        line, _, rows = content.partition(b"\n")
        frame = pd.read_parquet(io.BytesIO(rows))
        if "asset" in frame and set(frame["asset"]) != set(chunk):
            continue
        if draw.random() < 0.3:
            path.write_bytes(damaged(content, draw))
            return Edit(f"bytes of the staged rows of {chunk}", chunk)
        forged, number = io.BytesIO(), world.play.staged_number
        if number not in frame:
            continue
        frame.assign(**{number: draw.random()}).to_parquet(forged, index=False)
        path.write_bytes(line + b"\n" + forged.getvalue())
    return Edit(f"numbers in the staged rows of {chunk}", chunk)


def edit_document(world: World, asset: str, older: Mapping[str, Any], draw: random.Random) -> Edit:
    """Alter one document of an asset's: a champion's pointer, or a version.

    Args:
        older: By `_id`, the pointers of the day before.
    """
    models, kind = database(world.settings.mongo_url), draw.choice(DOCUMENTS)
    where = "champions" if kind in ("the verdict", "an older pointer") or draw.random() < 0.5 else "models"
    if kind == "a number of the head":
        where = "models"
    document = draw.choice(list(models[where].find({"entity": asset}).sort("_id", 1)))
    altered = _altered(document, kind, older, models[where].find_one({"entity": {"$ne": asset}}) or {}, draw)
    places = {"_id": {"$in": [document["_id"], altered.get("_id")]}}

    def undo() -> None:
        models[where].delete_many(places)
        models[where].insert_one(document, bypass_document_validation=True)

    models[where].delete_one({"_id": document["_id"]})
    try:
        models[where].insert_one(altered, bypass_document_validation=True)
    except (PyMongoError, ValueError, TypeError, OverflowError):  # nobody can store that
        kind += " that cannot be stored"
    return Edit(f"{kind} in {where} of {document['_id']}", (asset,), undo)


def _altered(
    document: dict[str, Any], kind: str, older: Mapping[str, Any], other: Mapping[str, Any], draw: random.Random
) -> dict[str, Any]:
    if kind == "the verdict":
        said = document.get("verdict") or {"p_value": 0.001, "decided_for": document["trained_at"]}
        return {**document, "verdict": {**said, "has_skill": not said.get("has_skill", False)}}
    if kind == "a number of the head":
        changed = {n: v * 1.7 + 0.1 if isinstance(v, float) else v for n, v in document["head"].items()}
        return {**document, "head": changed}
    if kind == "an older pointer":
        return dict(older.get(document["_id"], {**document, "counter": document["counter"] - 1}))
    if kind == "another's content":
        own = {name: document[name] for name in ("_id", "use_case", "entity", "target") if name in document}
        return dict(other) | own
    with suppress(Exception):
        return mutated(document, draw)
    return {"_id": document["_id"]}
