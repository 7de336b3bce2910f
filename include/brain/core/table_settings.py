"""How a source table is read, joined and kept: the settings of the catalogue that every use case shares."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from brain.core.durations import AGE, DURATION
from brain.core.section import Section

IDENTIFIER_BYTES = 63  # PostgreSQL truncates longer identifiers

Aggregate = Literal["min", "mean", "max", "count", "stddev"]


class ExtractionSettings(Section):
    """How a table is read."""

    batch_rows: int = Field(50_000, ge=1_000, description="Rows fetched at a time.")
    overlap_rows: int | None = Field(
        None,
        ge=1,
        description="Newest known rows read again each time; all whose values may become known and 20 if empty.",
    )
    full_check_days: int | None = Field(
        7, ge=1, description="Every row is compared with the source at least this often; never if empty."
    )
    max_loss: float = Field(
        0.1, ge=0, le=1, description="Share of the known rows that may vanish from the table before it is refused."
    )


class RetentionSettings(Section):
    """What is kept, and for how long."""

    keep: str | None = Field(None, pattern=AGE, description="Age of rows kept in the lake: 15y.")
    snapshot_days: int = Field(90, ge=1, description="Every snapshot is kept this long, then the last of each month.")
    audit: str = Field("2y", pattern=AGE, description="A champion's training rows are kept this long after training.")
    model_versions: int = Field(5, ge=1, description="Versions kept for each model besides the champion.")


def _fits(name: str) -> str:
    if len(name.encode()) > IDENTIFIER_BYTES:
        raise ValueError(f"longer than the {IDENTIFIER_BYTES} bytes PostgreSQL keeps of a name")
    return name


TableName = Annotated[str, Field(min_length=1), AfterValidator(_fits)]


class JoinedSource(Section):
    """Another table of the source schema, aligned onto the dates of a unit's table."""

    table: TableName = Field(description="Its name in the source schema.")
    prefix: str | None = Field(None, description="Put before its column names; the table's name and _ if empty.")
    key: str = Field("Date", description="Its date or timestamp column.")
    columns: tuple[str, ...] = Field((), description="Columns to take; every number if empty.")
    max_age: str | None = Field("10d", pattern=DURATION, description="Older values count as missing; never if empty.")
    lag: str | None = Field(None, pattern=DURATION, description="Time from a value's date to the day it was known.")
    window: str | None = Field(None, pattern=DURATION, description="Aggregate over this span up to the row's date.")
    aggregates: tuple[Aggregate, ...] = Field(("mean",), min_length=1, description="What to compute over the window.")

    @property
    def column_prefix(self) -> str:
        return self.prefix if self.prefix is not None else f"{self.table}_"
