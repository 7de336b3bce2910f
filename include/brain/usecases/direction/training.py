"""The verb `train` of direction: an asset's newest snapshot, its champions, its peers, and the trainer."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from brain.core.errors import SourceTableError
from brain.learning.candidate import Candidate, DataReference
from brain.learning.policy import needs_approval
from brain.usecases.direction.drift import drift_alarms
from brain.usecases.direction.keeping import keep_forecasts, kept_forecasts
from brain.usecases.direction.names import SPACE, horizon_of, is_target, model_key
from brain.usecases.direction.peer_shares import up_counts
from brain.usecases.direction.trainer import History, train_asset
from brain.usecases.direction.untouched import corrected_columns, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brain.core.keys import ModelKey
    from brain.learning.candidate import ChampionSummary, TrainingResult
    from brain.learning.policy import Alarm
    from brain.learning.settings import TrainingSettings
    from brain.usecases.protocol import Run


log = logging.getLogger(__name__)


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
            remedy=f"Extract it; `brain doctor` says what its rows lack, `extraction_runs` why {asset} was refused.",
        )
    names, horizons = run.section.names, run.section.horizons
    classes = {asset.name: asset.asset_class for asset in run.section.assets}
    counted = run.once("up counts", lambda: up_counts(run.lake, names, horizons, run.moment.day))
    counts = run.once("up counts by class", lambda: replace(counted, classes=classes))
    data = DataReference(snapshot.data_sha256, snapshot.watermark, snapshot.source_tables)
    summaries = run.store.champion_summaries([asset])
    champions = {horizon_of(key.target): found for key, found in summaries.items() if _is_known(key)}
    bases = {horizon: champion.basis for horizon, champion in champions.items()}
    told = waiting(run, spec, bases.values())
    few = {horizon: told[base.data_sha256] for horizon, base in bases.items() if base.data_sha256 in told}
    frame = run.lake.read(snapshot)
    drifted = drift_alarms(run, spec, frame, {horizon: base for horizon, base in bases.items() if horizon not in few})
    kept = kept_forecasts(run.lake, asset, spec.horizons)
    results = train_asset(
        History(frame, data, counts.without(asset), corrected_columns(run, asset), kept),
        spec,
        bases,
        moment=run.moment,
        horizons=tuple(map(horizon_of, targets)) or None,
        force=force,
        alarms={**drifted, **_live_alarms(run, asset, bases)},
        waiting=few,
    )
    if run.is_recorded:
        keep_forecasts(run.lake, asset, kept)
    return [_asking(result, summaries.get(result.key), spec.training) for result in results]


def _asking(result: TrainingResult, champion: ChampionSummary | None, settings: TrainingSettings) -> TrainingResult:
    """A candidate with why a person must approve it."""
    if not isinstance(result, Candidate):
        return result
    return replace(result, approval=needs_approval(champion, result.metrics, settings))


def _live_alarms(run: Run, asset: str, champions: Mapping[int, ChampionSummary]) -> Mapping[int, Alarm]:
    """By horizon, what live outcomes say against its champion, unless a search has answered it."""
    raised = {horizon: run.alarm(model_key(asset, horizon)) for horizon in champions}
    return {horizon: alarm for horizon, alarm in raised.items() if alarm and alarm.counts(champions[horizon])}


def _is_known(key: ModelKey) -> bool:
    if is_target(key.target):
        return True
    log.warning("skipped: %s predicts no RETURNSn; `brain models delete %s %s` removes it", key, key.entity, key.target)
    return False
