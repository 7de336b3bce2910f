"""The rows of an asset's table, checked, joined and masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import SourceTableError
from brain.extract.align import with_joined
from brain.lake.rows import Rows, mask_unknown, require_key

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.extract.plan import Plan
    from brain.source.open import Source
    from brain.usecases.direction.catalogue import AssetSpec


def read_planned(source: Source, spec: AssetSpec, moment: Moment, plan: Plan) -> Rows:
    """The planned rows with their joined columns, in the order of ``plan.columns``.

    Raises:
        SourceTableError: There is no row, or the key is not one date a row.
    """
    shape = plan.shape
    batches = source.read(
        shape.table,
        shape.key,
        shape.columns,
        since=plan.since,
        until=moment.day,
        batch_rows=spec.extraction.batch_rows,
    )
    parts = [Rows(_days(spec, batch.keys), shape.columns, batch.values) for batch in batches]
    rows = Rows.concat(parts, shape.columns)
    require_key(spec.name, spec.table, rows.dates)
    if not len(rows) and not plan.prefix:
        raise SourceTableError(
            spec.name,
            found=f"no row up to {moment.day} in table {spec.table!r}",
            expected="at least one row",
            remedy="Load the table, or take the asset out of the catalogue.",
        )
    return mask_unknown(with_joined(source, spec, plan.joined, rows))


def _days(spec: AssetSpec, keys: Any) -> Any:
    days = keys.astype("datetime64[D]")
    if (odd := keys[(days != keys) & ~np.isnat(keys)]).size:
        raise SourceTableError(
            spec.name,
            found=f"{odd.size} dates with a time of day, the first {odd[0]}, in table {spec.table!r}",
            expected="one row a calendar date",
            remedy="Aggregate the table to days, or join it as a windowed source of a daily asset.",
        )
    return days
