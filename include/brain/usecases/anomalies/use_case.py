"""Anomalies as the steps see them: each verb, and where it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.usecases.anomalies.catalogue import AnomaliesSection
from brain.usecases.anomalies.names import DETECTORS, NAME, SPACE, model_key
from brain.usecases.anomalies.page import PAGE
from brain.usecases.anomalies.tables import ANOMALIES, ANOMALY_FEEDS, ANOMALY_SCORES, DETECTOR_SCORECARD, OVERVIEW
from brain.usecases.protocol import Input, Overview, Unit

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


class Anomalies:
    """What is strange? One model a feed and detector, with a threshold for each symbol."""

    name = NAME
    section: type[Section] = AnomaliesSection
    top_level: tuple[str, ...] = ()
    example: Section = AnomaliesSection.model_validate({"feeds": ["bars"]})
    space = SPACE
    tables: tuple[PublishedTable, ...] = (ANOMALY_FEEDS, ANOMALIES, ANOMALY_SCORES, DETECTOR_SCORECARD)
    ledgers: tuple[Ledger, ...] = ()
    views: tuple[View, ...] = ()
    overview: Overview = OVERVIEW
    scorecard: Overview | None = None
    page: Page | None = PAGE

    def discover(self, section: Any, source: Source) -> Section:
        found: Section = section
        return found

    def units(self, section: Any) -> tuple[Unit, ...]:
        return tuple(Unit(feed.name, section.detectors, section.retention) for feed in section.feeds)

    def inputs(self, run: Run, unit: str) -> tuple[Input, ...]:
        from brain.usecases.anomalies.inputs import feed_inputs

        return feed_inputs(run.section, run.section.feed(unit))

    def target(self, text: str) -> str:
        return text

    def has_target(self, name: str) -> bool:
        return name in DETECTORS

    def untouched(self, run: Run, units: Sequence[str]) -> Mapping[str, Sequence[TrainingResult]]:
        return {}  # a feed with nothing new has no bars to read either

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        from brain.usecases.anomalies.training import train_feed

        return train_feed(run, unit, targets, force=force)

    def judge(self, run: Run) -> Mapping[str, Any]:
        return {}

    def rows(self, section: Any) -> Mapping[str, pd.DataFrame | None]:
        import pandas as pd

        feeds = pd.DataFrame({"feed": [feed.name for feed in section.feeds]})
        return {table.name: feeds if table is ANOMALY_FEEDS else None for table in self.tables}

    def score(self, run: Run, units: Sequence[str]) -> Mapping[str, pd.DataFrame]:
        from brain.usecases.anomalies.scoring import score_feeds

        return score_feeds(run, units)

    def scored_from(self, run: Run) -> str | None:
        return None

    def reasons(
        self, model: StoredModel, row: NDArray[np.float64], has_skill: bool | None, value: float
    ) -> Sequence[Reason]:
        return ()

    def replay(self, run: Run, key: ModelKey) -> TableReplay | None:
        from brain.usecases.anomalies.replay import replay_detector

        return replay_detector(run, key)

    def rules(self, run: Run, rows: Mapping[str, pd.DataFrame]) -> GateResult:
        from brain.usecases.anomalies.published_check import check_anomalies

        return check_anomalies(rows, run.moment)

    def derived(self, section: Any) -> tuple[DerivedTable, ...]:
        return ()

    def model_key(self, row: Mapping[str, Any]) -> ModelKey:
        return model_key(row["feed"], row["detector"])

    def row_key(self, key: ModelKey) -> Mapping[str, Any]:
        return {"feed": key.entity, "detector": key.target}

    def outcomes(self, run: Run, ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        raise NotImplementedError("anomalies keep no ledger")
