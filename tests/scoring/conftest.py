"""A lake with small snapshots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.lake.columns import Column
from brain.lake.commit import Commit, commit
from brain.lake.lake import Lake
from brain.lake.row_content import RowContent
from brain.lake.rows import Rows
from brain.lake.snapshot import Snapshot
from brain.store.models import ModelStore
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.inputs import asset_table
from tests.store.conftest import END, FEATURES, connections, make_candidate, training_rows

__all__ = ["connections", "make_candidate"]

WriteSnapshot = Callable[..., Snapshot]


@pytest.fixture
def moment() -> Moment:
    return Moment(END)


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    return ModelStore.open(settings, "direction")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.lake_url)


@pytest.fixture
def write_snapshot(lake: Lake) -> WriteSnapshot:
    """Writes the rows of `training_rows` (or given ones) as an asset's next version; the last row is on END's day."""

    def write(
        asset: str = "GOLD",
        *,
        values: NDArray[np.float64] | None = None,
        columns: tuple[str, ...] = FEATURES,
        end: datetime = END,
        dates: NDArray[np.datetime64] | None = None,
    ) -> Snapshot:
        matrix = training_rows()[0] if values is None else values
        last = np.datetime64(end.astimezone(UTC).date())
        days = last - np.arange(len(matrix))[::-1].astype("timedelta64[D]") if dates is None else dates
        table = asset_table(AssetSpec(name=asset, table=asset))
        rows = Rows(days, columns, np.ascontiguousarray(matrix.T))
        content = RowContent("Date", tuple(map(Column, columns)), prefix=(), rows=rows, overlap=30)
        manifest = lake.manifest(table.space, table.name)
        change = Commit(table, manifest, "new", content, Moment(end), checked_in_full=True)
        return commit(lake, change, warnings=0)

    return write
