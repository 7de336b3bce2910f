"""A table of days or times: plan what to read, read it, compare it with the previous snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from brain.core.errors import SourceTableError
from brain.extract.changes import Changes, compare, growth
from brain.extract.lost import compare_without
from brain.extract.plan import Plan, make_plan, same_columns
from brain.extract.reading import read_planned, same_extent
from brain.lake.commit import Commit, Status
from brain.lake.content import chain_start, extend_chain
from brain.lake.row_content import RowContent
from brain.lake.rows import mask_unknown

if TYPE_CHECKING:
    from collections.abc import Collection

    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.extract.report import ExtractionReport
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest
    from brain.lake.rows import Rows
    from brain.source.connect import Source


def read_rows(
    source: Source,
    lake: Lake,
    table: SourceTable,
    manifest: Manifest | None,
    report: ExtractionReport,
    *,
    full: bool,
    damaged: frozenset[str] = frozenset(),
) -> tuple[Commit, ExtractionReport]:
    """What to commit, and the report of what is different from the previous snapshot.

    Reads the rows after the watermark and an overlap before it. What makes it read the whole table: a correction found
    there, another number of rows or first or last key of the table than that accounts for, a changed set of columns, a
    due full check, a lost segment of the previous snapshot, or `full`.

    Args:
        damaged: Names of segments that are lost.

    Raises:
        SourceTableError: The table is missing, of the wrong shape, or has lost too many rows.
    """
    lost = damaged.intersection(segment.name for segment in manifest.latest.segments) if manifest else frozenset()
    plan = make_plan(source, table, report.moment, manifest, full=full or bool(lost))
    rows = read_planned(source, report.moment, plan)
    changes = _compare(lake, plan, rows, lost)
    read = len(rows)
    if not plan.full and (len(changes.revised) or not same_extent(source, report.moment, plan, rows)):
        plan = replace(plan, full=True, prefix=())
        rows = read_planned(source, report.moment, plan)
        changes = _compare(lake, plan, rows, lost)
        read += len(rows)
    refuse_loss(table, len(changes.deleted) + changes.missing, plan.previous.rows if plan.previous else 0)
    report = replace(report, rows_read=read, left_out=plan.shape.left_out, **_described(plan, changes, rows))
    change = _commit(report.moment, manifest, plan, rows, changes, report)
    if lost:
        report = replace(report, reason=told_lost(lost))
        change = replace(change, status="rewritten" if change.status in ("appended", "unchanged") else change.status)
    return replace(change, damaged=damaged), report


def told_lost(lost: Collection[str]) -> str:
    """Why a snapshot is written anew, for a person."""
    return f"{len(lost)} files of the snapshot were lost or altered, the first {min(lost)}; all was read again"


def refuse_loss(table: SourceTable, gone: int, known: int) -> None:
    """Refuse a table that has lost more rows since the last run than `max_loss` allows.

    Raises:
        SourceTableError: It has.
    """
    if known and gone > max(1, table.extraction.max_loss * known):
        raise SourceTableError(
            table.name,
            found=f"{gone} of {known} known rows gone from table {table.table!r}",
            expected=f"at most {table.extraction.max_loss:.0%} of them to be deleted between two runs",
            remedy="Finish loading the table; if the deletion is meant, raise `extraction.max_loss` for one run.",
        )


def _compare(lake: Lake, plan: Plan, rows: Rows, lost: Collection[str]) -> Changes:
    """The differences to the previous snapshot behind the prefix.

    Mostly there is no correction. The content hash shows that without opening a file: of what was read now, the part
    that could be known at the old watermark hashes to what it was.
    """
    if plan.previous is None:
        return Changes(appended=len(rows))
    known = mask_unknown(rows.until(plan.previous.watermark), plan.table.rows_ahead)
    if _content(plan, known) == plan.previous.data_sha256:
        return growth(known, rows)
    if lost:
        return compare_without(lake, plan, plan.previous, rows, lost)
    old = replace(plan.previous, segments=plan.previous.segments[len(plan.prefix) :])
    before = lake.read_rows(old)
    if plan.floor is not None:
        before = before.since(plan.floor)
    return compare(before, rows, plan.table.rows_ahead)


def _content(plan: Plan, rows: Rows) -> str:
    return extend_chain(plan.prefix[-1].chain if plan.prefix else chain_start(rows), rows)


def _described(plan: Plan, changes: Changes, rows: Rows) -> dict[str, Any]:
    known, names = ([column.name for column in columns] for columns in (plan.known_columns, plan.columns))
    purged = 0
    if plan.previous and plan.floor and plan.previous.segments[0].first < plan.floor:
        total = sum(s.rows for s in plan.prefix) + len(rows)
        purged = plan.previous.rows + changes.appended + len(changes.late) - len(changes.deleted) - total
    return {
        "rows_new": changes.appended,
        "completed": changes.completed,
        "corrected_dates": tuple(changes.revised.astype(object)),
        "corrected_columns": changes.columns,
        "rows_changed": len(changes.corrected),
        "rows_vanished": len(changes.deleted) + changes.missing,
        "added_columns": tuple(name for name in names if name not in known),
        "removed_columns": tuple(name for name in known if name not in names),
        "purged": purged,
    }


def _commit(
    moment: Moment, manifest: Manifest | None, plan: Plan, rows: Rows, changes: Changes, report: ExtractionReport
) -> Commit:
    """What to write: only what lies behind the last segment that is still true."""
    status: Status = "appended"
    if manifest is None:
        status = "new"
    elif len(changes.revised):
        status = "corrected"
    elif not same_columns(plan.known_columns, plan.columns) or report.purged:
        status = "rewritten"
    elif not changes.appended and not changes.completed:
        status = "unchanged"
    content = RowContent(
        key=plan.shape.key,
        columns=plan.columns,
        prefix=plan.prefix,
        rows=rows,
        overlap=plan.overlap,
        revised=changes.revised,
        revised_columns=changes.columns,
    )
    return Commit(plan.table, manifest, status, content, moment, checked_in_full=plan.full)
