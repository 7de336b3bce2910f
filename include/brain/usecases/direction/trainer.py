"""Trains the models of one asset: decide, search or refit, backtest, blend, fit on everything known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import TrainingError
from brain.learning.candidate import Candidate, Decision, Failed, Skipped, TrainingResult, TrainingWindow
from brain.learning.fitting import BREAKDOWNS, fit, quiet_single_thread
from brain.learning.policy import decide, lost_skill
from brain.learning.search import search
from brain.learning.search_space import CONSTANT
from brain.portable.heads import Blend
from brain.usecases.direction.backtest import backtest, blend_head, compare, metrics, proofs
from brain.usecases.direction.base_rate import BaseRates
from brain.usecases.direction.cell import cut_cell
from brain.usecases.direction.dataset import prepare
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    import pandas as pd

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.learning.candidate import ChampionSummary, DataReference
    from brain.learning.fitting import Fitted
    from brain.learning.search import SearchResult
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.usecases.direction.cell import Cell
    from brain.usecases.direction.dataset import AssetDataset
    from brain.usecases.direction.peer_shares import PeerShares

    Parameters = Mapping[str, Any]

CHECK_ROWS = 256
UNPROVEN: dict[str, Any] = {"skill": 0.0, "skill_low": 0.0, "skill_high": 0.0, "skill_error": 0.0, "p_value": 1.0}
NEIGHBOURS = 2  # horizons before this one whose best parameters the search starts from


@dataclass(frozen=True)
class History:
    """What the models of an asset are trained on.

    Args:
        frame: The snapshot's rows, one row a day, ascending.
        data: Which snapshot it is.
        peers: Shares of ups among the other assets; 1/2 where they are not given.
    """

    frame: pd.DataFrame
    data: DataReference
    peers: PeerShares | None = None


def train_asset(
    history: History,
    spec: AssetSpec,
    champions: Mapping[int, ChampionSummary],
    *,
    moment: Moment,
    horizons: Sequence[int] | None = None,
    force: bool = False,
) -> list[TrainingResult]:
    """One result for each horizon, in the asset's order; a failure leaves the others untouched.

    Args:
        spec: The asset's catalogue entry.
        champions: The champions in brief, by horizon.
        horizons: The ones to train; all of the asset's if None. The base rates are made from all of them either way.
        force: Search every model anew.
    """
    chosen = [horizon for horizon in spec.horizons if horizons is None or horizon in horizons]
    try:
        dataset = prepare(history.frame, spec)
    except TrainingError as error:
        return [_failed(model_key(spec.name, horizon), error) for horizon in chosen]
    peers = history.peers.by_row(list(dataset.labels), dataset.dates) if history.peers else {}
    strengths = history.peers.strengths_by_row(list(dataset.labels), dataset.dates) if history.peers else {}
    asset = _Asset(spec, dataset, BaseRates.of(dataset.labels, peers, strengths), history.data, moment.at, force)
    results: list[TrainingResult] = []
    with quiet_single_thread():
        for horizon in chosen:
            found = [result.parameters for result in results if isinstance(result, Candidate)]
            results.append(_train_model(asset, horizon, champions.get(horizon), found[-NEIGHBOURS:]))
    return results


@dataclass(frozen=True)
class _Asset:
    """What the training of all models of an asset shares."""

    spec: AssetSpec
    dataset: AssetDataset
    base_rates: BaseRates
    data: DataReference
    at: datetime
    force: bool


@dataclass(frozen=True)
class _Model:
    """A trained model: how it was made, and what it is worth."""

    decision: Decision
    parameters: Parameters
    fitted: Fitted
    head: Blend
    metrics: Mapping[str, Any]
    searched_at: datetime


def _train_model(
    asset: _Asset, horizon: int, champion: ChampionSummary | None, neighbours: Sequence[Parameters]
) -> TrainingResult:
    key = model_key(asset.spec.name, horizon)
    decision = decide(
        champion,
        features=asset.dataset.features,
        data_sha256=asset.data.data_sha256,
        now=asset.at,
        settings=asset.spec.training,
        force=asset.force,
    )
    if decision.action == "skip":
        return Skipped(key, decision)
    try:
        cell = cut_cell(asset.dataset, horizon, asset.spec.training, asset.base_rates)
        model = _model(asset, cell, decision, champion, neighbours)
        return _candidate(asset, cell, model, lost_skill(champion, model.decision, model.metrics))
    except TrainingError as error:
        return _failed(key, error)
    except BREAKDOWNS as error:
        return Failed(key, f"found a fit that broke down: {error}", "Look at the values of the asset's features.")


def _failed(key: ModelKey, error: TrainingError) -> Failed:
    return Failed(key, f"found {error.found}; expected {error.expected}", error.remedy)


def _model(
    asset: _Asset,
    cell: Cell,
    decision: Decision,
    champion: ChampionSummary | None,
    neighbours: Sequence[Parameters],
) -> _Model:
    if cell.training.thin:
        return _constant(asset, cell, decision)
    if decision.action == "refresh" and champion is not None:
        if not CONSTANT.items() <= dict(champion.parameters).items():
            return _refreshed(asset, cell, decision, champion)
        decision = Decision("search", f"{decision.reason}; the history is long enough for a search now")
    return _searched(asset, cell, decision, champion, neighbours)


def _constant(asset: _Asset, cell: Cell, decision: Decision) -> _Model:
    """Too little history to prove anything: a model that only knows the base rate, and says why."""
    parameters = {**CONSTANT, "seed": asset.spec.training.seed}
    (fitted,) = fit(cell.training, parameters, [cell.training.rows])
    thin = cell.training.thin
    decision = replace(decision, reason=f"{decision.reason}; base rate only: {thin}")
    head = Blend(cell.base_rate, slope=0.0, center=fitted.center)
    return _Model(decision, parameters, fitted, head, {**UNPROVEN, "reason": thin}, asset.at)


def _refreshed(asset: _Asset, cell: Cell, decision: Decision, champion: ChampionSummary) -> _Model:
    """The champion's parameters, fitted again."""
    parameters = dict(champion.parameters)
    whole = backtest(cell, parameters)
    measured = metrics(whole, asset.spec.training.seed)
    return _Model(decision, parameters, whole.fitted, blend_head(whole), measured, champion.searched_at)


def _searched(
    asset: _Asset,
    cell: Cell,
    decision: Decision,
    champion: ChampionSummary | None,
    neighbours: Sequence[Parameters],
) -> _Model:
    """The best parameters of a search, or the champion's where these did as well lately."""
    settings = asset.spec.training
    usable = champion is not None and champion.parameters.get("classifier") in settings.classifiers
    known = [dict(champion.parameters)] if champion is not None and usable else []
    found = search(cell.training, settings, [*known, *neighbours])
    parameters, best = found.parameters, backtest(cell, found.parameters)
    extra = _search_metrics(found)
    if known and known[0] != parameters:
        held = backtest(cell, known[0])
        extra |= compare(held, best)
        if not extra["candidate_replaces"]:
            parameters, best = known[0], held
            decision = replace(decision, reason=f"{decision.reason}; the champion's parameters held")
    return _Model(
        decision, parameters, best.fitted, blend_head(best), {**metrics(best, settings.seed), **extra}, asset.at
    )


def _search_metrics(found: SearchResult) -> dict[str, Any]:
    return {
        "trials": found.trials,
        "trials_pruned": found.pruned,
        "trials_failed": found.failed,
        "search_log_loss": found.log_loss,
    }


def _candidate(asset: _Asset, cell: Cell, model: _Model, degraded: str) -> Candidate:
    training, settings = cell.training, asset.spec.training
    return Candidate(
        key=training.key,
        pipeline=model.fitted.pipeline,
        parameters=model.parameters,
        features=cell.features,
        head=model.head,
        metrics=model.metrics,
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
        degraded=degraded,
        extra={"dropped": dict(asset.dataset.dropped), "base_rate": _made_from(cell)},
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


def _made_from(cell: Cell) -> dict[str, Any]:
    """What the published base rate was made from."""
    rates, row = cell.base_rates, cell.today
    return {
        "share": float(rates.shares(cell.horizon, np.array([row]))[0]),
        "usual_share": rates.peers_at(cell.horizon, row),
        "strength": rates.strength_at(cell.horizon, row),
        "likeness": rates.likeness(row),
        "window": rates.window(row),
    }
