"""What is usual in the grid, taken from the lake once for all chunks of a run."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING

from brain.core.errors import BrainError
from brain.core.keys import target_name
from brain.training.base_rate import usual_shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    import pandas as pd

    from brain.extract.lake import Lake, Snapshot

FOLDER = "usual_shares"

log = logging.getLogger(__name__)


def usual_of_grid(lake: Lake, names: Sequence[str], horizons: Sequence[int], day: date) -> dict[int, float]:
    """Share of ups over the assets' rows known on `day`, by horizon.

    Kept in the lake under the hash of the snapshots it is made from, so that of many chunks only the first reads them.
    An asset that cannot be read is left out: its own training meets the same error, and reports it.
    """
    snapshots = list(_snapshots(lake, names, day))
    made_from = json.dumps([list(horizons), *([s.asset, s.sha256] for s in snapshots)])
    kept = f"{FOLDER}/{hashlib.sha256(made_from.encode()).hexdigest()}.json"
    try:
        return {int(horizon): share for horizon, share in json.loads(lake.storage.read(kept)).items()}
    except FileNotFoundError:
        shares = usual_shares(_returns(lake, snapshots, horizons), horizons)
        lake.storage.write(kept, json.dumps(shares).encode())
        return shares


def _snapshots(lake: Lake, names: Sequence[str], day: date) -> Iterator[Snapshot]:
    for name in names:
        try:
            snapshot = lake.as_of(name, day)
        except Exception as error:  # whatever is wrong with this asset must not stop the others
            log.warning("%s is left out of the usual share of ups: %s", name, error)
            continue
        if snapshot is not None:
            yield snapshot


def _returns(lake: Lake, snapshots: Sequence[Snapshot], horizons: Sequence[int]) -> Iterator[pd.DataFrame]:
    for snapshot in snapshots:
        targets = [target_name(horizon) for horizon in horizons if target_name(horizon) in snapshot.columns]
        try:
            yield lake.read(snapshot, targets)
        except BrainError as error:
            log.warning("%s is left out of the usual share of ups: %s", snapshot.asset, error)
