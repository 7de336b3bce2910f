"""What training hands to the store: a fitted pipeline and everything that makes its numbers traceable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    import numpy as np
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey, Sha256
    from brain.usecases.direction.calibration import Calibration

Action = Literal["search", "refresh", "skip"]


@dataclass(frozen=True)
class Decision:
    """What was done for one model, and why."""

    action: Action
    reason: str


@dataclass(frozen=True)
class DataReference:
    """The rows a model was trained on."""

    snapshot: Sha256
    watermark: date
    source_tables: tuple[str, ...]


@dataclass(frozen=True)
class TrainingWindow:
    """First and last labelled row used, and the date on which the last label became known."""

    first: date
    last: date
    last_label_end: date
    rows: int


@dataclass(frozen=True)
class ChampionSummary:
    """The champion in brief, as the store's lean summaries give it: enough to decide, and to fit it again.

    Args:
        searched_at: The end of the data interval of its last full search.
        has_skill: The grid-wide gate's verdict on it.
        degraded: Why it is thought worse than when it was promoted; empty if it is not.
    """

    version: int
    parameters: Mapping[str, Any]
    features: tuple[str, ...]
    searched_at: datetime
    trained_at: datetime
    snapshot: Sha256
    has_skill: bool = False
    degraded: str = ""


@dataclass(frozen=True)
class Skipped:
    """A model that needs no training now."""

    key: ModelKey
    decision: Decision


@dataclass(frozen=True)
class Failed:
    """A model that could not be trained honestly; the others of the asset go on."""

    key: ModelKey
    reason: str
    remedy: str


@dataclass(frozen=True)
class Candidate:
    """A freshly trained version, not yet stored.

    Args:
        pipeline: Fitted scikit-learn pipeline with classes (0, 1) over `features` in order.
        parameters: Plain JSON from which the pipeline can be refitted.
        features: Feature columns, in the order the pipeline takes them.
        metrics: Plain JSON: the out-of-sample record (log_loss, brier, skill, skill_low, skill_high, trials, …).
        proofs: Plain JSON: per fold, the last training label's end and the first test date.
        check_rows: Real training rows, shape (n, features), on which the exported artifact is compared.
        trained_at: The end of the data interval the model was trained for.
        searched_at: The end of the data interval of the last full search.
    """

    key: ModelKey
    pipeline: Any
    parameters: Mapping[str, Any]
    features: tuple[str, ...]
    calibration: Calibration
    metrics: Mapping[str, Any]
    window: TrainingWindow
    data: DataReference
    decision: Decision
    seed: int
    trained_at: datetime
    searched_at: datetime
    check_rows: NDArray[np.float64]
    proofs: tuple[Mapping[str, Any], ...] = ()
    description: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


TrainingResult = Candidate | Skipped | Failed
