"""Snapshots for the assets of a fleet."""

from __future__ import annotations

import numpy as np

from benchmarks.fleet.models import END, FEATURES, rows
from brain.core.moment import Moment
from brain.lake.commit import Commit, commit
from brain.lake.lake import Lake
from brain.lake.rows import Rows


def write_snapshot(lake: Lake, asset: str, seed: int) -> None:
    """The asset's first snapshot, with its last row on END's day."""
    matrix, _ = rows(seed)
    dates = np.datetime64(END.date()) - np.arange(len(matrix))[::-1].astype("timedelta64[D]")
    commit(
        lake,
        Commit(
            asset=asset,
            manifest=None,
            verdict="new",
            prefix=(),
            rows=Rows(dates, FEATURES, np.ascontiguousarray(matrix.T)),
            revised=np.array([], "datetime64[D]"),
            revised_columns=(),
            source_tables=(asset,),
            moment=Moment(END),
            overlap=181,
            checked_in_full=True,
        ),
        warnings=0,
    )
