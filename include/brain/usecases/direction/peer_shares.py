"""The share of ups among an asset's peers, the other assets; counted from the lake once for all chunks of a run."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import BrainError, LakeError, StorageUnavailable
from brain.usecases.direction.base_rate import log_likelihood, outcomes_per_row, usual_strength
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
LEAST_PEERS = 3  # others of a class; with fewer, all assets are the peers
PRIOR_WIDTH = 1.5  # standard deviation of the logarithm of the strength, before any share is known: a factor of 4.5
GRID = np.linspace(-4, 4, 17)  # strengths that are tried, in standard deviations

log = logging.getLogger(__name__)

ByYear = dict[int, tuple[int, int]]  # ups and labelled rows, by the year in which the labels ended
Counts = dict[int, ByYear]  # by horizon


@dataclass(frozen=True)
class PeerShares:
    """What follows from the outcomes of an asset's peers, as known at any time: their share of ups, and its strength.

    Args:
        counts: Ups and labelled rows of all peers together.
        strengths: By horizon and year, how many outcomes the share of the labels that ended by then counts for.
    """

    counts: Counts
    strengths: Mapping[int, Mapping[int, float]] = field(default_factory=dict)

    def by_row(self, horizons: Sequence[int], dates: NDArray[np.datetime64]) -> dict[int, Values]:
        """By horizon, the share of ups as known on each of `dates`, ascending; arrays of shape (n,).

        It is the share among labels that ended in an earlier year; on the last date, which is today's, among all. Where
        none is known, `EVEN_OUTCOMES` make it 1/2.
        """
        return {horizon: self._known_before(horizon, _years(dates)) for horizon in horizons}

    def strengths_by_row(self, horizons: Sequence[int], dates: NDArray[np.datetime64]) -> dict[int, Values]:
        """By horizon, how many outcomes that share counts for, as known on each of `dates`; arrays of shape (n,)."""
        return {horizon: self._strengths(horizon, _years(dates)) for horizon in horizons}

    def _known_before(self, horizon: int, years: NDArray[np.int64]) -> Values:
        by_year = sorted(self.counts.get(horizon, {}).items())
        ups, rows = (np.cumsum([0, *(counts[which] for _, counts in by_year)]) for which in (0, 1))
        at = _place([year for year, _ in by_year], years)
        shares: Values = (ups[at] / horizon + EVEN_OUTCOMES / 2) / (rows[at] / horizon + EVEN_OUTCOMES)
        return shares

    def _strengths(self, horizon: int, years: NDArray[np.int64]) -> Values:
        by_year = sorted(self.strengths.get(horizon, {}).items())
        strengths = np.array([usual_strength(horizon), *(strength for _, strength in by_year)])
        known: Values = strengths[_place([year for year, _ in by_year], years)]
        return known


def _years(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return dates.astype("datetime64[Y]").astype(np.int64) + EPOCH


def _place(known: Sequence[int], years: NDArray[np.int64]) -> NDArray[np.intp]:
    """How many of the years `known` lie before each of `years`; on the last date all count."""
    at = np.searchsorted(known, years)
    at[-1:] = len(known)
    return at


@dataclass(frozen=True)
class UpCounts:
    """Ups and labelled rows of every asset.

    Args:
        classes: The class of an asset, where the catalogue declares one.
    """

    counts: Mapping[str, Counts]
    classes: Mapping[str, str] = field(default_factory=dict)

    def without(self, asset: str) -> PeerShares:
        """Those of an asset's peers: the others of its class if there are `LEAST_PEERS` of them, otherwise all."""
        own = self.counts.get(asset, {})
        group = self._group(self._members(asset))
        counts = {h: _less(by_year, own.get(h, {})) for h, by_year in group.together.items()}
        return PeerShares(counts, {h: group.strengths(h, own.get(h, {})) for h in counts})

    def _members(self, asset: str) -> str:
        """The class whose assets are its peers; empty for all of them."""
        its = self.classes.get(asset, "")
        others = sum(self.classes.get(name, "") == its for name in self.counts if name != asset)
        return its if its and others >= LEAST_PEERS else ""

    def _group(self, members: str) -> UpsTogether:
        if members not in self._groups:
            chosen = [counts for name, counts in self.counts.items() if members in ("", self.classes.get(name, ""))]
            self._groups[members] = UpsTogether(chosen)
        return self._groups[members]

    @cached_property
    def _groups(self) -> dict[str, UpsTogether]:
        return {}


@dataclass(frozen=True)
class UpsTogether:
    """Ups and labelled rows of some assets."""

    assets: Sequence[Counts]

    @cached_property
    def together(self) -> Counts:
        """Those of all added up."""
        together: Counts = {}
        for by_horizon in self.assets:
            for horizon, by_year in by_horizon.items():
                sums = together.setdefault(horizon, {})
                for year, (ups, rows) in by_year.items():
                    before = sums.get(year, (0, 0))
                    sums[year] = before[0] + ups, before[1] + rows
        return together

    def strengths(self, horizon: int, own: ByYear) -> dict[int, float]:
        """By year, how many outcomes the share of all counts for in one of them, from all but the one with `own`.

        The shares of assets come from one beta distribution around the share of all. Its strength is the posterior mean
        (of the logarithm) under a prior around `usual_strength`, as wide as `PRIOR_WIDTH` says: a few assets leave it
        where it was, many that differ much or little move it. What is known by the end of a year counts only.
        """
        years = sorted(self.together[horizon])
        logs = np.log(usual_strength(horizon)) + PRIOR_WIDTH * GRID
        evidence = self._evidence[horizon] - _evidence(horizon, [own], years, self._shares(horizon), np.exp(logs))
        chance = evidence - GRID**2 / 2
        chance = np.exp(chance - chance.max(axis=1, keepdims=True))
        strengths = np.exp(chance @ logs / chance.sum(axis=1))
        return dict(zip(years, strengths.tolist(), strict=True))

    @cached_property
    def _evidence(self) -> dict[int, Values]:
        """By horizon, the log likelihood of the assets' shares by year and strength, shape (years, len(GRID))."""
        found = {}
        for horizon, by_year in self.together.items():
            strengths = usual_strength(horizon) * np.exp(PRIOR_WIDTH * GRID)
            each = [counts.get(horizon, {}) for counts in self.assets]
            found[horizon] = _evidence(horizon, each, sorted(by_year), self._shares(horizon), strengths)
        return found

    def _shares(self, horizon: int) -> Values:
        """The share of all by the end of each year, shape (years,)."""
        by_year = self.together[horizon]
        ups, rows = np.cumsum([by_year[year] for year in sorted(by_year)], axis=0).T / horizon
        shares: Values = (ups + EVEN_OUTCOMES / 2) / (rows + EVEN_OUTCOMES)
        return shares


def _evidence(
    horizon: int, assets: Sequence[ByYear], years: Sequence[int], shares: Values, strengths: Values
) -> Values:
    """Log likelihood of the shares of `assets` known by the end of each year, shape (years, strengths)."""
    counts = np.array([[by_year.get(year, (0, 0)) for year in years] for by_year in assets], dtype=np.float64)
    known = np.cumsum(counts.reshape(len(assets), len(years), 2), axis=1) * outcomes_per_row(horizon)
    a, b = strengths * shares[:, None], strengths * (1 - shares[:, None])
    found: Values = log_likelihood(known[:, :, 0, None], known[:, :, 1, None], a, b).sum(axis=0)
    return found


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
