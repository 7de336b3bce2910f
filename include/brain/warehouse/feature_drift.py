"""The table `feature_drift`: how the newest rows of each unit's features stand to their past, for BI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extras import execute_values

from brain.learning.drift_span import RATE, WINDOW
from brain.warehouse import fence
from brain.warehouse.connection import transaction
from brain.warehouse.refusal import explained
from brain.warehouse.statements import COMMA, identifiers
from brain.warehouse.tables import Column, Layout
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.learning.drift import Drift

KEPT_DAYS = 366  # before a unit's newest row; what drifted is kept for good

FEATURE_DRIFT = Layout(
    name="feature_drift",
    meaning=f"A row per unit, day and feature that its models use: how far the {WINDOW} rows up to that day are from"
    f" all rows before them, and how that stands to the feature's own past. Rows older than {KEPT_DAYS} days stay only"
    " where the feature had drifted.",
    key=("use_case", "entity", "as_of", "feature"),
    columns=(
        Column("use_case", "text", "The use case."),
        Column("entity", "text", "The unit, such as an asset."),
        Column("as_of", "date", "Day of the newest row."),
        Column("feature", "text", "Name of the feature's column."),
        Column(
            "statistic",
            "double precision",
            f"Kuiper's distance between the last {WINDOW} rows and all rows before them: 0 is the same distribution, 1"
            " no value in common; empty where there are too few rows.",
        ),
        Column(
            "quantile",
            "double precision",
            f"Share of earlier spans of {WINDOW} rows that never were as far off as the current one has been so far;"
            " empty where there are too few.",
        ),
        Column("spans", "integer", "Earlier spans that the current one is judged by."),
        Column(
            "drifted",
            "boolean",
            "Whether the current span is so far off, over all features together, that no more than"
            f" {RATE:.0%} of spans are where nothing has changed.",
            required=True,
        ),
        Column("measured_at", "timestamptz", "The moment of the run that measured it, in UTC.", required=True),
    ),
    filled=frozenset({"drifted", "measured_at"}),
)


@dataclass(frozen=True)
class Measured:
    """What was measured of a unit.

    Args:
        as_of: Day of the newest row.
        features: In the order of the arrays of `drift`.
    """

    use_case: str
    entity: str
    as_of: date
    features: tuple[str, ...]
    drift: Drift


def prepare(url: SecretStr) -> None:
    """Make the table what is declared.

    Raises:
        PublishError: It cannot be brought to that; nothing was changed.
    """
    with explained():
        upgrade(url, FEATURE_DRIFT.name, [FEATURE_DRIFT])


def record(url: SecretStr, measured: Measured, moment: Moment) -> None:
    """Write a row per feature into the table as `prepare` made it.

    They replace those that an earlier run wrote for the same day. A run that is older than the one behind these rows
    writes nothing.

    Raises:
        PublishError: The warehouse refused the rows; nothing was written.
    """
    unit = {"use_case": measured.use_case, "entity": measured.entity, "as_of": measured.as_of, "moment": moment.at}
    insert = sql.SQL("INSERT INTO feature_drift ({}) VALUES %s").format(COMMA.join(identifiers(FEATURE_DRIFT.columns)))
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, FEATURE_DRIFT.name)  # chunks record side by side
        cursor.execute(_NEWER, unit)
        if cursor.fetchall() == [(True,)]:
            return
        cursor.execute(_REPLACED, unit)
        execute_values(cursor, insert, _rows(measured, moment))
        cursor.execute(_OLD, {**unit, "days": KEPT_DAYS})


def measured_after(url: SecretStr, use_case: str, after: Moment) -> int:
    """How many rows were measured by runs later than `after`."""
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (FEATURE_DRIFT.name,))
        if cursor.fetchall() == [(False,)]:
            return 0
        cursor.execute("SELECT count(*) FROM feature_drift WHERE use_case = %s AND measured_at > %s",
                       (use_case, after.at))  # fmt: skip
        ((count,),) = cursor.fetchall()
        return int(count)


def forget_measured(url: SecretStr, use_case: str, after: Moment) -> None:
    """Delete what runs later than `after` measured."""
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM feature_drift WHERE use_case = %s AND measured_at > %s", (use_case, after.at))


def _rows(measured: Measured, moment: Moment) -> Sequence[tuple[object, ...]]:
    drift = measured.drift
    return [
        (
            *(measured.use_case, measured.entity, measured.as_of, feature),
            *(None if value != value else float(value) for value in (statistic, quantile)),  # NaN is not itself
            *(drift.spans, bool(drifted), moment.at),
        )
        for feature, statistic, quantile, drifted in zip(
            measured.features, drift.statistic, drift.quantile, drift.drifted, strict=True
        )
    ]


_NEWER = (
    "SELECT EXISTS (SELECT FROM feature_drift WHERE use_case = %(use_case)s AND entity = %(entity)s"
    " AND as_of = %(as_of)s AND measured_at > %(moment)s)"
)
_REPLACED = "DELETE FROM feature_drift WHERE use_case = %(use_case)s AND entity = %(entity)s AND as_of = %(as_of)s"
_OLD = (
    "DELETE FROM feature_drift WHERE use_case = %(use_case)s AND entity = %(entity)s AND NOT drifted AND as_of <"
    " (SELECT max(as_of) FROM feature_drift WHERE use_case = %(use_case)s AND entity = %(entity)s) - %(days)s"
)
