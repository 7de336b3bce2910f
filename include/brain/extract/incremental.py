"""One asset's extraction: plan, read, compare, ask the gate, commit."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import BrainError, QualityError, SourceTableError
from brain.extract.changes import Changes, compare, growth
from brain.extract.plan import Plan, make_plan
from brain.extract.reading import read_planned
from brain.extract.report import ExtractionReport, Status
from brain.lake.commit import Commit, commit
from brain.lake.content import chain_start, extend_chain
from brain.lake.lake import Snapshot
from brain.lake.rows import mask_unknown
from brain.usecases.direction.names import DATE

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.extract.gate import Gate
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest
    from brain.lake.rows import Rows
    from brain.source.open import Source
    from brain.usecases.direction.catalogue import AssetSpec


def extract_asset(
    source: Source, lake: Lake, spec: AssetSpec, moment: Moment, gate: Gate, *, full: bool = False
) -> ExtractionReport:
    """Bring the lake's snapshot of one asset up to the end of `moment`.

    Reads the rows after the watermark and an overlap before it; a correction found there, a changed set of columns, a
    due full check or `full` makes it read the whole table. Rows dated after ``interval.last_day`` are not seen.

    Returns:
        The report. What goes wrong with this asset is in it (`ok`, `error`, `transient`) and not raised; the previous
        snapshot then stays the latest.
    """
    started = time.perf_counter()
    report = ExtractionReport(asset=spec.name, interval_end=moment.at, verdict="failed")
    try:
        report = _extract(source, lake, spec, moment, gate, full=full)
    except BrainError as error:
        error = _named(error, spec)
        report = replace(report, error=error, reason=str(error), snapshot=_previous(lake, spec))
    watermark = report.snapshot.watermark if report.snapshot else None
    return replace(report, watermark=watermark, seconds=time.perf_counter() - started)


def _extract(
    source: Source, lake: Lake, spec: AssetSpec, moment: Moment, gate: Gate, *, full: bool
) -> ExtractionReport:
    manifest = lake.manifest(spec.name)
    report = ExtractionReport(asset=spec.name, interval_end=moment.at, verdict="unchanged")
    if manifest and moment.at < manifest.latest.interval_end:
        return _replayed(lake, report, manifest, moment)
    plan = make_plan(source, spec, moment, manifest, full=full)
    rows = read_planned(source, spec, moment, plan)
    changes = _compare(lake, plan, rows)
    read = len(rows)
    if not plan.full and len(changes.revised):
        plan = replace(plan, full=True, prefix=())
        rows = read_planned(source, spec, moment, plan)
        changes = _compare(lake, plan, rows)
        read += len(rows)
    _refuse_loss(spec, plan, changes)
    report = replace(report, rows_read=read, left_out=plan.shape.left_out, **_described(plan, changes, rows))
    return _judge(lake, spec, moment, gate, _commit(spec, moment, manifest, plan, rows, changes, report), report)


def _compare(lake: Lake, plan: Plan, rows: Rows) -> Changes:
    """The differences to the previous snapshot behind the prefix.

    Mostly there is no correction. The content hash shows that without opening a file: of what was read now, the part
    that could be known at the old watermark hashes to what it was.
    """
    if plan.previous is None:
        return Changes(appended=len(rows))
    known = mask_unknown(rows.until(plan.previous.watermark))
    if _content(plan, known) == plan.previous.sha256:
        return growth(known, rows)
    old = replace(plan.previous, segments=plan.previous.segments[len(plan.prefix) :])
    before = lake.read_rows(old)
    if plan.floor is not None:
        before = before.part(int(np.searchsorted(before.dates, np.datetime64(plan.floor))))
    return compare(before, rows)


def _content(plan: Plan, rows: Rows) -> str:
    return extend_chain(plan.prefix[-1].chain if plan.prefix else chain_start(rows.columns), rows)


def _refuse_loss(spec: AssetSpec, plan: Plan, changes: Changes) -> None:
    known = plan.previous.rows if plan.previous else 0
    if known and len(changes.deleted) > max(1, spec.extraction.max_loss * known):
        raise SourceTableError(
            spec.name,
            found=f"{len(changes.deleted)} of {known} known rows gone from table {spec.table!r}",
            expected=f"at most {spec.extraction.max_loss:.0%} of them to be deleted between two runs",
            remedy="Finish loading the table; if the deletion is meant, raise `extraction.max_loss` for one run.",
        )


def _described(plan: Plan, changes: Changes, rows: Rows) -> dict[str, Any]:
    known = [name for name in plan.previous.columns if name != DATE] if plan.previous else list(plan.columns)
    purged = 0
    if plan.previous and plan.floor and plan.previous.segments[0].first < plan.floor:
        total = sum(s.rows for s in plan.prefix) + len(rows)
        purged = plan.previous.rows + changes.appended + len(changes.late) - len(changes.deleted) - total
    return {
        "rows_new": changes.appended,
        "completed": changes.completed,
        "corrected_dates": tuple(changes.revised.astype(object)),
        "corrected_columns": changes.columns,
        "added_columns": tuple(name for name in plan.columns if name not in known),
        "removed_columns": tuple(name for name in known if name not in plan.columns),
        "purged": purged,
    }


def _commit(
    spec: AssetSpec,
    moment: Moment,
    manifest: Manifest | None,
    plan: Plan,
    rows: Rows,
    changes: Changes,
    report: ExtractionReport,
) -> Commit:
    """What to write: only what lies behind the last segment that is still true."""
    verdict: Status = "appended"
    if manifest is None:
        verdict = "new"
    elif len(changes.revised):
        verdict = "corrected"
    elif report.added_columns or report.removed_columns or report.purged:
        verdict = "rewritten"
    elif not changes.appended and not changes.completed:
        verdict = "unchanged"
    return Commit(
        asset=spec.name,
        manifest=manifest,
        verdict=verdict,
        prefix=plan.prefix,
        rows=rows,
        revised=changes.revised,
        revised_columns=changes.columns,
        source_tables=(spec.table, *(joined.table for joined in spec.sources)),
        moment=moment,
        overlap=plan.overlap,
        checked_in_full=plan.full,
    )


def _judge(
    lake: Lake, spec: AssetSpec, moment: Moment, gate: Gate, change: Commit, report: ExtractionReport
) -> ExtractionReport:
    unchanged = change.verdict == "unchanged"
    verdict = gate(change.rows, total_rows=change.total_rows, unchanged=unchanged)
    findings = verdict.to_json()
    report = replace(report, findings=tuple(findings["findings"]), warnings=verdict.warnings)
    if not verdict.passed:
        report = replace(report, verdict="quarantined", snapshot=_previous(lake, spec), reason=verdict.reason)
        address = lake.quarantine(spec.name, moment, {**report.record(), **findings})
        error = QualityError(
            spec.name,
            found=verdict.reason,
            expected="rows that pass the quality gate",
            remedy=f"Correct the source table, or the rule under `quality` in the catalogue; the report is {address}",
        )
        return replace(report, error=error)
    snapshot = commit(lake, change, warnings=verdict.warnings)
    return replace(report, verdict=change.verdict, snapshot=snapshot)


def _replayed(lake: Lake, report: ExtractionReport, manifest: Manifest, moment: Moment) -> ExtractionReport:
    """The interval lies before what the lake already knows: serve that day, touch nothing."""
    snapshot = lake.as_of(report.asset, moment.day)
    newest = manifest.latest.interval_end
    if snapshot is None:
        raise SourceTableError(
            report.asset,
            found=f"no row up to {moment.day}; the lake starts on {manifest.versions[0].segments[0].first}",
            expected="an interval that ends after the first row",
            remedy="Choose a later interval.",
        )
    reason = f"the interval ends before {newest:%Y-%m-%d %H:%M} UTC, which the lake already knows"
    return replace(report, verdict="replayed", snapshot=snapshot, reason=reason)


def _named(error: BrainError, spec: AssetSpec) -> BrainError:
    """The same error about the asset where the source could only name the table."""
    if not isinstance(error, SourceTableError) or error.subject == spec.name:
        return error
    found = f"{error.found} (table {error.subject!r})"
    return SourceTableError(spec.name, found=found, expected=error.expected, remedy=error.remedy)


def _previous(lake: Lake, spec: AssetSpec) -> Snapshot | None:
    try:
        return lake.latest(spec.name)
    except BrainError:  # already the subject of this report
        return None
