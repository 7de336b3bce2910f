"""A lake with small snapshots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.lake.commit import Commit, commit
from brain.lake.lake import Lake, Snapshot
from brain.lake.rows import Rows
from brain.store.models import ModelStore
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
        change = Commit(
            asset=asset,
            manifest=lake.manifest(asset),
            verdict="new",
            prefix=(),
            rows=Rows(days, columns, np.ascontiguousarray(matrix.T)),
            revised=np.array([], "datetime64[D]"),
            revised_columns=(),
            source_tables=(asset,),
            moment=Moment(end),
            overlap=30,
            checked_in_full=True,
        )
        return commit(lake, change, warnings=0)

    return write
