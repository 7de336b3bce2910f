"""What extraction reads for an asset: its table, and the check in front of its snapshots."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from brain.core.source_table import SourceTable
from brain.usecases.direction.asset_check import check_asset
from brain.usecases.direction.names import CLOSE, DATE, NAME, PRICE_COLUMNS, SPACE, TARGET_PATTERN, target_name

if TYPE_CHECKING:
    import pandas as pd

    from brain.core.moment import Moment
    from brain.quality.gate import Check
    from brain.quality.result import GateResult
    from brain.usecases.direction.catalogue import AssetSpec

DISCOVERED_BY = (DATE, CLOSE)
"""A table of the source with these columns is an asset's."""


@functools.cache
def rows_ahead(column: str) -> int:
    """Rows ahead that a ``RETURNSn`` column looks; 0 for any other column."""
    match = TARGET_PATTERN.fullmatch(column)
    return int(match.group(1)) if match else 0


def asset_table(spec: AssetSpec) -> SourceTable:
    """The asset's table: one row a ``Date``, ``Close`` and the RETURNSn of its horizons."""
    return SourceTable(
        use_case=NAME,
        space=SPACE,
        name=spec.name,
        table=spec.table,
        key=(DATE,),
        required=(CLOSE, *map(target_name, spec.horizons)),
        numeric=PRICE_COLUMNS,
        rows_ahead=rows_ahead,
        joined=spec.sources,
        extraction=spec.extraction,
        retention=spec.retention,
    )


def asset_check(spec: AssetSpec) -> Check:
    """The check in front of the asset's snapshots."""

    def check(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> GateResult:
        return check_asset(frame, spec, moment, total_rows=total_rows, unchanged=unchanged)

    return check
