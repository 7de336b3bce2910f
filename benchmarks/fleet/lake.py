"""Snapshots for the assets of a fleet."""

from __future__ import annotations

import numpy as np

from benchmarks.fleet.models import END, FEATURES, rows
from brain.core.keys import Interval
from brain.extract.commit import Commit, commit
from brain.extract.lake import Lake
from brain.extract.rows import Rows


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
            interval=Interval.until(END),
            overlap=181,
            checked_in_full=True,
        ),
        warnings=0,
    )
