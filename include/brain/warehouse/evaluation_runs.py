"""The table `evaluation_runs`: what each run found out about the numbers published before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extras import execute_values

from brain.warehouse.statements import COMMA, key_identifiers
from brain.warehouse.tables import Column, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from brain.core.moment import Moment

_SCORED = "over the rows that this run scored; empty where there are none"

COLUMNS = (
    Column("use_case", "text", "The use case whose numbers were evaluated."),
    Column("ledger", "text", "The ledger that was evaluated."),
    Column("interval_end", "timestamptz", "The moment of the run, in UTC: the end of what it may know."),
    Column("target", "text", "What was forecast, such as the number of rows ahead; `all` is over all of them."),
    Column("due", "bigint", "Rows whose day had come in this run: scored, or lost.", required=True),
    Column("resolved", "bigint", "Rows that this run scored: the sample size of what follows.", required=True),
    Column("pending", "bigint", "Rows that are still open after it.", required=True),
    Column("corrected", "bigint", "Rows that it scored again because data was corrected.", required=True),
    Column("error_rate", "double precision", f"Share of wrong sides of one half, {_SCORED}."),
    Column("accuracy", "double precision", "1 - error_rate."),
    Column("log_loss", "double precision", f"Mean log loss, in nats, {_SCORED}."),
    Column("base_log_loss", "double precision", "The same of the base rates that were published with them."),
    Column("skill", "double precision", "1 - log_loss / base_log_loss; below 0 the base rate was better."),
    Column("brier", "double precision", f"Mean Brier score, {_SCORED}."),
    Column("base_brier", "double precision", "The same of the base rates."),
    Column("brier_skill", "double precision", "1 - brier / base_brier."),
    Column(
        "calibration_slope",
        "double precision",
        "Slope of outcomes on the log-odds that were published, over all that was scored so far: 1 is calibrated, less"
        " is too bold; empty where it cannot be told.",
    ),
    Column("pinball_loss", "double precision", f"Mean pinball loss of forecasts by quantiles, {_SCORED}."),
    Column("interval_coverage", "double precision", f"Share of outcomes between the outer quantiles, {_SCORED}."),
    Column("alarms", "integer", "Alarms that it raised: models that training searches anew.", default=0),
)

EVALUATION_RUNS = Layout(
    name="evaluation_runs",
    meaning="A row per use case, run and target, and one over all targets: what came true of the numbers published"
    " before, and how good they were.",
    key=("use_case", "ledger", "interval_end", "target"),
    columns=COLUMNS,
    filled=frozenset(column.name for column in COLUMNS if column.required),
)


@dataclass(frozen=True)
class EvaluationLine:
    """What a run found out about one target.

    Args:
        measures: By column of the table.
    """

    target: str
    due: int
    resolved: int
    pending: int
    corrected: int = 0
    measures: Mapping[str, float | None] = field(default_factory=dict)


def record_lines(cursor: Cursor, use_case: str, ledger: str, moment: Moment, lines: Iterable[EvaluationLine]) -> None:
    """Write one row per line; a rerun of the same moment replaces its rows."""
    named = [column.name for column in COLUMNS]
    rows = [[_value(line, name, use_case, ledger, moment) for name in named] for line in lines]
    kept = [sql.Identifier(name) for name in named if name not in EVALUATION_RUNS.key]
    upsert = sql.SQL("INSERT INTO evaluation_runs ({}) VALUES %s ON CONFLICT ({}) DO UPDATE SET {}").format(
        COMMA.join(map(sql.Identifier, named)),
        COMMA.join(key_identifiers(EVALUATION_RUNS)),
        COMMA.join(sql.SQL("{0} = excluded.{0}").format(name) for name in kept),
    )
    execute_values(cursor, upsert, rows)


def _value(line: EvaluationLine, name: str, use_case: str, ledger: str, moment: Moment) -> object:
    given = {"use_case": use_case, "ledger": ledger, "interval_end": moment.at}
    own = {"target": line.target, "due": line.due, "resolved": line.resolved, "pending": line.pending}
    return {**given, **own, "corrected": line.corrected, "alarms": 0, **line.measures}.get(name)
