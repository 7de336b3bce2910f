"""Names of units and models: of anything that a text can hold."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from benchmarks.fleet.lake import write_snapshot
from benchmarks.fleet.models import candidate, fitted
from benchmarks.tampering.files import KEYS
from brain.core.errors import BrainError
from brain.core.keys import ModelKey
from brain.core.signing import Signer
from brain.lake.lake import Lake
from brain.lake.snapshot import folder_name
from brain.notebook import require_known
from brain.store.champions import Champion

if TYPE_CHECKING:
    from brain.store.models import ModelStore

PARTS = (
    *("GOLD", "RETURNS", "25", "5", " ", ".", "..", "/", "\\", "~", "%2E", "v1", "@", "$", "$where", "\0", "\n", "\r"),
    *("é", "ß", "漢", "🙂", "\u202e", "\ufeff", "\ud800", "\udfff"),
    *("'", '"', ";", "--", "{}", "[/x]", "[red]"),
)
STORED_EVERY = 10


def fuzz(store: ModelStore, folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Use `count` names as unit and as target: each is refused, or its model and its folder are found again."""
    draw, outcomes = random.Random(seed), Counter[str]()
    lake, folders = Lake(str(folder / "named"), Signer(KEYS)), dict[str, str]()
    for number in range(count):
        name = "".join(draw.choices(PARTS, k=draw.choice((1, 1, 2, 3, 5, 60))))
        target = draw.choice((name, "RETURNS25", f"RETURNS{draw.choice(('0', '05', '25 ', '٢'))}"))
        try:
            outcomes[_outcome(lake, folders, store, name, target, stored=number % STORED_EVERY == 0)] += 1
        except Exception as error:
            outcomes[f"uncaught {type(error).__name__}: {error}"] += 1
    return outcomes


def _outcome(lake: Lake, folders: dict[str, str], store: ModelStore, name: str, target: str, *, stored: bool) -> str:
    place = folder_name(name)
    if "/" in place or "\\" in place or place in (".", "..") or len(place.encode()) > 255:
        return "a folder elsewhere"
    if folders.setdefault(place, name) != name:
        return "two names in one folder"
    try:
        require_known(ModelKey("direction", name, target))
        told = "used"
    except BrainError:
        told = "refused"
    if stored and name and not _is_found_again(lake, store, name, target):
        return "altered number"
    return told


def _is_found_again(lake: Lake, store: ModelStore, name: str, target: str) -> bool:
    """Whether store and lake give back what was written under the name, or have refused it."""
    key = ModelKey("direction", name, target)
    (saved,) = store.add([candidate(key, fitted("logistic", 0), 0)])
    if hasattr(saved, "version"):
        champion = store.champion(key)
        if not isinstance(champion, Champion) or champion.key != key:
            return False
        store.delete(key)
    if lake.manifest("assets", name) is None:
        try:
            write_snapshot(lake, name, 0)
        except ValidationError:  # the catalogue refuses a name that is no text
            return True
    manifest = lake.manifest("assets", name)
    return manifest is not None and manifest.name == name and name in lake.names("assets")
