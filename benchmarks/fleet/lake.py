"""Snapshots for the assets of a fleet."""

from __future__ import annotations

import numpy as np

from benchmarks.fleet.models import END, FEATURES, rows
from brain.core.moment import Moment
from brain.lake.columns import Column
from brain.lake.commit import Commit, commit
from brain.lake.lake import Lake
from brain.lake.row_content import RowContent
from brain.lake.rows import Rows
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.inputs import asset_table


def write_snapshot(lake: Lake, asset: str, seed: int) -> None:
    """The asset's first snapshot, with its last row on END's day."""
    matrix, _ = rows(seed)
    dates = np.datetime64(END.date()) - np.arange(len(matrix))[::-1].astype("timedelta64[D]")
    values = Rows(dates, FEATURES, np.ascontiguousarray(matrix.T))
    content = RowContent("Date", tuple(map(Column, FEATURES)), prefix=(), rows=values, overlap=181)
    table = asset_table(AssetSpec(name=asset, table=asset))
    commit(lake, Commit(table, None, "new", content, Moment(END), checked_in_full=True), warnings=0)
