"""The share of ups among an asset's peers, the other assets; counted from the lake once for all chunks of a run."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import BrainError, LakeError, StorageUnavailable
from brain.usecases.direction.names import DATE, SPACE, target_name
from brain.usecases.protocol import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot

    Values = NDArray[np.float64]

EPOCH = 1970
EVEN_OUTCOMES = 2.0  # added to those that are known; each counts as half an up

log = logging.getLogger(__name__)

ByYear = dict[int, tuple[int, int]]  # ups and labelled rows, by the year in which the labels ended
Counts = dict[int, ByYear]  # by horizon


@dataclass(frozen=True)
class PeerShares:
    """Ups and labelled rows of an asset's peers, from which follows their share of ups as known at any time."""

    counts: Counts

    def by_row(self, horizons: Sequence[int], dates: NDArray[np.datetime64]) -> dict[int, Values]:
        """By horizon, the share of ups as known on each of `dates`, ascending; arrays of shape (n,).

        It is the share among labels that ended in an earlier year; on the last date, which is today's, among all. Where
        none is known, `EVEN_OUTCOMES` make it 1/2.
        """
        years = dates.astype("datetime64[Y]").astype(np.int64) + EPOCH
        return {horizon: self._known_before(horizon, years) for horizon in horizons}

    def _known_before(self, horizon: int, years: NDArray[np.int64]) -> Values:
        by_year = sorted(self.counts.get(horizon, {}).items())
        ups, rows = (np.cumsum([0, *(counts[which] for _, counts in by_year)]) for which in (0, 1))
        at = np.searchsorted([year for year, _ in by_year], years)
        at[-1] = len(by_year)
        shares: Values = (ups[at] / horizon + EVEN_OUTCOMES / 2) / (rows[at] / horizon + EVEN_OUTCOMES)
        return shares


@dataclass(frozen=True)
class UpCounts:
    """Ups and labelled rows of every asset."""

    counts: Mapping[str, Counts]

    def without(self, asset: str) -> PeerShares:
        """Those of an asset's peers, added up."""
        own = self.counts.get(asset, {})
        return PeerShares({h: _less(by_year, own.get(h, {})) for h, by_year in self._together.items()})

    @cached_property
    def _together(self) -> Counts:
        together: Counts = {}
        for by_horizon in self.counts.values():
            for horizon, by_year in by_horizon.items():
                sums = together.setdefault(horizon, {})
                for year, (ups, rows) in by_year.items():
                    before = sums.get(year, (0, 0))
                    sums[year] = before[0] + ups, before[1] + rows
        return together


def _less(all_of_them: ByYear, own: ByYear) -> ByYear:
    return {year: (u - own.get(year, (0, 0))[0], n - own.get(year, (0, 0))[1]) for year, (u, n) in all_of_them.items()}


def count_ups(frame: pd.DataFrame, horizons: Sequence[int]) -> Counts:
    """Ups and labelled rows of one asset by horizon; a horizon without a RETURNSn column is left out."""
    years = frame[DATE].to_numpy().astype("datetime64[Y]").astype(np.int64) + EPOCH
    counts: Counts = {}
    for horizon in horizons:
        if target_name(horizon) in frame.columns:
            returns = frame[target_name(horizon)].to_numpy(dtype=np.float64, na_value=np.nan)
            known = np.flatnonzero(np.isfinite(returns))
            ended, place = np.unique(years[np.minimum(known + horizon, len(years) - 1)], return_inverse=True)
            ups, rows = np.bincount(place, weights=returns[known] >= 0), np.bincount(place)
            counts[horizon] = {int(y): (int(u), int(n)) for y, u, n in zip(ended, ups, rows, strict=True)}
    return counts


def up_counts(lake: Lake, names: Sequence[str], horizons: Sequence[int], day: date) -> UpCounts:
    """Ups and labelled rows of the assets `names`, among the rows known on `day`.

    They are kept in the lake under the hash of the snapshots they are made from, so that only the first of many chunks
    reads the snapshots. What is kept is a cache: where it cannot be read or written (a full disk), they are counted
    again. An asset that cannot be read is left out: its own training meets the same error and reports it.
    """
    snapshots = list(_snapshots(lake, names, day))
    made_from = json.dumps([list(horizons), *([s.name, s.data_sha256] for s in snapshots)])
    kept = f"{SHARED}/{day:%Y%m%d}/{hashlib.sha256(made_from.encode()).hexdigest()}.json"
    found = _kept(lake, kept)
    if found is None:
        found = UpCounts(dict(_counts(lake, snapshots, horizons)))
        _keep(lake, kept, found)
    return found


def _kept(lake: Lake, name: str) -> UpCounts | None:
    try:
        return _from_json(json.loads(lake.read_signed(name)))
    except FileNotFoundError:
        return None
    except (LakeError, StorageUnavailable, AttributeError, TypeError, ValueError) as error:
        log.warning("the peers' shares of ups are counted again: %s cannot be read: %s", name, error)
        return None


def _keep(lake: Lake, name: str, found: UpCounts) -> None:
    try:
        lake.write_signed(name, json.dumps(found.counts).encode())
    except (LakeError, StorageUnavailable) as error:
        log.warning("each chunk of this run counts the peers' shares of ups by itself: %s", error)


def _from_json(value: Mapping[str, Mapping[str, Mapping[str, tuple[int, int]]]]) -> UpCounts:
    return UpCounts({name: {int(h): _by_year(years) for h, years in by.items()} for name, by in value.items()})


def _by_year(value: Mapping[str, tuple[int, int]]) -> ByYear:
    return {int(year): (ups, rows) for year, (ups, rows) in value.items()}


def _snapshots(lake: Lake, names: Sequence[str], day: date) -> Iterator[Snapshot]:
    for name in names:
        try:
            snapshot = lake.as_of(SPACE, name, day)
        except Exception as error:  # whatever is wrong with this asset must not stop the others
            log.warning("%s is left out of its peers' share of ups: %s", name, error)
            continue
        if snapshot is not None:
            yield snapshot


def _counts(lake: Lake, snapshots: Sequence[Snapshot], horizons: Sequence[int]) -> Iterator[tuple[str, Counts]]:
    for snapshot in snapshots:
        targets = [target_name(horizon) for horizon in horizons if target_name(horizon) in snapshot.columns]
        try:
            yield snapshot.name, count_ups(lake.read(snapshot, targets), horizons)
        except BrainError as error:
            log.warning("%s is left out of its peers' share of ups: %s", snapshot.name, error)
