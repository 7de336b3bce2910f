"""Recompute a published probability bit for bit, or say what is missing or changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import ArtifactRejected, LakeError, ModelNotFound, ScoringError
from brain.core.keys import ModelKey
from brain.scoring.rows import FeatureRows, read_rows
from brain.usecases.direction.inputs import SPACE
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from datetime import date, datetime

    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.store.document import StoredModel
    from brain.store.models import ModelStore


@dataclass(frozen=True)
class Published:
    """A line of the published history.

    Args:
        as_of: Date of the row it was computed from: the watermark of the snapshot.
        has_skill: As published: whether the calibrated probability or the base rate was.
        snapshot: Content hash of the snapshot the row is from.
    """

    asset: str
    horizon: int
    as_of: date
    published_at: datetime
    probability: float
    has_skill: bool | None
    model_version: int
    snapshot: str

    @property
    def key(self) -> ModelKey:
        return model_key(self.asset, self.horizon)


@dataclass(frozen=True)
class Replay:
    """What came of a replay.

    Args:
        recomputed: The probability now; None if something it needs is missing or changed.
        raw: The model's own, before calibration.
        obstacles: What is missing or changed, a sentence each; empty when the replay could be made.
    """

    published: Published
    recomputed: float | None = None
    raw: float | None = None
    obstacles: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether the same 64 bits came out."""
        return self.recomputed is not None and _bits(self.recomputed) == _bits(self.published.probability)


def replay(store: ModelStore, lake: Lake, published: Published) -> Replay:
    """Recompute `published` from the stored model version, the snapshot and its newest row.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    model, rows = _model(store, published), _rows(lake, published)
    obstacles = [part for part in (model, rows) if isinstance(part, str)]
    if isinstance(model, str) or isinstance(rows, str):
        return Replay(published, obstacles=tuple(obstacles))
    calibration = replace(model.calibration, has_skill=published.has_skill)
    try:
        raw = float(model.evaluator().probability(rows.matrix(model))[0])
    except (ScoringError, ArtifactRejected) as error:
        return Replay(published, obstacles=(str(error),))
    result = Replay(published, float(calibration.apply(np.array([raw]))[0]), raw)
    if result.identical:
        return result
    return replace(result, obstacles=(_differs(result, model),))


def _model(store: ModelStore, published: Published) -> StoredModel | str:
    try:
        return store.load(published.key, published.model_version)
    except ModelNotFound:
        return f"model version {published.model_version} of {published.key} is missing: pruned, or another database"
    except ArtifactRejected as error:
        return f"model version {published.model_version} has changed: {error}"


def _rows(lake: Lake, published: Published) -> FeatureRows | str:
    try:
        snapshot = _snapshot(lake, published)
        if snapshot is None:
            return (
                f"the snapshot {published.snapshot[:12]}… of {published.asset} is missing: thinned out by retention, or"
                " its rows were corrected while no version of that day was kept"
            )
        rows = read_rows(lake, snapshot)
    except LakeError as error:
        return f"the snapshot {published.snapshot[:12]}… has changed: {error}"
    if rows.newest != published.as_of:
        return f"the newest row of the snapshot is of {rows.newest}, the published watermark is {published.as_of}"
    return rows


def _snapshot(lake: Lake, published: Published) -> Snapshot | None:
    """The stored version with the published hash, or the view of that day if it has the same content."""
    if (found := lake.find(SPACE, published.asset, published.snapshot)) is not None:
        return found
    for day in (published.published_at.date(), published.as_of):
        view = lake.as_of(SPACE, published.asset, day)
        if view is not None and view.data_sha256 == published.snapshot:
            return view
    return None


def _differs(result: Replay, model: StoredModel) -> str:
    made, found = model.document["libraries"], result.recomputed
    return (
        f"model and rows are unchanged, yet {found!r} comes out, not {result.published.probability!r}: the published"
        f" number or its has_skill was altered, or other numerical libraries are installed (the model was made with"
        f" {', '.join(f'{name} {version}' for name, version in sorted(made.items()))})"
    )


def _bits(value: float) -> bytes:
    return np.float64(value).tobytes()
