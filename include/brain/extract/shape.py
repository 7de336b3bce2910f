"""Which columns of a table extraction takes, checked before a row is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brain.core.errors import SourceTableError
from brain.lake.rows import target_rows
from brain.source.batches import Kind
from brain.usecases.direction.names import CLOSE, DATE, PRICE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection

    from brain.core.table_settings import JoinedSource
    from brain.source.open import Source
    from brain.usecases.direction.catalogue import AssetSpec


@dataclass(frozen=True)
class TableShape:
    """What is read of one table.

    Args:
        key: Its date or timestamp column.
        kind: Which of the two it is.
        columns: Numeric columns, in the table's order.
        left_out: Columns that are not numbers.
    """

    table: str
    key: str
    kind: Kind
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


def asset_shape(source: Source, spec: AssetSpec, known: Collection[str] = ()) -> TableShape:
    """The shape of an asset's own table.

    Args:
        known: Columns that were numbers in the previous snapshot and may not have turned into something else.

    Raises:
        SourceTableError: The table is missing, or lacks ``Date``, ``Close`` or a RETURNSn the catalogue asks for, or
            one of them is of the wrong type.
    """
    kinds = source.columns(spec.table)
    _require_date(spec.name, spec.table, DATE, kinds, timestamps=False)
    required = [CLOSE, *(f"RETURNS{horizon}" for horizon in spec.horizons)]
    if missing := [name for name in required if name not in kinds]:
        raise _shape_error(
            spec,
            f"no column {', '.join(missing)} among {len(kinds)} columns",
            "Add the columns, or leave those horizons out in the catalogue.",
        )
    numbers = {name for name, kind in kinds.items() if kind is Kind.NUMBER}
    needed = [name for name in kinds if name in PRICE_COLUMNS or target_rows(name) or name in known]
    for name in needed:
        if name not in numbers and name != DATE:
            raise _shape_error(
                spec,
                f"the column {name!r} of kind {kinds[name]}",
                f"Store {name!r} as a number, or read the asset through a view that casts it.",
            )
    columns = tuple(name for name in kinds if name in numbers and name != DATE)
    return TableShape(spec.table, DATE, kinds[DATE], columns, tuple(n for n in kinds if n not in numbers and n != DATE))


def joined_shape(source: Source, spec: AssetSpec, joined: JoinedSource, known: Collection[str] = ()) -> TableShape:
    """The shape of another table that is aligned onto the asset's dates.

    Args:
        known: Columns of the previous snapshot; one that came from here may not have turned into something else.

    Raises:
        SourceTableError: The table, its key or one of the columns asked for is missing or of the wrong type.
    """
    kinds = source.columns(joined.table)
    _require_date(spec.name, joined.table, joined.key, kinds, timestamps=True)
    numbers = [name for name, kind in kinds.items() if kind is Kind.NUMBER and name != joined.key]
    wanted = joined.columns or tuple(name for name in numbers if not target_rows(name))
    turned = [name for name in kinds if name not in numbers and f"{joined.column_prefix}{name}" in known]
    if unusable := [name for name in (*wanted, *turned) if name not in numbers]:
        named = ", ".join(f"{name!r} of kind {kinds[name]}" if name in kinds else f"no {name!r}" for name in unusable)
        raise SourceTableError(
            spec.name,
            found=f"{named} in the joined table {joined.table!r}",
            expected="every column named under `sources` to be a number of that table",
            remedy="Correct `columns` of the joined source in the catalogue, or the table.",
        )
    left_out = tuple(name for name in kinds if name not in wanted and name != joined.key)
    return TableShape(joined.table, joined.key, kinds[joined.key], wanted, left_out)


def _require_date(asset: str, table: str, key: str, kinds: dict[str, Kind], *, timestamps: bool) -> None:
    kind = kinds.get(key)
    if kind in (Kind.DATE, Kind.TIME):
        return
    found = f"the column {key!r} of kind {kind}" if kind else f"no column {key!r}; among {', '.join(kinds) or 'none'}"
    expected = "DATE or TIMESTAMP without time zone" if timestamps else "DATE"
    raise SourceTableError(
        asset,
        found=f"{found} in table {table!r}",
        expected=f"a column {key!r} of type {expected}",
        remedy=f'Store it as such, or read the table through a view: SELECT CAST("{key}" AS date) AS "{key}", …',
    )


def _shape_error(spec: AssetSpec, found: str, remedy: str) -> SourceTableError:
    return SourceTableError(
        spec.name,
        found=f"{found} in table {spec.table!r}",
        expected='"Date" (DATE), numeric prices with "Close", and numeric RETURNSn for every horizon',
        remedy=remedy,
    )
