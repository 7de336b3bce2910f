"""Many rows at once, between PostgreSQL and arrays: COPY's CSV, in which every number comes back as it was."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg2 import sql
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


def copy_out(cursor: Cursor, query: sql.Composable, types: Mapping[str, pa.DataType]) -> pa.Table:
    """The answer to ``COPY … TO STDOUT WITH (FORMAT csv)``, its columns named and typed as given; none is empty."""
    buffer = io.BytesIO()
    cursor.copy_expert(query, buffer)
    buffer.seek(0)
    if not buffer.getbuffer().nbytes:
        return pa.schema(list(types.items())).empty_table()
    return pa.csv.read_csv(
        buffer,
        read_options=pa.csv.ReadOptions(column_names=list(types), use_threads=False),
        convert_options=pa.csv.ConvertOptions(column_types=dict(types), null_values=[], strings_can_be_null=False),
    )


def copy_in(cursor: Cursor, statement: sql.Composable, table: pa.Table) -> None:
    """Run ``COPY … FROM STDIN WITH (FORMAT csv)`` with the rows of a table; what is empty becomes NULL."""
    plain = [pa.string() if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    named = pa.schema(list(zip(table.column_names, plain, strict=True)))
    buffer = io.BytesIO()
    pa.csv.write_csv(table.cast(named), buffer, pa.csv.WriteOptions(include_header=False))
    buffer.seek(0)
    cursor.copy_expert(statement, buffer)
