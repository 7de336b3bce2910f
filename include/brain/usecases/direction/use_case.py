"""Direction as the steps see it: each verb, and where it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.core.section import Section
from brain.usecases.direction.catalogue import Assets, AssetSpec
from brain.usecases.direction.ledger import PROBABILITY_LEDGER
from brain.usecases.direction.long import PROBABILITIES_LONG
from brain.usecases.direction.names import DIGITS, NAME, SPACE, horizon_of, is_target, model_key, target_name
from brain.usecases.direction.page import PAGE
from brain.usecases.direction.tables import OVERVIEW, PROBABILITY_DETAILS, PROBABILITY_REASONS, probabilities
from brain.usecases.direction.views import SHOWN_SCORECARD, VIEWS
from brain.usecases.protocol import Input, Overview, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey
    from brain.learning.candidate import TrainingResult
    from brain.quality.result import GateResult
    from brain.scoring.reasons import Reason
    from brain.scoring.replay import TableReplay
    from brain.source.connect import Source
    from brain.store.stored_model import StoredModel
    from brain.usecases.page import Page
    from brain.usecases.protocol import Run
    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import DerivedTable, PublishedTable
    from brain.warehouse.views import View


class Direction:
    """Is Close not lower N rows later? One model for each asset and horizon."""

    name = NAME
    section: type[Section] = Assets
    top_level: tuple[str, ...] = ("defaults", "assets")
    example: Section = Assets(assets=(AssetSpec(name="GOLD", table="GOLD"),))
    space = SPACE
    tables: tuple[PublishedTable, ...] = (PROBABILITY_DETAILS, PROBABILITY_REASONS)
    ledgers: tuple[Ledger, ...] = (PROBABILITY_LEDGER,)
    views: tuple[View, ...] = (PROBABILITIES_LONG, *VIEWS)
    overview = OVERVIEW
    scorecard: Overview | None = SHOWN_SCORECARD
    page: Page | None = PAGE

    def discover(self, section: Any, source: Source) -> Section:
        from brain.usecases.direction.inputs import DISCOVERED_BY

        found: Assets = section.with_tables(source.discover(DISCOVERED_BY))
        return found

    def units(self, section: Any) -> tuple[Unit, ...]:
        return tuple(
            Unit(asset.name, tuple(map(target_name, asset.horizons)), asset.retention) for asset in section.assets
        )

    def inputs(self, run: Run, unit: str) -> tuple[Input, ...]:
        from brain.usecases.direction.inputs import asset_check, asset_table, asset_trial

        asset = run.section.asset(unit)
        return (Input(asset_table(asset), asset_check(asset), asset_trial(asset)),)

    def target(self, text: str) -> str:
        return target_name(int(text)) if text.isdecimal() and len(text) <= DIGITS else text

    def has_target(self, name: str) -> bool:
        return is_target(name)

    def untouched(self, run: Run, units: Sequence[str]) -> Mapping[str, Sequence[TrainingResult]]:
        from brain.usecases.direction.untouched import untouched

        return untouched(run, units)

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        from brain.usecases.direction.training import train_unit

        return train_unit(run, unit, targets, force=force)

    def judge(self, run: Run) -> Mapping[str, Any]:
        from brain.usecases.direction.judging import judge_grid

        return judge_grid(run)

    def rows(self, section: Any) -> Mapping[str, pd.DataFrame | None]:
        import pandas as pd

        cells = [(asset.name, horizon) for asset in section.assets for horizon in asset.horizons]
        told = pd.DataFrame(cells, columns=list(PROBABILITY_DETAILS.key))
        return {PROBABILITY_DETAILS.name: told, PROBABILITY_REASONS.name: None}

    def score(self, run: Run, units: Sequence[str]) -> Mapping[str, pd.DataFrame]:
        from brain.usecases.direction.scoring import score_tables
        from brain.warehouse.extraction_runs import failing_extractions

        assets = [run.section.asset(unit) for unit in units]
        failing = failing_extractions(run.settings.warehouse_url, self.name, run.moment)
        return score_tables(run.store, run.lake, assets, run.moment, past=run.is_past, failing=failing)

    def scored_from(self, run: Run) -> str | None:
        from brain.usecases.direction.scored_from import scored_from

        return scored_from(run)

    def reasons(
        self, model: StoredModel, row: NDArray[np.float64], has_skill: bool | None, value: float
    ) -> Sequence[Reason]:
        from brain.usecases.direction.reasons import reasons_of

        return reasons_of(model, row, has_skill, value)

    def replay(self, run: Run, key: ModelKey) -> TableReplay | None:
        return None

    def rules(self, run: Run, rows: Mapping[str, pd.DataFrame]) -> GateResult:
        from brain.usecases.direction.published_check import check_probabilities

        return check_probabilities(rows, run.moment)

    def derived(self, section: Any) -> tuple[DerivedTable, ...]:
        return (probabilities(section.horizons),)

    def model_key(self, row: Mapping[str, Any]) -> ModelKey:
        return model_key(row["asset"], int(row["horizon"]))

    def row_key(self, key: ModelKey) -> Mapping[str, Any]:
        return {"asset": key.entity, "horizon": horizon_of(key.target)}

    def outcomes(self, run: Run, ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        from brain.usecases.direction.outcomes import outcomes

        return outcomes(run, since)
