"""Recommendations as the steps see them: each verb, and where it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.core.section import Section
from brain.usecases.protocol import Input, Overview, Unit
from brain.usecases.recommendations.catalogue import Recommendations as RecommendationsSection
from brain.usecases.recommendations.names import LISTS, NAME, SPACE, model_key
from brain.usecases.recommendations.page import PAGE
from brain.usecases.recommendations.tables import OVERVIEW, RECOMMENDATION_DETAILS, RECOMMENDATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey
    from brain.learning.candidate import TrainingResult
    from brain.quality.result import GateResult
    from brain.scoring.blocks import Rows
    from brain.scoring.reasons import Reason
    from brain.scoring.replay import TableReplay
    from brain.source.connect import Source
    from brain.store.stored_model import StoredModel
    from brain.usecases.page import Page
    from brain.usecases.protocol import Run
    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import DerivedTable, PublishedTable
    from brain.warehouse.views import View


class Recommendations:
    """What to show each customer of a shop: one model for each list."""

    name = NAME
    section: type[Section] = RecommendationsSection
    top_level: tuple[str, ...] = ()
    example: Section = RecommendationsSection.of(shop={"orders": {"table": "orders"}})
    space = SPACE
    tables: tuple[PublishedTable, ...] = (RECOMMENDATION_DETAILS, RECOMMENDATIONS)
    ledgers: tuple[Ledger, ...] = ()
    views: tuple[View, ...] = ()
    overview: Overview = OVERVIEW
    scorecard: Overview | None = None
    page: Page | None = PAGE

    def discover(self, section: Any, source: Source) -> Section:
        found: Section = section
        return found

    def units(self, section: Any) -> tuple[Unit, ...]:
        return (Unit(section.shop.name, section.lists, section.shop.retention),)

    def inputs(self, run: Run, unit: str) -> tuple[Input, ...]:
        from brain.usecases.recommendations.rules import rules_input
        from brain.usecases.shop.inputs import shop_inputs

        return (*shop_inputs(run.section.shop, self.name, self.space), *rules_input(run.section, self.name, self.space))

    def target(self, text: str) -> str:
        return text

    def has_target(self, name: str) -> bool:
        return name in LISTS

    def untouched(self, run: Run, units: Sequence[str]) -> Mapping[str, Sequence[TrainingResult]]:
        return {}  # training looks at few rows before it decides

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        from brain.usecases.recommendations.training import train_lists

        return train_lists(run, unit, targets, force=force)

    def judge(self, run: Run) -> Mapping[str, Any]:
        return {}

    def rows(self, section: Any) -> Mapping[str, pd.DataFrame | None]:
        import pandas as pd

        told = pd.DataFrame([(section.shop.name, name) for name in section.lists], columns=["shop", "list"])
        return {RECOMMENDATION_DETAILS.name: told, RECOMMENDATIONS.name: None}

    def score(self, run: Run, units: Sequence[str]) -> Mapping[str, Rows]:
        from brain.usecases.recommendations.scoring import score_shop

        (unit,) = units
        return score_shop(run, unit)

    def scored_from(self, run: Run) -> str | None:
        return None

    def reasons(
        self,
        model: StoredModel,
        row: NDArray[np.float64],
        has_skill: bool | None,
        value: float,
    ) -> Sequence[Reason]:
        return ()

    def replay(self, run: Run, key: ModelKey) -> TableReplay | None:
        from brain.usecases.recommendations.replay import replay_list

        return replay_list(run, key)

    def rules(self, run: Run, rows: Mapping[str, Any]) -> GateResult:
        from brain.usecases.recommendations.published_check import check_lists

        return check_lists(rows, run.section)

    def derived(self, section: Any) -> tuple[DerivedTable, ...]:
        return ()

    def model_key(self, row: Mapping[str, Any]) -> ModelKey:
        return model_key(row["shop"], row["list"])

    def row_key(self, key: ModelKey) -> Mapping[str, Any]:
        return {"shop": key.entity, "list": key.target}

    def outcomes(self, run: Run, ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        raise NotImplementedError  # no ledger is declared
