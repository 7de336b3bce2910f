"""A published table, declared once: what DDL, comments, grants, staging, upsert, history and docs derive from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from psycopg2 import sql

SqlType = Literal["text", "integer", "bigint", "double precision", "boolean", "date", "timestamptz"]

PUBLISHED_AT = "published_at"  # the run's moment; the publisher fills it
STALE = "stale"  # true where the row is kept from an earlier publication; the publisher fills it
REASON = "reason"  # why the row could not be computed; empty where it was


@dataclass(frozen=True)
class Column:
    """A column of a published table.

    Args:
        meaning: For people: the comment on the column and its line in docs/tables.md.
        required: Filled in every row that could be computed.
        low: Least value allowed.
        high: Largest value allowed.
    """

    name: str
    type: SqlType
    meaning: str
    required: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class History:
    """A table that keeps every row ever published, a line only where something changed.

    Args:
        key: Columns that, after the table's own key, tell its rows apart; `PUBLISHED_AT` is added at the end.
    """

    name: str
    meaning: str
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedTable:
    """A table that a use case publishes.

    Args:
        name: Unquoted in SQL, so in lower case.
        columns: In order. Those called `PUBLISHED_AT`, `STALE` and `REASON` are filled by the publisher.
        value: The column that is empty where a row could not be computed.
        history: None keeps none.
        unscored: What happens to a row that could not be computed: ``keep`` shows the last one, marked stale;
            ``drop`` removes it.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    value: str
    history: History | None = None
    unscored: Literal["keep", "drop"] = "keep"


@dataclass(frozen=True)
class DerivedTable:
    """A table filled by one SELECT over tables published in the same transaction.

    Args:
        name: As people write it: ``Probabilities``, which PostgreSQL folds to lower case.
        columns: In order; one that a later release or catalogue no longer has stays in the warehouse, empty.
        select: Gives `columns` in order.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    select: sql.Composable
