"""What extraction reads for a unit of work: a source table, its key, and the columns it must have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from brain.core.table_settings import ExtractionSettings, JoinedSource, RetentionSettings


def known_at_once(column: str) -> int:  # noqa: ARG001
    """Every value is known on its own row."""
    return 0


class KeyKind(StrEnum):
    """What tells the rows of a table apart."""

    DAY = "day"  # one row a date
    TIME = "time"  # one row a timestamp, to the microsecond
    NAMES = "names"  # any columns: customers, orders


@dataclass(frozen=True)
class SourceTable:
    """A table of the source database as one unit of work needs it.

    Args:
        space: The lake folder its snapshots lie in; different use cases have different ones.
        name: What the snapshots are called in that folder.
        table: Its name in the source schema.
        key: Its key columns; one for `KeyKind.DAY` and `KeyKind.TIME`.
        kind: What the key is.
        required: Numeric columns it must have.
        numeric: Columns that must be numbers if the table has them.
        rows_ahead: For a column, after how many rows a value becomes known; 0 for one known on its own row.
        joined: Other tables aligned onto its rows; only for a table of days.
    """

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
