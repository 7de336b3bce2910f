"""The verb `train` of direction: an asset's newest snapshot, its champions, its peers, and the trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.errors import SourceTableError
from brain.learning.candidate import DataReference
from brain.usecases.direction.names import SPACE, horizon_of
from brain.usecases.direction.peer_shares import grid_shares
from brain.usecases.direction.trainer import train_asset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.learning.candidate import TrainingResult
    from brain.usecases.protocol import Run


def train_unit(run: Run, asset: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
    """A result for each horizon of an asset, or for those of `targets`.

    Raises:
        SourceTableError: The lake has no snapshot of the asset.
    """
    spec = run.section.asset(asset)
    snapshot = run.lake.as_of(SPACE, asset, run.moment)
    if snapshot is None:
        raise SourceTableError(
            asset,
            found="no snapshot in the lake",
            expected="rows that passed the quality gate",
            remedy="See what `extract_assets` says about it.",
        )
    peers = run.once("peers", lambda: grid_shares(run.lake, run.section.names, run.section.horizons, run.moment))
    champions = run.store.champion_summaries([asset])
    return train_asset(
        run.lake.read(snapshot),
        spec,
        DataReference(snapshot.data_sha256, snapshot.watermark, snapshot.source_tables),
        {horizon_of(key.target): found for key, found in champions.items()},
        moment=run.moment,
        horizons=tuple(map(horizon_of, targets)) or spec.horizons,
        force=force,
        peers=peers.without(asset),
    )
