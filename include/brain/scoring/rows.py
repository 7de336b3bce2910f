"""The rows to score: read once an asset, put in the order each model takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import ScoringError

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from brain.core.keys import Sha256
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.store.document import StoredModel


@dataclass(frozen=True)
class FeatureRows:
    """Some rows of one snapshot.

    Args:
        dates: datetime64[D], shape (n,), ascending.
        positions: Row of `values` by column name.
        values: Shape (columns, n).
        snapshot: Content hash of the snapshot they are from.
    """

    asset: str
    dates: NDArray[np.datetime64]
    positions: dict[str, int]
    values: NDArray[np.float64]
    snapshot: Sha256
    # Models of one asset mostly take the same columns.
    _matrices: dict[tuple[str, ...], NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @property
    def newest(self) -> date:
        day: date = self.dates[-1].astype(object)
        return day

    def matrix(self, model: StoredModel) -> NDArray[np.float64]:
        """The rows as `model` takes them, shape (n, features).

        Raises:
            ScoringError: A column is missing (dropped or renamed at the source), or every feature of the last row is.
        """
        if model.features not in self._matrices:
            self._matrices[model.features] = self._ordered(model)
        return self._matrices[model.features]

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
                "Correct the row at the source; the cell keeps its last published value.",
            )
        return np.ascontiguousarray(matrix)


def read_rows(lake: Lake, snapshot: Snapshot, last: int | None = 1) -> FeatureRows:
    """The newest `last` rows of a snapshot, or all.

    Raises:
        LakeError: A file is gone or altered.
        ScoringError: The snapshot is empty.
    """
    rows = lake.read_rows(snapshot, last=last)
    if not len(rows):
        raise ScoringError(
            snapshot.name,
            found="a snapshot without rows",
            expected="at least one row",
            remedy="Extract the asset again.",
        )
    positions = {name: place for place, name in enumerate(rows.columns)}
    return FeatureRows(snapshot.name, rows.keys, positions, rows.values, snapshot.data_sha256)


def _unfit(model: StoredModel, found: str, expected: str, remedy: str) -> ScoringError:
    return ScoringError(f"{model.key} v{model.version}", found=found, expected=expected, remedy=remedy)
