"""A published table, declared once: DDL, comments, grants, staging, upsert, history and docs derive from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg2 import sql

    from brain.warehouse.news import News

SqlType = Literal["text", "integer", "bigint", "double precision", "boolean", "date", "timestamptz"]

PUBLISHED_AT = "published_at"  # the run's moment; the publisher fills it
DAYS_BEHIND = "days_behind"  # from the day the row is about to that of the newest run; the publisher fills it
STALE = "stale"  # true where the row has a reason; the publisher fills it
REASON = "reason"  # why the row is kept from an earlier publication, or was computed from old data; mostly empty
FILLED = frozenset({PUBLISHED_AT, DAYS_BEHIND, STALE})  # by the publisher

STAGED = "staged_"  # what the temporary tables of a publication are called, before the table's name
IDENTIFIER_BYTES = 63  # PostgreSQL cuts a longer name short
_NAME = re.compile(r"\w[\w ]*")
_UNQUOTED = re.compile(r"[a-z_]\w*", re.ASCII | re.IGNORECASE)


def folded(name: str) -> str:
    """The name PostgreSQL keeps: in lower case, unless the name must be quoted in SQL anyway."""
    return name.lower() if _UNQUOTED.fullmatch(name) else name


def spelled(name: str) -> str:
    """The name as a person writes it in SQL."""
    return name if _UNQUOTED.fullmatch(name) else f'"{name}"'


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: As people write it: ``As_Of``, which PostgreSQL folds to lower case.
        meaning: For people: the comment on the column and its line in docs/tables.md.
        required: Filled in every row that could be computed.
        low: Least value allowed.
        high: Largest value allowed.
        default: What rows have that were written before the column existed; empty if None.
    """

    name: str
    type: SqlType
    meaning: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    default: str | float | bool | None = None

    @property
    def identifier(self) -> str:
        return folded(self.name)

    @property
    def bounded(self) -> bool:
        return self.low is not None or self.high is not None


@dataclass(frozen=True)
class Layout:
    """A table as it stands in PostgreSQL, whatever it is for.

    Args:
        name: As people write it: ``Probabilities``, which PostgreSQL folds to lower case.
        key: Names of the columns of its primary key.
        columns: In the order in which a new table has them.
        filled: Names of the columns that are never empty, besides the key.
        rewritten: Every row is replaced by each publication: pages are left part empty for it, so that what readers
            have to pass does not grow.
        partitioned_by: Name of the column of days or times by whose year or month its rows are kept apart; None keeps
            them together.
        indexed: Names of the columns by each of which rows are looked up, besides the key.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    filled: frozenset[str] = frozenset()
    rewritten: bool = False
    partitioned_by: str | None = None
    indexed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [column.identifier for column in self.columns]
        _require(len(set(names)) == len(names), f"{self.name} has two columns of one name")
        named = {*self.key, *self.filled, *self.indexed}
        _require(named <= {column.name for column in self.columns}, f"{self.name} lacks a column")
        _require(bool(self.key), f"{self.name} has no key")
        checks = [self.check_name(column) for column in self.columns if column.bounded]
        for name in (self.name, *names, *checks):
            _require(bool(_NAME.fullmatch(name)), f"{name!r} is no name for a table or column")
            _require(len(name.encode()) <= IDENTIFIER_BYTES, f"{name!r} is longer than {IDENTIFIER_BYTES} bytes")

    @property
    def identifier(self) -> str:
        return folded(self.name)

    def check_name(self, column: Column) -> str:
        return f"{self.identifier}_{column.identifier}_check"

    def index_name(self, column: str) -> str:
        return f"{self.identifier}_{folded(column)}_index"

    def not_null(self, column: Column) -> bool:
        return column.name in self.key or column.name in self.filled


@dataclass(frozen=True)
class History:
    """A table that keeps every row ever published, a line only where something changed.

    Args:
        as_of: Name of the column with the day a row is about. It follows the table's key in the history's, and
            `PUBLISHED_AT` follows it.
    """

    name: str
    meaning: str
    as_of: str = "as_of"


@dataclass(frozen=True)
class ModelColumns:
    """Which columns of a row tell the model behind it.

    Args:
        key: Names of the columns from which the use case makes the model's key.
        version: Name of the column with the model's version; empty where no model was used.
    """

    key: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Follows:
    """Whose rows a table's own stand and fall with.

    Args:
        table: Published before it.
        key: Columns that both have; with the value empty there, rows that have the same here stay as they were.
    """

    table: PublishedTable
    key: tuple[str, ...]


@dataclass(frozen=True)
class PublishedTable:
    """A table that a use case publishes.

    Args:
        name: Unquoted in SQL, so in lower case.
        columns: In order. Must have `PUBLISHED_AT`, which the publisher fills; where rows are kept also `STALE`, which
            the publisher fills, too, and `REASON`. With a history it may have `DAYS_BEHIND`, which the publisher fills.
        value: Name of the column that is empty where a row could not be computed.
        history: None keeps none.
        unscored: What happens to a row that could not be computed: ``keep`` shows the last one, marked stale;
            ``drop`` removes it.
        model: None if no stored model stands behind a row; else tidying keeps the versions it tells of.
        of: The table, published before it, whose rows its own explain; None if they stand for themselves. Its key
            begins with that table's key. It only has rows for those that the newest run computed and that table shows:
            they do not count as results, and a run that gives none leaves it empty.
        follows: The rows that its own stand and fall with: where such a row could not be computed, this table keeps all
            that belongs to it, marked stale, although nobody can tell which rows those should be; the other row says
            why. What a run gives for it is left out then. It has `STALE`, and `REASON` may mean anything in it.
        news: How people are told of a row that it did not have; None tells nobody.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    value: str
    history: History | None = None
    unscored: Literal["keep", "drop"] = "keep"
    model: ModelColumns | None = None
    of: PublishedTable | None = None
    follows: Follows | None = None
    news: News | None = None

    def __post_init__(self) -> None:
        names = {column.name for column in self.columns}
        needed = {PUBLISHED_AT, self.value, *({STALE, REASON} if self.unscored == "keep" else ())}
        if self.model:
            needed |= {*self.model.key, self.model.version}
        if self.history:
            needed.add(self.history.as_of)
            required = {column.name for column in self.columns if column.required}
            _require(self.history.as_of in required, f"{self.name}.{self.history.as_of} has to be required")
        else:
            _require(DAYS_BEHIND not in names, f"{self.name}.{DAYS_BEHIND} needs a history: what it is about")
        if self.of:
            told = self.of.key if self.of.history is None else (*self.of.key, self.of.history.as_of)
            needed |= set(told)
            begins = self.key[: len(self.of.key)] == self.of.key
            _require(begins, f"the key of {self.name} does not begin with that of {self.of.name}")
            _require(self.unscored == "drop", f"{self.name} cannot keep rows that {self.of.name} may not have")
        if self.follows:
            needed |= {STALE, *self.follows.key}
            _require(self.unscored == "drop", f"{self.name} keeps rows as {self.follows.table.name} says")
        _require(needed <= names, f"{self.name} lacks {', '.join(sorted(needed - names))}")
        _require(self.value not in self.key, f"{self.name}.{self.value} cannot be key and value")
        _ = self.layout, self.history_layout  # a mistake shows where it was made

    @property
    def marks_stale(self) -> bool:
        """Whether a row tells that it is stale."""
        return any(column.name == STALE for column in self.columns)

    @cached_property
    def row_columns(self) -> tuple[Column, ...]:
        """The columns that a use case fills; the publisher fills the others."""
        return tuple(column for column in self.columns if column.name not in FILLED)

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        """Names of the columns that a use case fills, in order."""
        return tuple(column.name for column in self.row_columns)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that are filled in every row that could be computed."""
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def layout(self) -> Layout:
        """The table itself. A kept row may have nothing but its key and the reason."""
        filled = {STALE} if self.unscored == "keep" else {self.value, PUBLISHED_AT, *self.required}
        return Layout(self.name, self.meaning, self.key, self.columns, frozenset(filled), rewritten=True)

    @cached_property
    def staging(self) -> Layout:
        """The temporary table that the rows of a run are copied into."""
        return Layout(f"{STAGED}{self.name}", "", self.key, self.columns)

    @cached_property
    def history_layout(self) -> Layout | None:
        """The table that keeps every row ever published: the key first, then what was published."""
        if self.history is None:
            return None
        key = (*self.key, self.history.as_of, PUBLISHED_AT)
        kept = (column.name for column in self.columns if column.name not in (*key, DAYS_BEHIND, STALE, REASON))
        columns = tuple(self.column(name) for name in (*key, *kept))
        filled = frozenset({self.value, *self.required})
        return Layout(self.history.name, self.history.meaning, key, columns, filled)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


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

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.name, self.meaning, self.key, self.columns, rewritten=True)

    @cached_property
    def staging(self) -> Layout:
        """The temporary table that `select` fills."""
        return Layout(f"{STAGED}{self.layout.identifier}", "", self.key, self.columns)


def others(columns: Iterable[Column], key: Iterable[str]) -> tuple[Column, ...]:
    """The columns that are not in the key."""
    left_out = set(key)
    return tuple(column for column in columns if column.name not in left_out)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
