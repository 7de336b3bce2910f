"""Trains the models of one asset: decide, search or refit, measure, calibrate, fit on everything known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import TrainingError
from brain.core.keys import ModelKey
from brain.learning.candidate import Candidate, Decision, Failed, Skipped, TrainingResult, TrainingWindow
from brain.learning.fitting import BREAKDOWNS, Fitted, fit, quiet_single_thread
from brain.learning.policy import decide, lost_skill
from brain.learning.search import SearchResult, search
from brain.learning.search_space import CONSTANT
from brain.portable.heads import Blend
from brain.usecases.direction.backtest import Backtest, backtest, blend_head, metrics, proofs
from brain.usecases.direction.base_rate import BaseRates
from brain.usecases.direction.cell import Cell, cut_cell
from brain.usecases.direction.dataset import prepare
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    import pandas as pd

    from brain.learning.candidate import ChampionSummary, DataReference
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.usecases.direction.dataset import AssetDataset
    from brain.usecases.direction.peer_shares import PeerShares

CHECK_ROWS = 256
UNPROVEN: dict[str, Any] = {"skill": 0.0, "skill_low": 0.0, "skill_high": 0.0, "skill_error": 0.0, "p_value": 1.0}
NEIGHBOURS = 2  # horizons before this one whose best parameters the search starts from


def train_asset(
    frame: pd.DataFrame,
    spec: AssetSpec,
    data: DataReference,
    champions: Mapping[int, ChampionSummary],
    *,
    interval_end: datetime,
    horizons: Sequence[int] | None = None,
    force: bool = False,
    peers: PeerShares | None = None,
) -> list[TrainingResult]:
    """One outcome for each horizon, in the asset's order; a failure leaves the others untouched.

    Args:
        frame: The snapshot, one row a day, ascending.
        spec: The asset's catalogue entry.
        data: Which snapshot it is.
        champions: The champions in brief, by horizon.
        interval_end: The end of the data interval; the models' time.
        horizons: Those of the asset's to train; all unless given. The base rates speak from all of them either way.
        force: Search every model anew.
        peers: Shares of ups among the other assets; 1/2 where they are not given.
    """
    chosen = [horizon for horizon in spec.horizons if horizons is None or horizon in horizons]
    try:
        dataset = prepare(frame, spec)
    except TrainingError as error:
        return [_failed(model_key(spec.name, horizon), error) for horizon in chosen]
    base_rates = BaseRates.of(dataset.labels, peers.by_row(list(dataset.labels), dataset.dates) if peers else {})
    outcomes: list[TrainingResult] = []
    with quiet_single_thread():
        for horizon in chosen:
            found = [o.parameters for o in outcomes if isinstance(o, Candidate)][-NEIGHBOURS:]
            job = _Job(dataset, spec, data, interval_end, horizon, champions.get(horizon), found, base_rates)
            outcomes.append(job.run(force))
    return outcomes


def _failed(key: ModelKey, error: TrainingError) -> Failed:
    return Failed(key, f"found {error.found}; expected {error.expected}", error.remedy)


class _Job:
    """One model's training."""

    def __init__(
        self,
        dataset: AssetDataset,
        spec: AssetSpec,
        data: DataReference,
        interval_end: datetime,
        horizon: int,
        champion: ChampionSummary | None,
        neighbours: list[Mapping[str, Any]],
        base_rates: BaseRates,
    ) -> None:
        self.dataset = dataset
        self.settings = spec.training
        self.about = spec.description
        self.data = data
        self.now = interval_end
        self.horizon = horizon
        self.champion = champion
        self.neighbours = neighbours
        self.base_rates = base_rates

    def run(self, force: bool) -> TrainingResult:
        key = model_key(self.dataset.asset, self.horizon)
        decision = decide(
            self.champion,
            features=self.dataset.features,
            snapshot=self.data.data_sha256,
            now=self.now,
            settings=self.settings,
            force=force,
        )
        if decision.action == "skip":
            return Skipped(key, decision)
        try:
            cell = cut_cell(self.dataset, self.horizon, self.settings, self.base_rates)
            if cell.thin:
                return self._constant(cell, decision)
            if decision.action == "refresh" and self._only_knew_the_base_rate():
                decision = Decision("search", f"{decision.reason}; the history is long enough for a search now")
            return self._refreshed(cell, decision) if decision.action == "refresh" else self._searched(cell, decision)
        except TrainingError as error:
            return _failed(key, error)
        except BREAKDOWNS as error:
            return Failed(key, f"found a fit that broke down: {error}", "Look at the values of the asset's features.")

    def _constant(self, cell: Cell, decision: Decision) -> Candidate:
        """Too little history to prove anything: a model that only knows the base rate, and says why."""
        parameters = {**CONSTANT, "seed": self.settings.seed}
        (fitted,) = fit(cell, parameters, [cell.rows])
        unproven = {**UNPROVEN, "reason": cell.thin}
        decision = replace(decision, reason=f"{decision.reason}; base rate only: {cell.thin}")
        head = Blend(cell.base_rate, slope=0.0, center=fitted.center)
        return self._assembled(cell, fitted, parameters, head, unproven, decision, self.now)

    def _only_knew_the_base_rate(self) -> bool:
        return self.champion is not None and CONSTANT.items() <= dict(self.champion.parameters).items()

    def _refreshed(self, cell: Cell, decision: Decision) -> Candidate:
        assert self.champion is not None
        parameters = dict(self.champion.parameters)
        return self._candidate(cell, backtest(cell, parameters), parameters, decision, {}, self.champion.searched_at)

    def _searched(self, cell: Cell, decision: Decision) -> Candidate:
        champion = self._champion_parameters()
        found = search(cell, self.settings, [*champion, *self.neighbours])
        best = backtest(cell, found.parameters)
        extra = _search_metrics(found)
        if champion and champion[0] != found.parameters:
            held = backtest(cell, champion[0])
            comparison = compare(held, best)
            extra |= comparison
            if not comparison["candidate_replaces"]:
                decision = replace(decision, reason=f"{decision.reason}; the champion's parameters held")
                return self._candidate(cell, held, champion[0], decision, extra, self.now)
        return self._candidate(cell, best, found.parameters, decision, extra, self.now)

    def _description(self) -> str:
        said = f"Probability that Close of {self.dataset.asset} is not lower {self.horizon} rows later."
        return f"{said} {self.about}".rstrip()

    def _champion_parameters(self) -> list[dict[str, Any]]:
        usable = self.champion and self.champion.parameters.get("classifier") in self.settings.classifiers
        return [dict(self.champion.parameters)] if self.champion and usable else []

    def _candidate(
        self,
        cell: Cell,
        whole: Backtest,
        parameters: Mapping[str, Any],
        decision: Decision,
        extra: Mapping[str, Any],
        searched_at: datetime,
    ) -> Candidate:
        measured = {**metrics(whole, self.settings.seed), **extra}
        return self._assembled(cell, whole.fitted, parameters, blend_head(whole), measured, decision, searched_at)

    def _assembled(
        self,
        cell: Cell,
        fitted: Fitted,
        parameters: Mapping[str, Any],
        head: Blend,
        measured: Mapping[str, Any],
        decision: Decision,
        searched_at: datetime,
    ) -> Candidate:
        candidate = Candidate(
            key=cell.key,
            pipeline=fitted.pipeline,
            parameters=parameters,
            features=cell.features,
            head=head,
            metrics=measured,
            window=_window(cell),
            data=self.data,
            decision=decision,
            seed=self.settings.seed,
            trained_at=self.now,
            searched_at=searched_at,
            check_rows=cell.X[cell.rows[-CHECK_ROWS:]],
            proofs=proofs(cell),
            description=self._description(),
            extra={"dropped": dict(self.dataset.dropped), "base_rate": _made_from(cell)},
        )
        return replace(candidate, degraded=lost_skill(self.champion, candidate))


def compare(champion: Backtest, candidate: Backtest) -> dict[str, Any]:
    """Both recipes on the same recent purged window, each fitted before it; ties keep the champion."""
    held, new = champion.recent_loss(), candidate.recent_loss()
    test = candidate.cell.folds.evidence[-1].test
    dates = candidate.cell.dates[test]
    return {
        "champion_log_loss": held,
        "candidate_log_loss": new,
        "candidate_replaces": new < held,
        "compared_from": str(dates[0]),
        "compared_to": str(dates[-1]),
    }


def _search_metrics(found: SearchResult) -> dict[str, Any]:
    return {
        "trials": found.trials,
        "trials_pruned": found.pruned,
        "trials_failed": found.failed,
        "search_log_loss": found.log_loss,
    }


def _made_from(cell: Cell) -> dict[str, Any]:
    """What the published base rate was made from."""
    rates, row = cell.base_rates, cell.today
    return {
        "share": float(rates.shares(cell.horizon, np.array([row]))[0]),
        "usual_share": rates.peers_at(cell.horizon, row),
        "likeness": rates.likeness(row),
        "window": rates.window(row),
    }


def _window(cell: Cell) -> TrainingWindow:
    last = cell.rows[-1]
    end = min(last + cell.horizon, len(cell.dates) - 1)
    return TrainingWindow(_day(cell.dates[cell.rows[0]]), _day(cell.dates[last]), _day(cell.dates[end]), len(cell.rows))


def _day(date64: np.datetime64) -> date:
    day: date = date64.astype("datetime64[D]").item()
    return day
