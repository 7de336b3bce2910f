"""What training hands to the store: a fitted model and everything that makes its numbers traceable."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    import numpy as np
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey, Sha256

Action = Literal["search", "refresh", "skip", "failed"]


@dataclass(frozen=True)
class Decision:
    """What was done for one model, and why."""

    action: Action
    reason: str


@dataclass(frozen=True)
class DataReference:
    """The rows a model was trained on.

    Args:
        data_sha256: Content hash of the snapshot.
        watermark: When its newest row is of.
    """

    data_sha256: Sha256
    watermark: date
    source_tables: tuple[str, ...]


@dataclass(frozen=True)
class TrainingWindow:
    """First and last row a model was trained on.

    Args:
        last_label_end: When the last label became known; None where there are no labels.
    """

    first: date
    last: date
    last_label_end: date | None
    rows: int


@dataclass(frozen=True)
class ChampionSummary:
    """The champion in brief, without artifact: enough to decide whether to train, and to fit it again.

    Args:
        searched_at: The moment of its last full search.
        data_sha256: Content hash of the snapshot it was trained on.
        has_skill: The judge's verdict on it; None while there is none.
        degraded: Why it is to be searched anew next time; empty if it is not.
        skill: As measured when it was trained; None if it was not.
        p_value: Of that skill, measured by itself; None if it was not.
        barred: Why it may not claim skill however small the p-value is; empty if it may.
        newer: The version that waits for a person's approval to take its place, or was rejected; None if there is none.
        rejected: Whether this version is one that a person has rejected.
        made_from: A hash of all that decided its features; empty where its use case does not say.
    """

    version: int
    parameters: Mapping[str, Any]
    features: tuple[str, ...]
    searched_at: datetime
    trained_at: datetime
    data_sha256: Sha256
    has_skill: bool | None = None
    degraded: str = ""
    skill: float | None = None
    p_value: float | None = None
    barred: str = ""
    newer: ChampionSummary | None = None
    rejected: bool = False
    made_from: str = ""

    @property
    def basis(self) -> ChampionSummary:
        """What training goes on from, so that it does nothing again because a version waits.

        That is the version that waits. After a person has rejected it, it is the champion, but with the rows and the
        search behind it that the rejected one had: they, and the alarms before it, bring no other model.
        """
        newer = self.newer
        if newer is None or not newer.rejected:
            return newer or self
        known = ("features", "searched_at", "trained_at", "data_sha256", "degraded", "made_from")
        return replace(self, **{name: getattr(newer, name) for name in known})


class Head(Protocol):
    """How a model's raw output becomes the published value; `brain.portable.heads` has the kinds."""

    def apply(self, outputs: NDArray[np.float64], has_skill: bool | None) -> NDArray[np.float64]:
        """Published values of `outputs` (n, outputs), shape (n,)."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Its kind and numbers as plain JSON."""
        ...


@dataclass(frozen=True)
class Skipped:
    """A model that needs no training now."""

    key: ModelKey
    decision: Decision


@dataclass(frozen=True)
class Failed:
    """A model that could not be trained honestly; the others of its unit go on."""

    key: ModelKey
    reason: str
    remedy: str


@dataclass(frozen=True)
class Candidate:
    """A freshly trained version, not yet stored.

    Args:
        pipeline: A fitted scikit-learn or LightGBM pipeline, classifier or regressor over `features` in order, or a
            `brain.portable.export.OnnxModel`.
        parameters: Plain JSON from which the model can be fitted again.
        features: Feature columns, in the order the model takes them.
        head: How its raw output becomes the published value.
        metrics: Plain JSON: what was measured out of sample (log_loss, skill, p_value, trials, …). A model with a
            `p_value` waits for the judge before it may claim skill.
        check_rows: Real training rows on which the exported artifact is compared, shape (n, features), or
            (n, steps, features) where `steps` is given.
        trained_at: The moment of the run that trained it.
        searched_at: The moment of the last full search.
        steps: Rows that follow one another in one row of a sequence model.
        preparation: How feature values were prepared for training: a name in `brain.portable.preparation`.
        proofs: Plain JSON: per fold, the last training label's end and the first test date.
        degraded: Why the model is to be searched anew next time; empty if it is not.
        approval: Why a person must approve it before it is served; empty if nobody need.
    """

    key: ModelKey
    pipeline: Any
    parameters: Mapping[str, Any]
    features: tuple[str, ...]
    head: Head
    metrics: Mapping[str, Any]
    window: TrainingWindow
    data: DataReference
    decision: Decision
    seed: int
    trained_at: datetime
    searched_at: datetime
    check_rows: NDArray[np.float64]
    steps: int | None = None
    preparation: str = "none"
    proofs: tuple[Mapping[str, Any], ...] = ()
    description: str = ""
    degraded: str = ""
    approval: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


TrainingResult = Candidate | Skipped | Failed
