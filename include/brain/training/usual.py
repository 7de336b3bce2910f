"""What is usual among the other assets of the grid, taken from the lake once for all chunks of a run."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import BrainError
from brain.core.keys import target_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    import pandas as pd

    from brain.extract.lake import Lake, Snapshot

FOLDER = "usual_shares"

log = logging.getLogger(__name__)

Counts = dict[int, tuple[int, int]]  # by horizon: ups, labelled rows


@dataclass(frozen=True)
class GridShares:
    """Ups and labelled rows of every asset by horizon."""

    counts: Mapping[str, Counts]

    def without(self, asset: str) -> dict[int, float]:
        """Share of ups over the other assets' rows, by horizon; a horizon none of them knows is left out."""
        others = [counts for name, counts in self.counts.items() if name != asset]
        ups: dict[int, int] = {}
        rows: dict[int, int] = {}
        for counts in others:
            for horizon, (up, known) in counts.items():
                ups[horizon] = ups.get(horizon, 0) + up
                rows[horizon] = rows.get(horizon, 0) + known
        return {horizon: ups[horizon] / known for horizon, known in rows.items() if known}


def counted(frame: pd.DataFrame, horizons: Sequence[int]) -> Counts:
    """Ups and known rows of one asset's RETURNSn, NaN where unknown; a horizon it has no column for is left out."""
    counts: Counts = {}
    for horizon in horizons:
        if target_name(horizon) in frame.columns:
            known = frame[target_name(horizon)].to_numpy(dtype=np.float64, na_value=np.nan)
            known = known[np.isfinite(known)]
            counts[horizon] = int((known >= 0).sum()), len(known)
    return counts


def grid_shares(lake: Lake, names: Sequence[str], horizons: Sequence[int], day: date) -> GridShares:
    """Counts over the assets' rows known on `day`.

    Kept in the lake under the hash of the snapshots they are made from, so that of many chunks only the first reads
    them. An asset that cannot be read is left out: its own training meets the same error, and reports it.
    """
    snapshots = list(_snapshots(lake, names, day))
    made_from = json.dumps([list(horizons), *([s.asset, s.sha256] for s in snapshots)])
    kept = f"{FOLDER}/{hashlib.sha256(made_from.encode()).hexdigest()}.json"
    try:
        return _from_json(json.loads(lake.storage.read(kept)))
    except FileNotFoundError:
        shares = GridShares(dict(_counts(lake, snapshots, horizons)))
        lake.storage.write(kept, json.dumps(shares.counts).encode())
        return shares


def _from_json(value: Mapping[str, Mapping[str, tuple[int, int]]]) -> GridShares:
    return GridShares({name: {int(h): (ups, rows) for h, (ups, rows) in by.items()} for name, by in value.items()})


def _snapshots(lake: Lake, names: Sequence[str], day: date) -> Iterator[Snapshot]:
    for name in names:
        try:
            snapshot = lake.as_of(name, day)
        except Exception as error:  # whatever is wrong with this asset must not stop the others
            log.warning("%s is left out of the usual share of ups: %s", name, error)
            continue
        if snapshot is not None:
            yield snapshot


def _counts(lake: Lake, snapshots: Sequence[Snapshot], horizons: Sequence[int]) -> Iterator[tuple[str, Counts]]:
    for snapshot in snapshots:
        targets = [target_name(horizon) for horizon in horizons if target_name(horizon) in snapshot.columns]
        try:
            yield snapshot.asset, counted(lake.read(snapshot, targets), horizons)
        except BrainError as error:
            log.warning("%s is left out of the usual share of ups: %s", snapshot.asset, error)
