"""What extraction reads for an asset: its table, and the check in front of its snapshots."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from brain.core.errors import TrainingError
from brain.core.source_table import SourceTable
from brain.usecases.direction.asset_check import asset_facts
from brain.usecases.direction.dataset import misnamed, prepare
from brain.usecases.direction.names import CLOSE, DATE, NAME, PRICE_COLUMNS, SPACE, TARGET_PATTERN, target_name
from brain.usecases.protocol import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from brain.core.moment import Moment
    from brain.quality.facts import Facts
    from brain.quality.gate import Check
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

    def check(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:
        return asset_facts(frame, spec, moment, total_rows=total_rows, unchanged=unchanged)

    return check


def asset_trial(spec: AssetSpec) -> Callable[[pd.DataFrame], Trial]:
    """What training would say of the asset's rows."""

    def trial(frame: pd.DataFrame) -> Trial:
        try:
            dataset = prepare(frame, spec)
        except TrainingError as error:
            return Trial(refused=(f"found {error.found}; expected {error.expected}",))
        refused = (f"{target_name(n)}: found {e.found}; expected {e.expected}" for n, e in dataset.refused.items())
        noted = [f"{name} is left out: {evidence}" for name, evidence in dataset.leaks.items()]
        noted += [f"no numeric column is called {name}" for name in misnamed(frame, spec)]
        if dataset.bad_ticks:
            noted.append(f"bad ticks left out: {', '.join(dataset.bad_ticks)}")
        return Trial(tuple(refused), tuple(noted))

    return trial
