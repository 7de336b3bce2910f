"""Filling a store and a lake with a fleet."""

from __future__ import annotations

from benchmarks.fleet.lake import write_snapshot
from benchmarks.fleet.models import MIX, asset_name, fleet
from brain.core.settings import Settings
from brain.lake.lake import Lake
from brain.store.document import draft
from brain.store.models import ModelStore
from brain.store.writing import Saved, Writer
from brain.usecases.direction.catalogue import Assets, AssetSpec


def fill(
    settings: Settings, assets: int, horizons: int, kinds: tuple[str, ...] = MIX
) -> tuple[ModelStore, Lake, Assets]:
    """Store a champion for each asset and horizon, and a snapshot for each asset."""
    store, lake, origin = ModelStore.open(settings, "direction"), Lake(settings.lake_url), {"reference": "brain_source"}
    writer = Writer(store.backend, origin)
    for candidate, export in fleet(assets, horizons, kinds):
        writer.add(*draft(candidate, export, origin))
    assert all(isinstance(outcome, Saved) and outcome.promoted for outcome in writer.finish())
    for number in range(assets):
        write_snapshot(lake, asset_name(number), number % 4)
    return store, lake, catalogue(assets, horizons)


def catalogue(assets: int, horizons: int) -> Assets:
    """The grid of the fleet."""
    names = [asset_name(number) for number in range(assets)]
    every = tuple(range(1, horizons + 1))
    return Assets(assets=tuple(AssetSpec(name=name, table=name, horizons=every) for name in names))
