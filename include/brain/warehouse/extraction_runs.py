"""The table `extraction_runs`: what each extraction read, corrected and refused, for BI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extras import execute_values

from brain.warehouse.connection import transaction
from brain.warehouse.schema import grant_read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from brain.extract.report import ExtractionReport

TABLE = "extraction_runs"
CREATE = """
CREATE TABLE IF NOT EXISTS extraction_runs (
    use_case text NOT NULL,
    interval_end timestamptz NOT NULL,
    asset text NOT NULL,
    verdict text NOT NULL,
    watermark date,
    version integer,
    sha256 text,
    rows integer,
    rows_read integer NOT NULL,
    rows_new integer NOT NULL,
    completed integer NOT NULL,
    corrected integer NOT NULL,
    corrected_dates text NOT NULL,
    corrected_columns text NOT NULL,
    purged integer NOT NULL,
    warnings integer NOT NULL,
    seconds double precision NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (interval_end, asset)
);
COMMENT ON TABLE extraction_runs IS 'A row per asset and data interval: what its extraction did, and its verdict.';
"""


def record_runs(url: SecretStr, reports: Sequence[ExtractionReport]) -> None:
    """Write one row per report; a rerun of an interval replaces its rows.

    Raises:
        ServerUnreachable: Nothing answers, or the connection was cut; nothing was written.
        CredentialsRejected: The login was refused.
    """
    if not reports:
        return
    records = [report.record() for report in reports]
    names = [sql.Identifier(name) for name in records[0]]
    kept = [name for name in names if name.string not in ("interval_end", "asset")]
    upsert = sql.SQL(
        "INSERT INTO extraction_runs ({}) VALUES %s ON CONFLICT (interval_end, asset) DO UPDATE SET {}"
    ).format(
        sql.SQL(", ").join(names),
        sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in kept),
    )
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('extraction_runs')")
        if cursor.fetchone() == (None,):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('extraction_runs'))")
            cursor.execute(CREATE)
            grant_read(cursor, [TABLE])
        execute_values(cursor, upsert, [tuple(record.values()) for record in records])
