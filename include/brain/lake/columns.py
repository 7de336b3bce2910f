"""What a column of a snapshot holds, in Arrow's words and in pandas'."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class ColumnType(StrEnum):
    """The types a snapshot can hold; times are in UTC, to the microsecond."""

    FLOAT = "float64"
    WHOLE = "int64"
    BOOLEAN = "bool"
    TEXT = "text"
    DATE = "date"
    TIME = "timestamp"


ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.FLOAT: pa.float64(),
    ColumnType.WHOLE: pa.int64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.TEXT: pa.large_string(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIME: pa.timestamp("us"),
}
_OF_ARROW = {arrow: type_ for type_, arrow in ARROW_TYPES.items()}
_NULLABLE: dict[pa.DataType, Any] = {
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.large_string(): pd.StringDtype(na_value=float("nan")),
}


@dataclass(frozen=True)
class Column:
    """A column of a snapshot.

    Args:
        rows_ahead: After how many rows a value becomes known; 0 for one known on its own row.
    """

    name: str
    type: ColumnType = ColumnType.FLOAT
    rows_ahead: int = 0

    def to_json(self) -> list[Any]:
        """Its fields in order."""
        return [self.name, self.type, self.rows_ahead]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Self:
        name, type_, rows_ahead = value
        return cls(name, ColumnType(type_), rows_ahead)


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    """The columns of an Arrow table whose types are those of `ARROW_TYPES`."""
    return tuple(Column(field.name, _OF_ARROW[field.type]) for field in schema)


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """The Arrow types of some columns."""
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in columns])


def ahead_of(columns: Iterable[Column]) -> Mapping[str, int]:
    """Rows ahead by column name."""
    return {column.name: column.rows_ahead for column in columns}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The table in pandas: Int64, boolean, float64, str, and datetime64[us] for dates and times.

    A type does not depend on whether the column has a NULL; NULL is NA, or NaN in a float or text column.
    """
    days = [pa.field(f.name, pa.timestamp("us")) if pa.types.is_date(f.type) else f for f in table.schema]
    frame: pd.DataFrame = table.cast(pa.schema(days)).to_pandas(types_mapper=_NULLABLE.get)
    return frame
