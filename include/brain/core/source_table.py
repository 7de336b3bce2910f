"""What extraction reads for a unit of work: a source table, its key, and the columns it must have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from brain.core.table_settings import ExtractionSettings, JoinedSource, RetentionSettings


def known_at_once(column: str) -> int:  # noqa: ARG001
    """Every value is known on its own row."""
    return 0


Database = Literal["source", "warehouse"]


class KeyKind(StrEnum):
    """What tells the rows of a table apart."""

    DAY = "day"  # one row a date
    TIME = "time"  # one row a timestamp, to the microsecond
    NAMES = "names"  # any columns: customers, orders
    EVENTS = "events"  # a line a thing that happened, with its time; many may have one time


@dataclass(frozen=True)
class SourceTable:
    """A table of the source database as one unit of work needs it.

    Args:
        use_case: Who reads it; the extraction's report says so.
        space: The lake folder its snapshots lie in; different use cases have different ones.
        name: What the snapshots are called in that folder.
        table: Its name in the source schema.
        key: Its key columns; one for `KeyKind.DAY` and `KeyKind.TIME`; the column of times for `KeyKind.EVENTS`.
        kind: What the key is.
        required: Columns it must have; numbers, unless the kind is `KeyKind.NAMES` or `KeyKind.EVENTS`. Of a table of
            events no other column is read.
        numeric: Columns that must be numbers if the table has them.
        rows_ahead: For a column, after how many rows a value becomes known; 0 for one known on its own row. A column
            that becomes known later is a number.
        joined: Other tables aligned onto its rows; only for a table of days.
        database: Which database it is in; in the warehouse stands what arrives by itself.
        changed: Column of a table of events with a time that only grows in the order of the commits, and is set anew
            whenever a line is written: what is above the greatest one known is what has changed.
        identity: Columns that, with the time, tell a line of such a table apart.
        may_be_empty: A table without a row is no mistake; only for `KeyKind.NAMES`.
    """

    use_case: str
    space: str
    name: str
    table: str
    key: tuple[str, ...]
    kind: KeyKind = KeyKind.DAY
    required: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    rows_ahead: Callable[[str], int] = known_at_once
    joined: tuple[JoinedSource, ...] = ()
    extraction: ExtractionSettings = field(default_factory=ExtractionSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    may_be_empty: bool = False
    database: Database = "source"
    changed: str | None = None
    identity: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.key or (self.kind is not KeyKind.NAMES and len(self.key) != 1):
            raise ValueError(f"{self.name}: the key {self.key} does not fit a table of kind {self.kind}")
        if self.joined and self.kind is not KeyKind.DAY:
            raise ValueError(f"{self.name}: only a table of days can have joined tables, not one of kind {self.kind}")
        if self.changed and (self.kind is not KeyKind.EVENTS or not {*self.identity} <= {*self.required}):
            raise ValueError(f"{self.name}: only lines of events that can be told apart are looked up by what changed")

    @property
    def tables(self) -> tuple[str, ...]:
        """Every source table behind its snapshots, its own first."""
        return (self.table, *(joined.table for joined in self.joined))
