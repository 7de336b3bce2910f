"""Train cells on what was known at a cut-off and look at what they say of the rows after it."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.learning.candidate import Candidate, DataReference, Failed
from brain.learning.probability import log_loss
from brain.portable.heads import Blend
from brain.portable.preparation import prepare_features
from brain.store.verdicts import Claim
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.judging import may_claim
from brain.usecases.direction.names import TARGET_PATTERN, horizon_of, model_key, target_name
from brain.usecases.direction.trainer import History, train_asset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey
    from brain.learning.candidate import TrainingResult
    from brain.usecases.direction.peer_shares import PeerShares

    Values = NDArray[np.float64]

CERTAIN = 1e-6


@dataclass(frozen=True)
class Job:
    """One asset at one cut-off.

    Args:
        frame: The whole series, the future included; training sees `cut` rows of it.
        cut: Rows known.
        end: Rows until which the forecasts are looked at.
        peers: Shares of ups among the other assets as known at the cut-off.
    """

    spec: AssetSpec
    frame: pd.DataFrame
    cut: int
    end: int
    group: int = 0
    peers: PeerShares | None = None


@dataclass(frozen=True)
class Cell:
    """One trained cell and the rows after its cut-off whose outcome came to be known.

    Args:
        rows: Positions of those rows in the series, from the newest known row on.
        outcome: 0 or 1, shape (rows,).
        raw: What the model says of them before its head; empty where no model was trained.
        head: None where no model was trained.
        share: Share of ups among the labels known at the cut-off: what a forecaster without a model says.
        seconds: CPU time of the asset's training, divided by its horizons.
        barred: Why it may not claim skill, whatever its p-value.
    """

    asset: str
    horizon: int
    group: int
    rows: NDArray[np.intp]
    outcome: Values
    raw: Values
    head: Blend | None
    p_value: float
    share: float
    seconds: float
    reason: str
    barred: str = ""
    has_skill: bool = False

    @property
    def key(self) -> ModelKey:
        return model_key(self.asset, self.horizon)

    @property
    def published(self) -> Values:
        """What the table would have shown; the share of ups stands in where no model was trained."""
        return self.head.apply(self.raw[:, None], self.has_skill) if self.head else self.base

    @property
    def uncalibrated(self) -> Values:
        """What the usual pipeline would have published."""
        return np.clip(self.raw, CERTAIN, 1 - CERTAIN) if self.head else self.base

    @property
    def base(self) -> Values:
        return np.full(len(self.outcome), np.clip(self.share, CERTAIN, 1 - CERTAIN))

    def loss(self, probability: Values) -> float:
        """Summed log loss over the rows."""
        return float(log_loss(self.outcome, probability).sum())


def known_at(frame: pd.DataFrame, cut: int) -> pd.DataFrame:
    """The first `cut` rows, without the returns that reach beyond them."""
    known = frame.iloc[:cut].copy()
    for name in frame.columns:
        if match := TARGET_PATTERN.fullmatch(str(name)):
            known.loc[known.index[max(0, cut - int(match.group(1))) :], str(name)] = np.nan
    return known


def train_grid(jobs: Sequence[Job], processes: int = 2) -> list[Cell]:
    """Train every job's cells and judge the skill of each group's cells together."""
    with ProcessPoolExecutor(processes) as pool:
        cells = [cell for found in pool.map(train_job, jobs) for cell in found]
    return judged(cells, jobs[0].spec.training.false_discovery_rate)


def judged(cells: Iterable[Cell], level: float) -> list[Cell]:
    """The cells with the verdict on their skill, group by group."""
    cells = list(cells)
    verdicts: dict[tuple[int, ModelKey], bool] = {}
    for group in {cell.group for cell in cells}:
        claims = [Claim(c.key, 1, c.p_value, c.barred) for c in cells if c.group == group and c.head]
        verdicts |= {(group, key): claim for key, claim in may_claim(claims, level).items()}
    return [replace(c, has_skill=verdicts[c.group, c.key]) if c.head else c for c in cells]


def train_job(job: Job) -> list[Cell]:
    """Train one asset as the pipeline does and forecast the rows after the cut-off."""
    reference = DataReference(Sha256("0" * 64), job.frame["Date"].iloc[job.cut - 1].date(), (job.spec.table,))
    start = process_time()
    known = known_at(job.frame, job.cut)
    then = Moment(datetime(2000, 1, 1, tzinfo=UTC))
    results = train_asset(History(known, reference, job.peers), job.spec, {}, moment=then)
    seconds = (process_time() - start) / len(results)
    return [_cell(job, known, result, seconds) for result in results]


def _cell(job: Job, known: pd.DataFrame, result: TrainingResult, seconds: float) -> Cell:
    horizon = horizon_of(result.key.target)
    returns = job.frame[target_name(horizon)].to_numpy(dtype=np.float64)
    past = known[target_name(horizon)].dropna().to_numpy()
    rows = np.arange(job.cut - 1, job.end)
    rows = rows[~np.isnan(returns[rows])]
    raw, head, p_value, reason, barred = np.empty(0), None, 1.0, "", ""
    if isinstance(result, Candidate):
        values = prepare_features(job.frame[list(result.features)].to_numpy(dtype=np.float64)[rows])
        raw = result.pipeline.predict_proba(values)[:, 1] if len(rows) else raw
        assert isinstance(result.head, Blend)
        head, p_value = result.head, result.metrics["p_value"]
        reason, barred = str(result.metrics.get("reason", "")), str(result.metrics.get("barred", ""))
    elif isinstance(result, Failed):
        reason = result.reason
    return Cell(
        job.spec.name,
        horizon,
        job.group,
        rows,
        np.where(returns[rows] >= 0, 1.0, 0.0),
        raw,
        head,
        p_value,
        float((past >= 0).mean()) if len(past) else 0.5,
        seconds,
        reason,
        barred,
    )
