"""What decides every number that scoring gives, as one hash: told without a model and without a row.

Importing it is cheap: on a day with nothing new no model is read.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from brain.core.own_code import hash_of_code
from brain.store.champions import read_present
from brain.usecases.direction.names import NAME, SPACE, model_key
from brain.warehouse.extraction_runs import failing_extractions

if TYPE_CHECKING:
    from brain.usecases.protocol import Run

_LIBRARIES = ("numpy", "pandas", "scipy", "onnx", "onnxruntime", "pyarrow", "zstandard")


def scored_from(run: Run) -> str | None:
    """A hash of code, libraries, catalogue, snapshots and champions with their verdicts.

    None where a row would say more than its number: an asset without a snapshot or with a failed extraction, a cell
    without a champion, or with one that the moment of the run cannot know yet.
    """
    if failing_extractions(run.settings.warehouse_url, NAME, run.moment):
        return None
    snapshots = []
    for asset in run.section.assets:
        snapshot = run.lake.as_of(SPACE, asset.name, run.moment)
        if snapshot is None:
            return None
        snapshots.append([asset.name, snapshot.data_sha256, str(snapshot.watermark), str(snapshot.cut)])
    keys = [model_key(asset.name, horizon) for asset in run.section.assets for horizon in asset.horizons]
    champions = []
    for key, present in read_present(run.store.backend, keys, moves=False).items():
        pointer = present.pointer
        if pointer is None or present.unsound or pointer.trained_at > run.moment.at:
            return None
        if pointer.verdict is not None and pointer.verdict.decided_for > run.moment.at:
            return None
        claims = None if pointer.verdict is None else pointer.verdict.has_skill
        champions.append([str(key), pointer.version, claims])
    told = [hash_of_code((".",), _LIBRARIES), run.section.model_dump(mode="json"), snapshots, sorted(champions)]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
