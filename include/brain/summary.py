"""What one run did, from what it left in the warehouse and the store: for people who were not there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.store.browse import last_decisions
from brain.store.bson_values import to_plain
from brain.warehouse.evaluation_runs import EVALUATION_RUNS
from brain.warehouse.extraction_runs import EXTRACTION_RUNS
from brain.warehouse.ledger_statements import ALL
from brain.warehouse.read import Answer, ask, has_tables, largest_changes, open_rows, reader_url
from brain.warehouse.tables import PUBLISHED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from brain.usecases.protocol import Run
    from brain.warehouse.tables import PublishedTable

SHOWN_CHANGES = 5


@dataclass(frozen=True)
class TableRead:
    """What the extraction of one source table found.

    Args:
        verdict: As in `extraction_runs`.
        new: Rows that are newer than those of the run before.
        watermark: Date of the newest row; None for an empty table.
    """

    name: str
    verdict: str
    new: int
    watermark: date | None


@dataclass(frozen=True)
class Scored:
    """What came true in one run of the numbers in one ledger; measures are None where nothing did."""

    ledger: str
    due: int
    resolved: int
    pending: int
    accuracy: float | None
    log_loss: float | None
    base_log_loss: float | None


@dataclass(frozen=True)
class Summary:
    """What one run of one use case did.

    Args:
        read: A line a source table, by name.
        decided: How many models, by what was decided (``search``, ``refresh``, ``skip``, ``failed``) and why.
        published: Rows that the run computed.
        kept: Rows that show an earlier publication, or no number.
        changed: Lines that histories gained: rows that are not as before.
        changes: By table, the values that changed most.
        since: The last run before it that read new or corrected rows; None if there was none.
    """

    read: tuple[TableRead, ...]
    decided: Mapping[tuple[str, str], int]
    published: int
    kept: int
    changed: int
    scored: tuple[Scored, ...]
    changes: Mapping[str, Answer]
    since: datetime | None

    def models(self, action: str) -> int:
        """For how many models that was decided."""
        return sum(count for (done, _), count in self.decided.items() if done == action)

    @property
    def new_rows(self) -> int:
        return sum(table.new for table in self.read)


def summary_of(run: Run) -> Summary:
    """What the run of that moment left behind; zeros where it left nothing.

    Raises:
        ServerUnreachable: PostgreSQL or MongoDB does not answer.
    """
    url = reader_url(run.settings)
    kept = to_plain(run.moment.at)
    made = [line for line in last_decisions(run.store) if line.moment == kept]
    shown = [table for table in run.use_case.tables if has_tables(url, [table.layout.identifier])]
    counts = [_counts(run, table) for table in shown if table.of is None]  # what explains a number is none
    return Summary(
        read=_read(run),
        decided=Counter((line.action, line.reason) for line in made),
        published=sum(fresh for fresh, _, _ in counts),
        kept=sum(kept for _, kept, _ in counts),
        changed=sum(changed for _, _, changed in counts),
        scored=_scored(run),
        changes={table.name: largest_changes(url, table, run.moment, SHOWN_CHANGES) for table in shown},
        since=_last_change(run),
    )


def scorecard(run: Run) -> Answer | None:
    """What the use case shows of its ledgers; None where it shows nothing, or nothing was ever evaluated."""
    url, shown = reader_url(run.settings), run.use_case.scorecard
    if shown is None or not has_tables(url, [view.name for view in run.use_case.views]):
        return None
    return ask(url, shown.query)


def waiting(run: Run) -> list[str]:
    """A line for each ledger none of whose live rows has come true: how many wait, and for what."""
    url, lines = reader_url(run.settings), []
    for ledger in run.use_case.ledgers:
        if has_tables(url, [ledger.layout.identifier]):
            count, rows = open_rows(url, ledger)
            if rows is not None:
                later = "1 row" if rows == 1 else f"{rows} rows"
                lines.append(f"{count} numbers wait for their outcome; the first is known {later} of data later.")
    return lines


def skipped(found: Summary) -> list[str]:
    """What the run had no need to do, and why; empty where every model was trained."""
    reasons = {reason: count for (action, reason), count in found.decided.items() if action == "skip"}
    if not reasons:
        return []
    total, tables = sum(found.decided.values()), len(found.read)
    rows = f"{found.new_rows or 'no'} new rows in {tables} tables"
    lines = [f"Skipped     {sum(reasons.values())} of {total} models ({', '.join(reasons)}): {rows}"]
    if found.since is not None:
        lines.append(f"            since the run of {found.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    if not found.changed:
        lines.append(f"            nothing new to publish: {found.published} numbers are as they were")
    return lines


def _read(run: Run) -> tuple[TableRead, ...]:
    url = reader_url(run.settings)
    if not has_tables(url, [EXTRACTION_RUNS.name]):
        return ()
    query = (
        "SELECT asset, verdict, rows_new, watermark FROM extraction_runs"
        " WHERE use_case = %s AND interval_end = %s ORDER BY asset"
    )
    return tuple(TableRead(*row) for row in ask(url, query, [run.use_case.name, run.moment.at]).rows)


def _last_change(run: Run) -> datetime | None:
    url = reader_url(run.settings)
    if not has_tables(url, [EXTRACTION_RUNS.name]):
        return None
    query = (
        "SELECT max(interval_end) FROM extraction_runs WHERE use_case = %s AND interval_end < %s"
        " AND (rows_new > 0 OR completed > 0 OR corrected > 0)"
    )
    ((found,),) = ask(url, query, [run.use_case.name, run.moment.at]).rows
    return found  # type: ignore[no-any-return]


def _counts(run: Run, table: PublishedTable) -> tuple[int, int, int]:
    """Rows of the run, rows of others, and lines that the history gained."""
    url = reader_url(run.settings)
    of = sql.SQL("count(*) FILTER (WHERE {at} = %s), count(*) FILTER (WHERE {at} IS DISTINCT FROM %s)")
    query = sql.SQL("SELECT {} FROM {}").format(
        of.format(at=sql.Identifier(PUBLISHED_AT)), sql.Identifier(table.layout.identifier)
    )
    ((fresh, kept),) = ask(url, query, [run.moment.at] * 2).rows
    if table.history_layout is None:
        return fresh, kept, fresh
    gained = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(
        sql.Identifier(table.history_layout.identifier), sql.Identifier(PUBLISHED_AT)
    )
    ((changed,),) = ask(url, gained, [run.moment.at]).rows
    return fresh, kept, changed


def _scored(run: Run) -> tuple[Scored, ...]:
    url = reader_url(run.settings)
    if not has_tables(url, [EVALUATION_RUNS.name]):
        return ()
    query = (
        "SELECT ledger, due, resolved, pending, accuracy, log_loss, base_log_loss FROM evaluation_runs"
        " WHERE use_case = %s AND interval_end = %s AND target = %s ORDER BY ledger"
    )
    return tuple(Scored(*row) for row in ask(url, query, [run.use_case.name, run.moment.at, ALL]).rows)
