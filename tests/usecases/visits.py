"""A use case as small as one can be: visitors of a shop in the next hour, by linear regression on this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brain.core.errors import ModelNotFound
from brain.core.keys import ModelKey
from brain.core.moment import Moment
from brain.core.section import Section
from brain.core.source_table import KeyKind, SourceTable
from brain.core.table_settings import RetentionSettings, TableName
from brain.learning.candidate import Candidate, DataReference, Decision, TrainingResult, TrainingWindow
from brain.portable.heads import Identity
from brain.quality.engine import judge
from brain.quality.facts import Facts
from brain.quality.result import GateResult
from brain.quality.rules import between
from brain.scoring.batch import Score, Unscored, Wanted, score_newest
from brain.scoring.reasons import Reason
from brain.scoring.replay import TableReplay
from brain.source.connect import Source
from brain.store.stored_model import StoredModel
from brain.usecases.page import Page
from brain.usecases.protocol import Input, Overview, Run, Unit
from brain.warehouse.ledger import Ledger, Quantiles
from brain.warehouse.tables import Column, DerivedTable, History, ModelColumns, PublishedTable
from brain.warehouse.views import View

FEATURES = ("visitors", "temperature")
TARGET = "next_hour"
SPREAD = 3.0  # visitors
RULES = (between("visitors", "fail", "rows", "visitors", "{count} rows with fewer than no visitors", min_value=0),)

FORECASTS = PublishedTable(
    name="visit_forecasts",
    meaning="A row a shop: how many visitors to expect in the hour after as_of.",
    key=("shop",),
    columns=(
        Column("shop", "text", "The shop."),
        Column("as_of", "timestamptz", "The hour that the forecast was made from.", required=True),
        Column("visitors", "double precision", "Visitors expected in the next hour.", required=True),
        Column("few", "double precision", "Fewer come in one hour of ten."),
        Column("many", "double precision", "More come in one hour of ten."),
        Column("model_version", "integer", "Version of the model behind it.", required=True),
        Column("data_sha256", "text", "Hash of the snapshot behind it.", required=True),
        Column("stale", "boolean", "True where this publication could not forecast it."),
        Column("reason", "text", "Why not."),
        Column("published_at", "timestamptz", "The run's moment."),
    ),
    value="visitors",
    history=History("visit_forecast_history", "Every forecast ever published."),
    model=ModelColumns(("shop",), "model_version"),
)

FORECAST_LEDGER = Ledger(
    name="visit_forecast_ledger",
    meaning="A row a shop and hour: what was forecast first, and how many came.",
    table=FORECASTS,
    kept=("few", "visitors", "many", "model_version"),
    scoring=Quantiles((("few", 0.1), ("visitors", 0.5), ("many", 0.9)), "visitors", "visitors in the next hour"),
    entity="shop",
)


class Shops(Section):
    """The shops, each with a table of its name."""

    shops: tuple[TableName, ...]


class Visits:
    """One model a shop."""

    name = "visits"
    section: type[Section] = Shops
    top_level: tuple[str, ...] = ()
    example: Section = Shops(shops=("harbour",))
    space = "visits"
    tables: tuple[PublishedTable, ...] = (FORECASTS,)
    ledgers: tuple[Ledger, ...] = (FORECAST_LEDGER,)
    views: tuple[View, ...] = ()
    overview = Overview("Visits", "SELECT * FROM visit_forecasts ORDER BY shop")
    scorecard: Overview | None = None
    page: Page | None = None

    def discover(self, section: Shops, source: Source) -> Shops:
        return section

    def units(self, section: Shops) -> tuple[Unit, ...]:
        return tuple(Unit(shop, (TARGET,), RetentionSettings()) for shop in section.shops)

    def inputs(self, run: Run, unit: str) -> tuple[Input, ...]:
        table = SourceTable(self.name, self.space, unit, unit, ("at",), KeyKind.TIME, required=FEATURES)
        return (Input(table, _check),)

    def target(self, text: str) -> str:
        return text

    def has_target(self, name: str) -> bool:
        return name == TARGET

    def untouched(self, run: Run, units: Sequence[str]) -> dict[str, Sequence[TrainingResult]]:
        return {}

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        from sklearn.linear_model import LinearRegression

        snapshot = run.lake.as_of(self.space, unit, run.moment)
        if snapshot is None:
            raise ModelNotFound(unit, found="no snapshot", expected="one", remedy=f"Run `brain extract {unit}`.")
        rows = run.lake.read(snapshot)
        X, y = rows[list(FEATURES)].to_numpy()[:-1], rows["visitors"].to_numpy()[1:]
        day = run.moment.day
        return [
            Candidate(
                key=ModelKey(self.name, unit, TARGET),
                pipeline=LinearRegression().fit(X, y),
                parameters={"classifier": "linear"},
                features=FEATURES,
                head=Identity(),
                metrics={"mean_absolute_error": float(np.abs(np.diff(y)).mean())},
                window=TrainingWindow(day, day, day, len(X)),
                data=DataReference(snapshot.data_sha256, snapshot.watermark, snapshot.source_tables),
                decision=Decision("search", "always fitted anew"),
                seed=0,
                trained_at=run.moment.at,
                searched_at=run.moment.at,
                check_rows=X[-100:],
            )
        ]

    def judge(self, run: Run) -> Mapping[str, Any]:
        return {}

    def rows(self, section: Shops) -> Mapping[str, pd.DataFrame | None]:
        return {FORECASTS.name: pd.DataFrame({"shop": list(section.shops)})}

    def score(self, run: Run, units: Sequence[str]) -> Mapping[str, pd.DataFrame]:
        wanted = [Wanted(unit, (TARGET,)) for unit in units]
        found = score_newest(run.store, run.lake, self.space, wanted, run.moment, past=run.is_past)
        return {FORECASTS.name: pd.DataFrame(map(_row, found), columns=list(FORECASTS.row_names))}

    def scored_from(self, run: Run) -> str | None:
        return None

    def reasons(
        self, model: StoredModel, row: NDArray[np.float64], has_skill: bool | None, value: float
    ) -> Sequence[Reason]:
        return ()

    def replay(self, run: Run, key: ModelKey) -> TableReplay | None:
        return None

    def rules(self, run: Run, rows: Mapping[str, pd.DataFrame]) -> GateResult:
        return judge(_check(rows[FORECASTS.name], run.moment, total_rows=1, unchanged=False))

    def derived(self, section: Shops) -> tuple[DerivedTable, ...]:
        return ()

    def model_key(self, row: Mapping[str, Any]) -> ModelKey:
        return ModelKey(self.name, row["shop"], TARGET)

    def row_key(self, key: ModelKey) -> Mapping[str, Any]:
        return {"shop": key.entity}

    def outcomes(self, run: Run, ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        found = [pd.DataFrame(columns=[*ledger.key, "outcome", "known_at"])]
        for shop, first in zip(since["shop"], since["as_of"], strict=True):
            snapshot = run.lake.as_of(self.space, shop, run.moment)
            if snapshot is not None:
                rows = run.lake.read(snapshot, ["visitors"])
                rows = rows.assign(shop=shop, as_of=rows["at"].dt.tz_localize("UTC"))
                rows["outcome"], rows["known_at"] = rows["visitors"].shift(-1), rows["as_of"].shift(-1)
                start = max(int((rows["as_of"] < first).sum()) - 1, 0)
                found.append(rows.iloc[start:-1][list(found[0].columns)])
        return pd.concat(found)


def _check(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:
    return Facts("visits", len(frame), RULES, {"rows": frame})


def _row(found: Score | Unscored) -> dict[str, Any]:
    if isinstance(found, Unscored):
        return {"shop": found.key.entity, "reason": str(found.error)}
    of = {"shop": found.key.entity, "as_of": found.as_of, "visitors": found.value, "data_sha256": found.data_sha256}
    spread = {"few": found.value - SPREAD, "many": found.value + SPREAD}
    return {**of, **spread, "model_version": found.champion.model.version}
