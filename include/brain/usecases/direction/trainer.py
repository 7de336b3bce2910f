"""Trains the models of one asset: decide, search or refit, backtest, blend, fit on everything known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import TrainingError
from brain.learning.candidate import Candidate, Decision, Failed, Skipped, TrainingResult, TrainingWindow
from brain.learning.fitting import BREAKDOWNS, fit, quiet_single_thread
from brain.learning.policy import decide, lost_skill
from brain.learning.recipe import classifiers_of, recipes_of
from brain.learning.search import search
from brain.learning.search_space import CONSTANT
from brain.portable.heads import Blend
from brain.usecases.direction.backtest import backtest, blend_head, compare, metrics, pooled, proofs
from brain.usecases.direction.base_rate import BaseRates
from brain.usecases.direction.cell import cut_cell
from brain.usecases.direction.dataset import prepare
from brain.usecases.direction.names import model_key
from brain.usecases.direction.untouched import made_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    import pandas as pd

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.learning.candidate import ChampionSummary, DataReference
    from brain.learning.fitting import Fitted
    from brain.learning.kept import KeptForecasts
    from brain.learning.policy import Alarm
    from brain.learning.search import SearchResult
    from brain.learning.settings import TrainingSettings
    from brain.usecases.direction.backtest import Backtest
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.usecases.direction.cell import Cell
    from brain.usecases.direction.dataset import AssetDataset
    from brain.usecases.direction.peer_shares import PeerShares

    Parameters = Mapping[str, Any]

CHECK_ROWS = 256
UNPROVEN: dict[str, Any] = {"skill": 0.0, "skill_low": 0.0, "skill_high": 0.0, "skill_error": 0.0, "p_value": 1.0}


@dataclass(frozen=True)
class History:
    """What the models of an asset are trained on.

    Args:
        frame: The snapshot's rows, one row a day, ascending.
        data: Which snapshot it is.
        peers: Shares of ups among the other assets; 1/2 where they are not given.
        corrected: Columns that the extraction found corrected again and again, each with the evidence.
        kept: By horizon, what is known of the forecasts of its models.
    """

    frame: pd.DataFrame
    data: DataReference
    peers: PeerShares | None = None
    corrected: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[int, KeptForecasts] = field(default_factory=dict)

    def made_from(self, spec: AssetSpec) -> str:
        """A hash of what decides the features of its models."""
        return made_from(self.data.data_sha256, spec, self.corrected)


def train_asset(
    history: History,
    spec: AssetSpec,
    champions: Mapping[int, ChampionSummary],
    *,
    moment: Moment,
    horizons: Sequence[int] | None = None,
    force: bool = False,
    alarms: Mapping[int, Alarm] = MappingProxyType({}),
    waiting: Mapping[int, str] = MappingProxyType({}),
) -> list[TrainingResult]:
    """One result for each horizon, in the asset's order; a failure leaves the others untouched.

    Args:
        spec: The asset's catalogue entry.
        champions: The champions in brief, by horizon.
        horizons: The ones to train; all of the asset's if None. The base rates are made from all of them either way;
            the slopes of the blends start from what the others that are trained now had shown.
        force: Search every model anew.
        alarms: By horizon, what live outcomes say against the model.
        waiting: By horizon, why its new rows are not worth a refresh yet.
    """
    chosen = [horizon for horizon in spec.horizons if horizons is None or horizon in horizons]
    try:
        dataset = prepare(history.frame, spec, history.corrected)
    except TrainingError as error:
        return [_failed(model_key(spec.name, horizon), error) for horizon in chosen]
    peers = history.peers.by_row(list(dataset.labels), dataset.dates) if history.peers else {}
    strengths = history.peers.strengths_by_row(list(dataset.labels), dataset.dates) if history.peers else {}
    asset = _Asset(
        spec, dataset, BaseRates.of(dataset.labels, peers, strengths), history.data, moment.at, force, alarms,
        history.made_from(spec), waiting, history.kept,
    )  # fmt: skip
    with quiet_single_thread():
        found = [_train_model(asset, horizon, champions.get(horizon)) for horizon in chosen]
        backtests = [one.whole for one in found if isinstance(one, _Model) and one.whole]
        return [_candidate(asset, one, backtests) if isinstance(one, _Model) else one for one in found]


@dataclass(frozen=True)
class _Asset:
    """What the training of all models of an asset shares."""

    spec: AssetSpec
    dataset: AssetDataset
    base_rates: BaseRates
    data: DataReference
    at: datetime
    force: bool
    alarms: Mapping[int, Alarm]
    made_from: str
    waiting: Mapping[int, str]
    kept: Mapping[int, KeptForecasts]


@dataclass(frozen=True)
class _Model:
    """A trained model, before it is blended.

    Args:
        whole: Its backtest; None for one that only knows the base rate.
        extra: Metrics besides those of the backtest.
    """

    cell: Cell
    champion: ChampionSummary | None
    decision: Decision
    parameters: Parameters
    fitted: Fitted
    whole: Backtest | None
    extra: Mapping[str, Any]
    searched_at: datetime


def _train_model(asset: _Asset, horizon: int, champion: ChampionSummary | None) -> _Model | Skipped | Failed:
    key = model_key(asset.spec.name, horizon)
    decision = decide(
        champion,
        features=asset.dataset.features,
        data_sha256=asset.data.data_sha256,
        now=asset.at,
        settings=asset.spec.training,
        force=asset.force,
        alarm=asset.alarms.get(horizon),
        waiting=asset.waiting.get(horizon, ""),
    )
    if decision.action == "skip":
        return Skipped(key, decision)
    try:
        cell = cut_cell(asset.dataset, horizon, asset.spec.training, asset.base_rates, asset.kept.get(horizon))
        return _model(asset, cell, decision, champion)
    except TrainingError as error:
        return _failed(key, error)
    except BREAKDOWNS as error:
        return Failed(key, f"found a fit that broke down: {error}", "Look at the values of the asset's features.")


def _failed(key: ModelKey, error: TrainingError) -> Failed:
    return Failed(key, f"found {error.found}; expected {error.expected}", error.remedy)


def _model(asset: _Asset, cell: Cell, decision: Decision, champion: ChampionSummary | None) -> _Model:
    if cell.training.thin:
        return _constant(asset, cell, decision, champion)
    if decision.action == "refresh" and champion is not None:
        if not CONSTANT.items() <= dict(champion.parameters).items():
            return _refreshed(cell, decision, champion)
        decision = Decision("search", f"{decision.reason}; the history is long enough for a search now")
    return _searched(asset, cell, decision, champion)


def _constant(asset: _Asset, cell: Cell, decision: Decision, champion: ChampionSummary | None) -> _Model:
    """Too little history to prove anything: a model that only knows the base rate, and says why."""
    parameters = {**CONSTANT, "seed": asset.spec.training.seed}
    (fitted,) = fit(cell.training, parameters, [cell.training.rows])
    thin = cell.training.thin
    decision = replace(decision, reason=f"{decision.reason}; base rate only: {thin}")
    return _Model(cell, champion, decision, parameters, fitted, None, {**UNPROVEN, "reason": thin}, asset.at)


def _refreshed(cell: Cell, decision: Decision, champion: ChampionSummary) -> _Model:
    """The champion's parameters, fitted again."""
    parameters = dict(champion.parameters)
    whole = backtest(cell, parameters)
    return _Model(cell, champion, decision, parameters, whole.fitted, whole, {}, champion.searched_at)


def _searched(asset: _Asset, cell: Cell, decision: Decision, champion: ChampionSummary | None) -> _Model:
    """The best parameters of a search, or the champion's where these did as well lately."""
    settings = asset.spec.training
    known = dict(champion.parameters) if champion and _usable(champion, settings) else None
    found = search(cell.training, settings, recipes_of(known) if known else (), turn=_turn(champion))
    parameters, best = found.parameters, backtest(cell, found.parameters)
    extra = _search_metrics(found)
    if known and known != parameters:
        held = backtest(cell, known)
        extra |= compare(held, best)
        if not extra["candidate_replaces"]:
            parameters, best = known, held
            decision = replace(decision, reason=f"{decision.reason}; the champion's parameters held")
    cell.training.fits.clear()
    return _Model(cell, champion, decision, parameters, best.fitted, best, extra, asset.at)


def _usable(champion: ChampionSummary, settings: TrainingSettings) -> bool:
    return classifiers_of(champion.parameters) <= set(settings.classifiers)


def _turn(champion: ChampionSummary | None) -> int:
    """What tells this search from the last one of the model, so that it does not propose the same pipelines."""
    return int(champion.searched_at.timestamp()) if champion else 0


def _search_metrics(found: SearchResult) -> dict[str, Any]:
    return {
        "trials": found.trials,
        "trials_pruned": found.pruned,
        "trials_failed": found.failed,
        "search_log_loss": found.log_loss,
    }


def _candidate(asset: _Asset, model: _Model, backtests: Sequence[Backtest]) -> Candidate:
    cell, training, settings = model.cell, model.cell.training, asset.spec.training
    if model.whole:
        whole = pooled(model.whole, [other for other in backtests if other is not model.whole])
        head, measured = blend_head(whole), {**metrics(whole, settings), **model.extra}
    else:
        head, measured = Blend(cell.base_rate, slope=0.0, center=model.fitted.center), dict(model.extra)
    return Candidate(
        key=training.key,
        pipeline=model.fitted.pipeline,
        parameters=model.parameters,
        features=cell.features,
        head=head,
        metrics={**measured, **({"leaks": dict(asset.dataset.leaks)} if asset.dataset.leaks else {})},
        window=_window(cell),
        data=asset.data,
        decision=model.decision,
        seed=settings.seed,
        trained_at=asset.at,
        searched_at=model.searched_at,
        check_rows=training.X[training.rows[-CHECK_ROWS:]],
        preparation="float32",
        proofs=proofs(cell),
        description=_description(asset.spec, cell.horizon),
        degraded=lost_skill(model.champion, model.decision, measured, settings.false_discovery_rate),
        extra={
            "dropped": dict(asset.dataset.dropped),
            "bad_ticks": list(asset.dataset.bad_ticks),
            "base_rate": _base_rate(cell),
            "made_from": asset.made_from,
        },
    )


def _window(cell: Cell) -> TrainingWindow:
    rows = cell.training.rows
    end = min(rows[-1] + cell.horizon, len(cell.dates) - 1)
    return TrainingWindow(_day(cell.dates[rows[0]]), _day(cell.dates[rows[-1]]), _day(cell.dates[end]), len(rows))


def _day(date64: np.datetime64) -> date:
    day: date = date64.astype("datetime64[D]").item()
    return day


def _description(spec: AssetSpec, horizon: int) -> str:
    said = f"Probability that Close of {spec.name} is not lower {horizon} rows later."
    return f"{said} {spec.description}".rstrip()


def _base_rate(cell: Cell) -> dict[str, Any]:
    """What the published base rate was made from."""
    rates, row = cell.base_rates, cell.today
    return {
        "share": float(rates.shares(cell.horizon, np.array([row]))[0]),
        "usual_share": rates.peers_at(cell.horizon, row),
        "strength": rates.strength_at(cell.horizon, row),
        "likeness": rates.likeness(row),
        "window": rates.window(row),
    }
