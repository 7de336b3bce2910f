"""The table `extraction_runs`: what each extraction read, corrected and refused, for BI."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extras import execute_values

from brain.extract.report import NOT_OK
from brain.warehouse import fence
from brain.warehouse.connection import transaction
from brain.warehouse.refusal import explained
from brain.warehouse.statements import COMMA, key_identifiers
from brain.warehouse.tables import Column, Layout
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.extract.report import ExtractionReport

_CHANGED = ("new", "corrected", "rewritten")  # what a rerun that finds nothing more to do does not undo
_CORRECTIONS = ("corrected", "corrected_dates", "corrected_columns")
COLUMNS = (
    Column("use_case", "text", "The use case that the table was read for.", default="direction"),
    Column("interval_end", "timestamptz", "The moment of the run, in UTC: the end of what it may know."),
    Column("asset", "text", "What was read: the asset, or what else the use case names its source tables by."),
    Column(
        "verdict",
        "text",
        "What the extraction did: new, appended, unchanged, corrected, rewritten, replayed, quarantined or failed.",
        required=True,
    ),
    Column("watermark", "date", "Date of the newest row that later steps use; empty if there is none."),
    Column("version", "integer", "Version of the snapshot that later steps use; empty if there is none."),
    Column("sha256", "text", "SHA-256 of the rows of that snapshot."),
    Column("rows", "integer", "Number of rows in that snapshot."),
    Column("rows_read", "integer", "Number of rows read from the source.", required=True),
    Column("rows_new", "integer", "Number of rows that are newer than the last snapshot.", required=True),
    Column("completed", "integer", "Number of values that were unknown before and became known.", required=True),
    Column(
        "corrected",
        "integer",
        "Number of dates, known before, whose rows changed, vanished or appeared late.",
        required=True,
    ),
    Column("corrected_dates", "text", "The first of these dates, separated by commas.", required=True),
    Column(
        "corrected_columns",
        "text",
        "The first of the columns that changed on them, separated by commas.",
        required=True,
    ),
    Column("purged", "integer", "Number of rows dropped because they are older than the retention.", required=True),
    Column(
        "warnings",
        "integer",
        "Number of findings of the quality gate that did not keep the rows out; where it saw only the newest rows, at "
        "least as many as when it last saw all.",
        required=True,
    ),
    Column("seconds", "double precision", "Duration of the extraction, in seconds.", required=True),
    Column(
        "reason",
        "text",
        "Why the rows were refused or rewritten, for people; empty if there is nothing to say.",
        required=True,
    ),
)

EXTRACTION_RUNS = Layout(
    name="extraction_runs",
    meaning="A row per use case, source table and run: what its extraction read, and what came of it.",
    key=("use_case", "interval_end", "asset"),
    columns=COLUMNS,
    filled=frozenset(column.name for column in COLUMNS if column.required),
)


def failing_extractions(url: SecretStr, use_case: str, moment: Moment) -> dict[str, str]:
    """By source table, why its last extraction up to `moment` failed; those whose last one went well are left out."""
    query = (
        "SELECT asset, interval_end, verdict, reason FROM ("
        " SELECT DISTINCT ON (asset) * FROM extraction_runs WHERE use_case = %s AND interval_end <= %s"
        " ORDER BY asset, interval_end DESC) AS newest WHERE verdict = ANY(%s)"
    )
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (EXTRACTION_RUNS.name,))
        if cursor.fetchall() == [(False,)]:
            return {}
        cursor.execute(query, (use_case, moment.at, list(NOT_OK)))
        return {
            name: f"its last extraction, of {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {status}: {reason}"
            for name, at, status, reason in cursor.fetchall()
        }


def last_moment_on(url: SecretStr, day: date) -> datetime | None:
    """The last moment of a day, in UTC, for which anything was extracted."""
    start = datetime.combine(day, time(), UTC)
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (EXTRACTION_RUNS.name,))
        if cursor.fetchall() == [(False,)]:
            return None
        query = "SELECT max(interval_end) FROM extraction_runs WHERE interval_end >= %s AND interval_end < %s"
        cursor.execute(query, (start, start + timedelta(days=1)))
        ((found,),) = cursor.fetchall()
        return found  # type: ignore[no-any-return]


def record_runs(url: SecretStr, reports: Sequence[ExtractionReport]) -> None:
    """Write one row per report; a rerun of the same moment replaces its rows.

    What the moment's earlier run said of corrections stays where the rerun found none: they are in the lake since, so
    that no rerun can find them, and the ledgers have yet to take them over.

    Raises:
        ServerUnreachable: Nothing answers, or the connection was cut; nothing was written.
        CredentialsRejected: The login was refused.
        PublishError: The warehouse's table cannot be brought to what this release declares; nothing was written.
    """
    if not reports:
        return
    records = [report.record() for report in reports]
    kept = [name for name in records[0] if name not in EXTRACTION_RUNS.key]
    upsert = sql.SQL("INSERT INTO extraction_runs AS kept ({}) VALUES %s ON CONFLICT ({}) DO UPDATE SET {}").format(
        COMMA.join(map(sql.Identifier, records[0])),
        COMMA.join(key_identifiers(EXTRACTION_RUNS)),
        COMMA.join(map(_replaced, kept)),
    )
    with explained():
        upgrade(url, EXTRACTION_RUNS.name, [EXTRACTION_RUNS])
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, EXTRACTION_RUNS.name)  # chunks record side by side
        execute_values(cursor, upsert, [tuple(record.values()) for record in records])


def _replaced(name: str) -> sql.Composed:
    """How a rerun sets a column of the row that is there."""
    if name in _CORRECTIONS:
        rule = "{0} = CASE WHEN excluded.corrected = 0 THEN kept.{0} ELSE excluded.{0} END"
    elif name == "verdict":
        rule = "{0} = CASE WHEN excluded.{0} IN ('unchanged', 'appended') AND kept.{0} = ANY({1}) THEN kept.{0}"
        rule += " ELSE excluded.{0} END"
    else:
        rule = "{0} = excluded.{0}"
    return sql.SQL(rule).format(sql.Identifier(name), sql.Literal(list(_CHANGED)))
