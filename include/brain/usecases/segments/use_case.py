"""Segments as the steps see them: each verb, and where it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.usecases.protocol import Input, Overview, Unit
from brain.usecases.segments.catalogue import SegmentsSection
from brain.usecases.segments.names import NAME, SPACE, TARGET, model_key
from brain.usecases.segments.page import PAGE
from brain.usecases.segments.tables import CUSTOMER_SEGMENTS, OVERVIEW, SEGMENT_PROFILES
from brain.usecases.shop.catalogue import OrdersTable, ShopSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey
    from brain.core.section import Section
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


class Segments:
    """Which customers are alike, and what will they buy? One model a shop."""

    name = NAME
    section: type[Section] = SegmentsSection
    top_level: tuple[str, ...] = ()
    example: Section = SegmentsSection(shop=ShopSettings(orders=OrdersTable(table="orders", value="value")))
    space = SPACE
    tables: tuple[PublishedTable, ...] = (CUSTOMER_SEGMENTS, SEGMENT_PROFILES)
    ledgers: tuple[Ledger, ...] = ()
    views: tuple[View, ...] = ()
    overview = OVERVIEW
    scorecard: Overview | None = None
    page: Page | None = PAGE

    def discover(self, section: Any, source: Source) -> Section:
        found: Section = section
        return found

    def units(self, section: Any) -> tuple[Unit, ...]:
        return (Unit(section.shop.name, (TARGET,), section.shop.retention),)

    def inputs(self, run: Run, unit: str) -> tuple[Input, ...]:
        from brain.usecases.shop.inputs import shop_inputs

        return shop_inputs(run.section.shop, NAME, SPACE)

    def target(self, text: str) -> str:
        return text

    def has_target(self, name: str) -> bool:
        return name == TARGET

    def untouched(self, run: Run, units: Sequence[str]) -> Mapping[str, Sequence[TrainingResult]]:
        return {}  # training looks at few rows before it decides

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        from brain.usecases.segments.training import train_shop

        return train_shop(run, force=force)

    def judge(self, run: Run) -> Mapping[str, Any]:
        return {}

    def rows(self, section: Any) -> Mapping[str, pd.DataFrame | None]:
        return {table.name: None for table in self.tables}

    def score(self, run: Run, units: Sequence[str]) -> Mapping[str, pd.DataFrame]:
        from brain.usecases.segments.scoring import score_shop

        return score_shop(run)

    def scored_from(self, run: Run) -> str | None:
        return None

    def reasons(
        self, model: StoredModel, row: NDArray[np.float64], has_skill: bool | None, value: float
    ) -> Sequence[Reason]:
        return ()

    def replay(self, run: Run, key: ModelKey) -> TableReplay | None:
        from brain.scoring.replay import TableReplay
        from brain.usecases.segments.replay import replay_segments

        found = replay_segments(run)
        return TableReplay(found.customers, found.obstacles)

    def rules(self, run: Run, rows: Mapping[str, pd.DataFrame]) -> GateResult:
        from brain.usecases.segments.published_check import check_segments

        return check_segments(rows, run.moment)

    def derived(self, section: Any) -> tuple[DerivedTable, ...]:
        return ()

    def model_key(self, row: Mapping[str, Any]) -> ModelKey:
        return model_key(row["shop"])

    def row_key(self, key: ModelKey) -> Mapping[str, Any]:
        return {"shop": key.entity}

    def outcomes(self, run: Run, ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        raise NotImplementedError("segments keep no ledger")
