"""Score the newest row of every asset with its champions, a chunk of assets at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import BrainError, ModelNotFound, ScoringError, Transient
from brain.portable.evaluate import LinearModel, stacked
from brain.scoring.rows import FeatureRows, read_rows
from brain.store.champions import Refused
from brain.usecases.direction.names import target_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    import pandas as pd

    from brain.core.keys import Sha256
    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.store.champions import Champion
    from brain.store.models import ModelStore
    from brain.usecases.direction.catalogue import AssetSpec

CHUNK_ASSETS = 25  # a few hundred models: memory grows with this, not with the catalogue

CELL_COLUMNS = (
    "asset",
    "horizon",
    "as_of",
    "probability",
    "base_rate",
    "skill",
    "has_skill",
    "model_version",
    "trained_at",
    "data_sha256",
    "reason",
)


@dataclass(frozen=True)
class Score:
    """One published probability and where it comes from.

    Args:
        as_of: Date of the row it was computed from.
        probability: What is published: calibrated, or the base rate where there is no skill.
        raw: The model's own.
        has_skill: The gate's verdict; None if no gate has judged the model.
        snapshot: Content hash of the snapshot the row is from.
    """

    asset: str
    horizon: int
    as_of: date
    probability: float
    raw: float
    base_rate: float
    skill: float | None
    has_skill: bool | None
    model_version: int
    trained_at: datetime
    snapshot: Sha256


@dataclass(frozen=True)
class CellFailure:
    """A cell that could not be scored; it keeps its last published value, marked stale with the reason."""

    asset: str
    horizon: int
    error: BrainError

    @property
    def reason(self) -> str:
        return str(self.error)


@dataclass(frozen=True)
class ScoringResult:
    """Every cell asked for, once: scored or failed."""

    scores: list[Score] = field(default_factory=list)
    failures: list[CellFailure] = field(default_factory=list)

    def cells(self) -> pd.DataFrame:
        """A row per cell with `CELL_COLUMNS`, as the warehouse publishes it."""
        import pandas as pd

        scored = [
            (s.asset, s.horizon, s.as_of, s.probability, s.base_rate, s.skill, s.has_skill, *_provenance(s))
            for s in self.scores
        ]
        failed = [(f.asset, f.horizon, *[None] * 8, f.reason) for f in self.failures]
        return pd.DataFrame([*scored, *failed], columns=list(CELL_COLUMNS))


def _provenance(score: Score) -> tuple[int, datetime, str, None]:
    return score.model_version, score.trained_at, score.snapshot, None


def score_assets(store: ModelStore, lake: Lake, specs: Sequence[AssetSpec], moment: Moment) -> ScoringResult:
    """Score every cell of `specs` on the newest row known in `moment`.

    One query a chunk of assets streams the champions; each asset's newest row is read once. A cell that fails stops no
    other.

    Raises:
        Transient: A server or the lake cannot be reached: nothing is known about any cell, so try again.
    """
    result = ScoringResult()
    for start in range(0, len(specs), CHUNK_ASSETS):
        for outcome in _score_chunk(store, lake, specs[start : start + CHUNK_ASSETS], moment):
            if isinstance(outcome, Score):
                result.scores.append(outcome)
            else:
                result.failures.append(outcome)
    return result


def _score_chunk(
    store: ModelStore, lake: Lake, specs: Sequence[AssetSpec], moment: Moment
) -> Iterator[Score | CellFailure]:
    waiting = {(spec.name, target_name(horizon)): horizon for spec in specs for horizon in spec.horizons}
    rows: dict[str, FeatureRows] = {}
    for spec in specs:
        found = _newest_row(lake, spec.name, moment)
        if isinstance(found, FeatureRows):
            rows[spec.name] = found
        else:
            yield from (CellFailure(spec.name, waiting.pop((spec.name, target_name(h))), found) for h in spec.horizons)
    wanted = {cell: horizon for cell, horizon in waiting.items() if cell[0] in rows}
    cells = _wanted(store.champions(list(rows)), rows, wanted)
    yield from _score_cells(cells)
    yield from (CellFailure(asset, horizon, _untrained(asset, horizon)) for (asset, _), horizon in wanted.items())


def _wanted(
    champions: Iterable[Champion | Refused], rows: Mapping[str, FeatureRows], wanted: dict[tuple[str, str], int]
) -> Iterator[tuple[Champion | Refused, FeatureRows, int]]:
    """The champions of `wanted` cells with their rows and horizons; what was found is taken out of `wanted`."""
    for champion in champions:
        horizon = wanted.pop((champion.key.entity, champion.key.target), None)
        if horizon is not None:
            yield champion, rows[champion.key.entity], horizon


def _score_cells(cells: Iterable[tuple[Champion | Refused, FeatureRows, int]]) -> Iterator[Score | CellFailure]:
    """One at a time, except for linear models, which are evaluated together at the end."""
    stack: list[tuple[Champion, FeatureRows, int, LinearModel]] = []
    for champion, rows, horizon in cells:
        if isinstance(champion, Refused):
            yield CellFailure(rows.asset, horizon, champion.error)
            continue
        try:
            evaluator, matrix = champion.model.evaluator(), rows.matrix(champion.model)
            if isinstance(evaluator, LinearModel):
                stack.append((champion, rows, horizon, evaluator))
            else:
                yield published(champion, rows, horizon, float(evaluator.probability(matrix)[0]))
        except BrainError as error:
            yield CellFailure(rows.asset, horizon, error)
    if stack:
        raws = stacked([model for *_, model in stack], [rows.matrix(champion.model) for champion, rows, *_ in stack])
        for (champion, rows, horizon, _), raw in zip(stack, raws.tolist(), strict=True):
            try:
                yield published(champion, rows, horizon, raw)
            except BrainError as error:
                yield CellFailure(rows.asset, horizon, error)


def _newest_row(lake: Lake, asset: str, moment: Moment) -> FeatureRows | BrainError:
    try:
        snapshot = lake.as_of(asset, moment.day)
        if snapshot is None:
            return _unextracted(asset, moment)
        return read_rows(lake, snapshot)
    except Transient:
        raise
    except BrainError as error:
        return error


def published(champion: Champion, rows: FeatureRows, horizon: int, raw: float) -> Score:
    """The score of a cell whose model gave `raw`.

    Raises:
        ScoringError: `raw` is not a probability.
    """
    model, calibration = champion.model, champion.calibration
    if not 0 <= raw <= 1:
        raise ScoringError(
            f"{model.key} v{model.version}",
            found=f"the probability {raw} for the row of {rows.newest}",
            expected="a number between 0 and 1",
            remedy="Look for missing or infinite values in that row; correct them at the source, or train anew.",
        )
    return Score(
        asset=rows.asset,
        horizon=horizon,
        as_of=rows.newest,
        probability=float(calibration.apply(np.array([raw]))[0]),
        raw=raw,
        base_rate=calibration.base_rate,
        skill=model.skill,
        has_skill=calibration.has_skill,
        model_version=model.version,
        trained_at=model.trained_at,
        snapshot=rows.snapshot,
    )


def _untrained(asset: str, horizon: int) -> ModelNotFound:
    return ModelNotFound(
        f"{asset}, {horizon} days",
        found="no champion",
        expected="a trained model",
        remedy=f"Train it (`brain train {asset}`); the log of the last training says why there is none.",
    )


def _unextracted(asset: str, moment: Moment) -> ScoringError:
    return ScoringError(
        asset,
        found=f"no snapshot in the lake by {moment.day}",
        expected="one that passed the quality gate",
        remedy="Extract the asset; `brain extract` says why it was refused.",
    )
