"""Recompute a published value bit for bit, or say what is missing or changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import ArtifactRejected, LakeError, ModelNotFound, ScoringError
from brain.core.moment import Moment
from brain.core.source_table import KeyKind
from brain.scoring.rows import FeatureRows, read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.store.models import ModelStore
    from brain.store.stored_model import StoredModel


@dataclass(frozen=True)
class Published:
    """A row of a published history.

    Args:
        key: The model behind it; its entity names the snapshot.
        as_of: Day or time of the row it was computed from: the watermark of the snapshot.
        has_skill: As published: whether the model could claim skill; None if nobody judged it.
        data_sha256: Content hash of the snapshot the row is from.
    """

    key: ModelKey
    as_of: date
    published_at: datetime
    value: float
    has_skill: bool | None
    model_version: int
    data_sha256: str


@dataclass(frozen=True)
class Replay:
    """What came of a replay.

    Args:
        recomputed: The value now; None if something it needs is missing or changed.
        raw: The model's last output, before its head.
        obstacles: What is missing or changed, a sentence each; empty when the value came out again.
        model, row: What it was recomputed from; None if one of them is missing or changed.
    """

    published: Published
    recomputed: float | None = None
    raw: float | None = None
    obstacles: tuple[str, ...] = ()
    model: StoredModel | None = None
    row: NDArray[np.float64] | None = None

    @property
    def identical(self) -> bool:
        """Whether the same 64 bits came out."""
        return self.recomputed is not None and _bits(self.recomputed) == _bits(self.published.value)


@dataclass(frozen=True)
class TableReplay:
    """What came of recomputing all rows of a table that one model made.

    Args:
        rows: How many the table shows; none if nothing was published.
        obstacles: As of `Replay`.
    """

    rows: int
    obstacles: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether every row came out with the same bits."""
        return self.rows > 0 and not self.obstacles


def replay(store: ModelStore, lake: Lake, space: str, published: Published) -> Replay:
    """Recompute `published` from the stored model version, the snapshot and its newest rows.

    Args:
        space: The part of the lake that holds the snapshot.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    model = _model(store, published)
    steps = 1 if isinstance(model, str) else model.steps or 1
    rows = _rows(lake, space, published, steps)
    obstacles = [part for part in (model, rows) if isinstance(part, str)]
    if isinstance(model, str) or isinstance(rows, str):
        return Replay(published, obstacles=tuple(obstacles))
    try:
        matrix = rows.matrix(model)
        outputs = model.evaluator().outputs(matrix)
    except (ScoringError, ArtifactRejected) as error:
        return Replay(published, obstacles=(str(error),))
    value = model.head.apply(outputs, published.has_skill)
    result = Replay(published, float(value[0]), float(outputs[0, -1]), model=model, row=matrix[-1])
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


def _rows(lake: Lake, space: str, published: Published, count: int) -> FeatureRows | str:
    """The newest `count` rows of the snapshot."""
    try:
        snapshot = _snapshot(lake, space, published)
        if snapshot is None:
            return (
                f"the snapshot {published.data_sha256[:12]}… of {published.key.entity} is missing: thinned out by"
                " retention, or its rows were corrected while no version of that day was kept"
            )
        if snapshot.kind not in (KeyKind.DAY, KeyKind.TIME):
            return (
                f"all rows of {published.key.entity} made it, not the newest alone: `brain replay` recomputes the table"
            )
        rows = read_rows(lake, snapshot, count)
    except LakeError as error:
        return f"the snapshot {published.data_sha256[:12]}… has changed: {error}"
    if rows.newest != published.as_of:
        return f"the newest row of the snapshot is of {rows.newest}, the published watermark is {published.as_of}"
    return rows


def _snapshot(lake: Lake, space: str, published: Published) -> Snapshot | None:
    """The stored version with the published hash, or the view of that day if it has the same content."""
    name = published.key.entity
    if (found := lake.find(space, name, published.data_sha256)) is not None:
        return found
    row = Moment(published.as_of) if isinstance(published.as_of, datetime) else published.as_of
    for when in (Moment(published.published_at), row):
        view = lake.as_of(space, name, when)
        if view is not None and view.data_sha256 == published.data_sha256:
            return view
    return None


def _differs(result: Replay, model: StoredModel) -> str:
    made, found = model.document["libraries"], result.recomputed
    return (
        f"model and rows are unchanged, yet {found} comes out, not {result.published.value}: the published number"
        f" or its has_skill was altered, or other numerical libraries are installed (the model was made with"
        f" {', '.join(f'{name} {version}' for name, version in sorted(made.items()))})"
    )


def _bits(value: float) -> bytes:
    return np.float64(value).tobytes()
