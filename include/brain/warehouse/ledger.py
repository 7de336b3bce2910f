"""A ledger, declared once: what was published first for every key and day, with what came true and how it scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from psycopg2 import sql

from brain.warehouse.tables import PUBLISHED_AT, Column, Layout

if TYPE_CHECKING:
    from brain.warehouse.tables import PublishedTable

OUTCOME = "outcome"
KNOWN_AT = "known_at"
HINDCAST = "hindcast"
RESOLVED_AT, CORRECTED_AT, CORRECTIONS, FIRST_OUTCOME, NOTE = (
    *("resolved_at", "corrected_at", "corrections", "first_outcome", "note"),
)
RESOLVED = "resolved"
BLOCK, CLAIMED, BLOCKS = "block", "claimed", "_blocks"
SUM = "sum_"
LEAST_PROBABILITY = 1e-15  # what was ruled out and came true costs 34.5, not infinity: one row must not hide the others

Sums = Mapping[str, float]


class Scoring(Protocol):
    """How a row is scored once its outcome is known, and what is summed over rows.

    Args:
        value: Name of the column with what was forecast.
        outcome: The column with what came true.
        scores: The columns of its scores.
        sums: By name, what of a resolved row is summed over rows.
        is_binary: Whether outcomes are 0 or 1 and forecasts their probabilities, so that calibration can be watched.
    """

    @property
    def value(self) -> str: ...
    @property
    def outcome(self) -> Column: ...
    @property
    def scores(self) -> tuple[Column, ...]: ...
    @property
    def sums(self) -> Mapping[str, sql.Composable]: ...
    @property
    def is_binary(self) -> bool: ...

    def score(self, name: str) -> sql.Composable:
        """The score of that name, by the ledger's row ``kept`` and the outcome ``found``."""

    def measures(self, count: int, sums: Sums) -> dict[str, float | None]:
        """Columns of `evaluation_runs`, from the sums of `count` resolved rows."""


@dataclass(frozen=True)
class Binary:
    """A probability that something happens, beside that of somebody who only knows how often it does.

    Args:
        value: Name of the column with the probability.
        base: Name of the column with the base rate that was published with it.
        happened: What an outcome of 1 means, for people.
    """

    value: str
    base: str
    happened: str
    is_binary: bool = True

    @property
    def outcome(self) -> Column:
        return Column(OUTCOME, "integer", f"What came true: 1 where {self.happened}, else 0; empty until it is known.")

    @property
    def scores(self) -> tuple[Column, ...]:
        least = f"at most {-_ln(LEAST_PROBABILITY):.1f}"
        return (
            Column("log_loss", "double precision", f"Log loss of the {self.value}, in nats, {least}; less is better."),
            Column("base_log_loss", "double precision", "Log loss of the base rate that was published with it."),
            Column("brier", "double precision", f"Brier score of the {self.value}: its squared error."),
            Column("base_brier", "double precision", "Brier score of the base rate."),
        )

    def score(self, name: str) -> sql.Composable:
        of = sql.SQL("kept.{}").format(sql.Identifier(self.base if name.startswith("base_") else self.value))
        if name.endswith("brier"):
            return sql.SQL("({of} - found.outcome) * ({of} - found.outcome)").format(of=of)
        said = sql.SQL("CASE WHEN found.outcome = 1 THEN {of} ELSE 1 - {of} END").format(of=of)
        return sql.SQL("-ln(greatest({}, {}))").format(said, sql.Literal(LEAST_PROBABILITY))

    @property
    def sums(self) -> Mapping[str, sql.Composable]:
        value = sql.Identifier(self.value)
        return {
            "hits": sql.SQL("(({} >= 0.5) = (outcome = 1))::integer").format(value),
            "happened": sql.SQL("outcome"),
            "said": value,
            "base_said": sql.Identifier(self.base),
            **{column.name: sql.Identifier(column.name) for column in self.scores},
        }

    def measures(self, count: int, sums: Sums) -> dict[str, float | None]:
        means = {name: value / count for name, value in sums.items()} if count else {}
        return {
            "accuracy": means.get("hits"),
            "error_rate": 1 - means["hits"] if means else None,
            **{column.name: means.get(column.name) for column in self.scores},
            "skill": _skill(means, "log_loss"),
            "brier_skill": _skill(means, "brier"),
        }


@dataclass(frozen=True)
class Quantiles:
    """A number, forecast by some of its quantiles.

    Args:
        levels: By column, the share of outcomes that are to lie below it.
        value: Name of the column that is always filled, such as the median.
        meaning: What the outcome is, for people.
    """

    levels: tuple[tuple[str, float], ...]
    value: str
    meaning: str
    is_binary: bool = False

    @property
    def outcome(self) -> Column:
        return Column(OUTCOME, "double precision", f"What came true: {self.meaning}; empty until it is known.")

    @property
    def scores(self) -> tuple[Column, ...]:
        return (
            Column("pinball_loss", "double precision", "Pinball loss, its mean over the quantiles; less is better."),
            Column("covered", "integer", "1 where the outcome lies between the lowest and the highest quantile."),
        )

    def score(self, name: str) -> sql.Composable:
        names = [sql.SQL("kept.{}").format(sql.Identifier(column)) for column, _ in self.levels]
        if name == "covered":
            return sql.SQL("(found.outcome BETWEEN {} AND {})::integer").format(names[0], names[-1])
        part = "greatest({level} * (found.outcome - {of}), ({level} - 1) * (found.outcome - {of}))"
        parts = [
            sql.SQL(part).format(level=sql.Literal(level), of=of)
            for of, (_, level) in zip(names, self.levels, strict=True)
        ]
        return sql.SQL("({}) / {}").format(sql.SQL(" + ").join(parts), sql.Literal(len(parts)))

    @property
    def sums(self) -> Mapping[str, sql.Composable]:
        return {column.name: sql.Identifier(column.name) for column in self.scores}

    def measures(self, count: int, sums: Sums) -> dict[str, float | None]:
        if not count:
            return {"pinball_loss": None, "interval_coverage": None}
        return {"pinball_loss": sums["pinball_loss"] / count, "interval_coverage": sums["covered"] / count}


@dataclass(frozen=True)
class Ledger:
    """A table with a row for every key and day that was ever published: first what was said, later what came true.

    Args:
        table: Whose rows it keeps; one with a history.
        kept: Names of the columns that are kept as they were published, besides the key and the day.
        entity: Name of the key's column with the unit's name.
        target: Name of the key's column by which `evaluation_runs` has a line each; None has one line in all.
        span: Rows over which outcomes overlap: a number, or the name of a column of the key.
        realised: Columns of what came true besides the outcome.
        claim: Name of the boolean column that says whether skill was claimed; None if nothing claims any.
    """

    name: str
    meaning: str
    table: PublishedTable
    kept: tuple[str, ...]
    scoring: Scoring
    entity: str
    target: str | None = None
    span: int | str = 1
    realised: tuple[Column, ...] = ()
    claim: str | None = None

    def __post_init__(self) -> None:
        if self.table.history is None:
            raise ValueError(f"{self.name} needs a table with a history")
        if missing := {self.scoring.value, *([self.claim] if self.claim else [])} - set(self.kept):
            raise ValueError(f"{self.name} does not keep {', '.join(sorted(missing))}")
        _ = self.layout, self.blocks

    @property
    def as_of(self) -> str:
        """Name of the column with the day that a row is about."""
        assert self.table.history is not None
        return self.table.history.as_of

    @property
    def key(self) -> tuple[str, ...]:
        return (*self.table.key, self.as_of)

    @cached_property
    def layout(self) -> Layout:
        """The ledger itself, in a part for every year."""
        day = self.table.column(self.as_of)
        columns = (
            *(self.table.column(name) for name in (*self.key, *self.kept)),
            Column(PUBLISHED_AT, "timestamptz", "The moment of the run that published it first, in UTC."),
            Column(
                HINDCAST,
                "boolean",
                "True where it was computed after its day, by what was known on it, and no reader saw it then.",
            ),
            self.scoring.outcome,
            Column(KNOWN_AT, day.type, "The day, or time, of the row by which the outcome was known."),
            *self.realised,
            *self.scoring.scores,
            Column(
                RESOLVED_AT, "timestamptz", "The moment of the run that scored it first, or found that it cannot be."
            ),
            Column(
                FIRST_OUTCOME,
                self.scoring.outcome.type,
                "The outcome as it was first scored: another than outcome where a correction has turned it.",
            ),
            Column(CORRECTIONS, "integer", "How often corrected data has changed what came true.", default=0),
            Column(CORRECTED_AT, "timestamptz", "The moment of the run that scored it again the last time, in UTC."),
            Column(NOTE, "text", "Why it cannot be scored, or was scored again; mostly empty."),
        )
        filled = frozenset({self.scoring.value, PUBLISHED_AT, HINDCAST, CORRECTIONS})
        return Layout(self.name, self.meaning, self.key, columns, filled, partitioned_by=self.as_of)

    @cached_property
    def blocks(self) -> Layout:
        """Sums of resolved rows, by key and block of days."""
        key = tuple(self.table.column(name) for name in self.table.key)
        columns = (
            *key,
            Column(HINDCAST, "boolean", "As in the ledger."),
            Column(CLAIMED, "boolean", "Whether the rows claimed skill when they were published."),
            Column(BLOCK, "date", "First day of the block, twice as long as outcomes overlap and four weeks at least."),
            Column(RESOLVED, "bigint", "Rows in the block whose outcome is known."),
            Column("first_as_of", "date", "Day of the oldest of them."),
            Column("last_as_of", "date", "Day of the newest of them."),
            Column("last_known_at", "date", "The newest day on which one of their outcomes was known."),
            *(Column(f"{SUM}{name}", "double precision", f"Sum of {name} over them.") for name in self.scoring.sums),
        )
        return Layout(
            f"{self.name}{BLOCKS}",
            f"What of {self.name} has been resolved, summed by block of days: what scorecards are made from.",
            (*self.table.key, HINDCAST, CLAIMED, BLOCK),
            columns,
            frozenset({RESOLVED}),
            rewritten=True,
        )

    @property
    def span_sql(self) -> sql.Composable:
        return sql.Identifier(self.span) if isinstance(self.span, str) else sql.Literal(self.span)


def _ln(value: float) -> float:
    import math

    return math.log(value)


def _skill(means: Sums, loss: str) -> float | None:
    base = means.get(f"base_{loss}")
    return 1 - means[loss] / base if base else None
