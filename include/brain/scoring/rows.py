"""The rows to score: read once a unit, put in the order and precision each model takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import ScoringError
from brain.core.source_table import KeyKind

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from brain.core.keys import Sha256
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.store.stored_model import StoredModel


@dataclass(frozen=True)
class FeatureRows:
    """Some rows of one snapshot.

    Args:
        keys: datetime64, shape (n,), ascending.
        positions: Row of `values` by column name.
        values: Shape (columns, n).
        data_sha256: Hash of the snapshot they are from.
    """

    unit: str
    keys: NDArray[np.datetime64]
    positions: dict[str, int]
    values: NDArray[np.float64]
    data_sha256: Sha256
    # Models of one unit mostly take the same columns.
    _matrices: dict[tuple[object, ...], NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @property
    def newest(self) -> date:
        """Key of the newest row: a date, or a time in UTC where rows have one."""
        newest: date = self.keys[-1].astype(object)
        return newest.replace(tzinfo=UTC) if isinstance(newest, datetime) else newest

    def matrix(self, model: StoredModel) -> NDArray[np.float64]:
        """The rows as `model` takes them: shape (n, features), or (n - steps + 1, steps, features).

        Raises:
            ScoringError: A column is missing (dropped or renamed at the source), or every feature of the last row is,
                or there are fewer rows than one row of the model takes.
        """
        kind = (model.preparation, model.steps, model.features)
        if kind not in self._matrices:
            self._matrices[kind] = model.rows(self._ordered(model))
        if not len(self._matrices[kind]):
            raise _unfit(
                model,
                f"{len(self.keys)} rows up to {self.newest}",
                f"the {model.steps} rows that the model looks at",
                "Wait for more rows.",
            )
        return self._matrices[kind]

    def _ordered(self, model: StoredModel) -> NDArray[np.float64]:
        missing = [name for name in model.features if name not in self.positions]
        if missing:
            raise _unfit(
                model,
                f"no column {', '.join(missing)} in the snapshot up to {self.newest}",
                f"the {len(model.features)} features the model was trained on",
                "Restore the column at the source, or train anew: training picks up the present columns.",
            )
        matrix = self.values[[self.positions[name] for name in model.features]].T
        if np.isnan(matrix[-1]).all():
            raise _unfit(
                model,
                f"a row of {self.newest} in which every feature is empty",
                "at least one feature with a value",
                "Correct the row at the source.",
            )
        return matrix


def read_rows(lake: Lake, snapshot: Snapshot, last: int | None = 1) -> FeatureRows:
    """The newest `last` rows of a snapshot, or all.

    Raises:
        LakeError: A file is gone or altered.
        ScoringError: The snapshot is empty.
    """
    if snapshot.kind in (KeyKind.NAMES, KeyKind.EVENTS):
        raise ScoringError(
            snapshot.name,
            found=f"a snapshot of kind {snapshot.kind}, of which a model's rows are made by its use case",
            expected="one of days or times",
            remedy="Its use case says in its own tables how it scored; score the same moment again to compare.",
        )
    rows = lake.read_rows(snapshot, last=last)
    if not len(rows):
        raise ScoringError(
            snapshot.name,
            found="a snapshot without rows",
            expected="at least one row",
            remedy="Extract it again.",
        )
    positions = {name: place for place, name in enumerate(rows.columns)}
    return FeatureRows(snapshot.name, rows.keys, positions, rows.values, snapshot.data_sha256)


def _unfit(model: StoredModel, found: str, expected: str, remedy: str) -> ScoringError:
    return ScoringError(f"{model.key} v{model.version}", found=found, expected=expected, remedy=remedy)
