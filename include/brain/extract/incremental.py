"""One asset's extraction: plan, read, compare, ask the gate, commit."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from brain.core.durations import day_before
from brain.core.errors import BrainError, QualityError, SourceTableError
from brain.core.keys import DATE
from brain.extract.align import Joined, joined_sources, with_joined
from brain.extract.changes import Changes, compare
from brain.extract.commit import Commit, commit
from brain.extract.content import chain_start, extend_chain
from brain.extract.lake import Snapshot, snapshot_of
from brain.extract.report import ExtractionReport, Verdict
from brain.extract.rows import Rows, mask_unknown, require_key, target_rows
from brain.extract.segments import sealed_before
from brain.extract.shape import TableShape, asset_shape

if TYPE_CHECKING:
    import pandas as pd

    from brain.core.catalog import AssetSpec
    from brain.core.keys import Interval
    from brain.extract.lake import Lake
    from brain.extract.manifest import Manifest, Segment
    from brain.extract.source import Source

OVERLAP_MARGIN = 20
_QUARTER = 3


class GateVerdict(Protocol):
    """What extraction needs to know of the quality gate's answer (`brain.quality` gives it)."""

    @property
    def passed(self) -> bool: ...

    @property
    def reason(self) -> str:
        """Why it did not pass, for a person."""

    @property
    def warnings(self) -> int: ...

    def to_json(self) -> dict[str, Any]:
        """Plain JSON with the list ``findings``."""


class Gate(Protocol):
    """Judges rows before they become the newest snapshot."""

    def __call__(self, frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateVerdict:
        """The verdict on `frame`.

        Args:
            frame: The rows that were read: the whole snapshot, or in an incremental run its newest rows; those before
                have passed the gate in an earlier run.
            total_rows: Rows of the whole snapshot.
            unchanged: Nothing is new since they last passed; only time has gone by.
        """


@dataclass(frozen=True)
class _Plan:
    """What to read: from `since` on, behind the segments in `prefix` that stay as they are."""

    shape: TableShape
    joined: tuple[Joined, ...]
    columns: tuple[str, ...]
    overlap: int
    floor: date | None
    previous: Snapshot | None
    prefix: tuple[Segment, ...]
    full: bool

    @property
    def since(self) -> date | None:
        return self.prefix[-1].last + timedelta(days=1) if self.prefix else self.floor


def extract_asset(
    source: Source, lake: Lake, spec: AssetSpec, interval: Interval, gate: Gate, *, full: bool = False
) -> ExtractionReport:
    """Bring the lake's snapshot of one asset up to the end of `interval`.

    Reads the rows after the watermark and an overlap before it; a correction found there, a changed set of columns, a
    due full check or `full` makes it read the whole table. Rows dated after ``interval.last_day`` are not seen.

    Returns:
        The report. What goes wrong with this asset is in it (`ok`, `error`, `transient`) and not raised; the previous
        snapshot then stays the latest.
    """
    started = time.perf_counter()
    report = ExtractionReport(asset=spec.name, interval_end=interval.end, verdict="failed")
    try:
        report = _extract(source, lake, spec, interval, gate, full=full)
    except BrainError as error:
        error = _named(error, spec)
        report = replace(report, error=error, reason=str(error), snapshot=_previous(lake, spec))
    watermark = report.snapshot.watermark if report.snapshot else None
    return replace(report, watermark=watermark, seconds=time.perf_counter() - started)


def _extract(
    source: Source, lake: Lake, spec: AssetSpec, interval: Interval, gate: Gate, *, full: bool
) -> ExtractionReport:
    manifest = lake.manifest(spec.name)
    report = ExtractionReport(asset=spec.name, interval_end=interval.end, verdict="unchanged")
    if manifest and interval.end < manifest.latest.interval_end:
        return _replayed(lake, report, manifest, interval)
    plan = _plan(source, spec, interval, manifest, full=full)
    rows = _read(source, spec, interval, plan)
    changes = _compare(lake, plan, rows)
    read = len(rows)
    if not plan.full and len(changes.revised):
        plan = replace(plan, full=True, prefix=())
        rows = _read(source, spec, interval, plan)
        changes = _compare(lake, plan, rows)
        read += len(rows)
    _refuse_loss(spec, plan, changes)
    report = replace(report, rows_read=read, left_out=plan.shape.left_out, **_described(plan, changes, rows))
    return _judge(lake, spec, interval, gate, _commit(spec, interval, manifest, plan, rows, changes, report), report)


def _plan(source: Source, spec: AssetSpec, interval: Interval, manifest: Manifest | None, *, full: bool) -> _Plan:
    previous = snapshot_of(spec.name, manifest.latest) if manifest else None
    known = [name for name in previous.columns if name != DATE] if previous else []
    own = asset_shape(source, spec, known)
    joined = joined_sources(source, spec, own)
    columns = (*own.columns, *(name for one in joined for name in one.names))
    longest = max(map(target_rows, columns), default=0)
    overlap = spec.extraction.overlap_rows or longest + OVERLAP_MARGIN
    floor = _floor(spec, interval)
    whole = (
        full
        or manifest is None
        or set(known) != set(columns)
        or _check_is_due(spec, interval, manifest)
        or (floor is not None and manifest.latest.segments[0].first < floor)
    )
    prefix = sealed_before(manifest.latest.segments, overlap) if manifest and not whole else ()
    return _Plan(own, joined, columns, overlap, floor, previous, prefix, full=not prefix)


def _check_is_due(spec: AssetSpec, interval: Interval, manifest: Manifest) -> bool:
    days = spec.extraction.full_check_days
    return days is not None and interval.last_day - manifest.checked_in_full >= timedelta(days=days)


def _floor(spec: AssetSpec, interval: Interval) -> date | None:
    """First day kept: rows go by whole quarters, so that the content hash changes only when one is dropped."""
    if spec.retention.keep is None:
        return None
    oldest = day_before(interval.last_day, spec.retention.keep)
    return oldest.replace(month=(oldest.month - 1) // _QUARTER * _QUARTER + 1, day=1)


def _read(source: Source, spec: AssetSpec, interval: Interval, plan: _Plan) -> Rows:
    """The planned rows with their joined columns, in the order of ``plan.columns``.

    Raises:
        SourceTableError: There is no row, or the key is not one date a row.
    """
    shape = plan.shape
    batches = source.read(
        shape.table,
        shape.key,
        shape.columns,
        since=plan.since,
        until=interval.last_day,
        batch_rows=spec.extraction.batch_rows,
    )
    parts = [Rows(_days(spec, batch.keys), shape.columns, batch.values) for batch in batches]
    rows = Rows.concat(parts, shape.columns)
    require_key(spec.name, spec.table, rows.dates)
    if not len(rows) and not plan.prefix:
        raise SourceTableError(
            spec.name,
            found=f"no row up to {interval.last_day} in table {spec.table!r}",
            expected="at least one row",
            remedy="Load the table, or take the asset out of the catalogue.",
        )
    return mask_unknown(with_joined(source, spec, plan.joined, rows))


def _days(spec: AssetSpec, keys: Any) -> Any:
    days = keys.astype("datetime64[D]")
    if (odd := keys[(days != keys) & ~np.isnat(keys)]).size:
        raise SourceTableError(
            spec.name,
            found=f"{odd.size} dates with a time of day, the first {odd[0]}, in table {spec.table!r}",
            expected="one row a calendar date",
            remedy="Aggregate the table to days, or join it as a windowed source of a daily asset.",
        )
    return days


def _compare(lake: Lake, plan: _Plan, rows: Rows) -> Changes:
    """The differences to the previous snapshot behind the prefix; none at all when the content hash is the same."""
    if plan.previous is None:
        return Changes(appended=len(rows))
    if _content(plan, rows) == plan.previous.sha256:
        return Changes()
    old = replace(plan.previous, segments=plan.previous.segments[len(plan.prefix) :])
    before = lake.read_rows(old)
    if plan.floor is not None:
        before = before.part(int(np.searchsorted(before.dates, np.datetime64(plan.floor))))
    return compare(before, rows)


def _content(plan: _Plan, rows: Rows) -> str:
    return extend_chain(plan.prefix[-1].chain if plan.prefix else chain_start(rows.columns), rows)


def _refuse_loss(spec: AssetSpec, plan: _Plan, changes: Changes) -> None:
    known = plan.previous.rows if plan.previous else 0
    if known and len(changes.deleted) > max(1, spec.extraction.max_loss * known):
        raise SourceTableError(
            spec.name,
            found=f"{len(changes.deleted)} of {known} known rows gone from table {spec.table!r}",
            expected=f"at most {spec.extraction.max_loss:.0%} of them to be deleted between two runs",
            remedy="Finish loading the table; if the deletion is meant, raise `extraction.max_loss` for one run.",
        )


def _described(plan: _Plan, changes: Changes, rows: Rows) -> dict[str, Any]:
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
    interval: Interval,
    manifest: Manifest | None,
    plan: _Plan,
    rows: Rows,
    changes: Changes,
    report: ExtractionReport,
) -> Commit:
    """What to write: only what lies behind the last segment that is still true."""
    verdict: Verdict = "appended"
    if manifest is None:
        verdict = "new"
    elif len(changes.revised) or report.added_columns or report.removed_columns or report.purged:
        verdict = "corrected"
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
        interval=interval,
        overlap=plan.overlap,
        checked_in_full=plan.full,
    )


def _judge(
    lake: Lake, spec: AssetSpec, interval: Interval, gate: Gate, change: Commit, report: ExtractionReport
) -> ExtractionReport:
    unchanged = change.verdict == "unchanged"
    verdict = gate(change.rows.to_frame(), total_rows=change.total_rows, unchanged=unchanged)
    findings = verdict.to_json()
    report = replace(report, findings=tuple(findings["findings"]), warnings=verdict.warnings)
    if not verdict.passed:
        address = lake.quarantine(spec.name, interval, {**report.record(), **findings, "verdict": "quarantined"})
        error = QualityError(
            spec.name,
            found=verdict.reason,
            expected="rows that pass the quality gate",
            remedy=f"Correct the source table, or the rule under `quality` in the catalogue; the report is {address}",
        )
        snapshot = _previous(lake, spec)
        return replace(report, verdict="quarantined", snapshot=snapshot, reason=verdict.reason, error=error)
    snapshot = commit(lake, change, warnings=verdict.warnings)
    return replace(report, verdict=change.verdict, snapshot=snapshot)


def _replayed(lake: Lake, report: ExtractionReport, manifest: Manifest, interval: Interval) -> ExtractionReport:
    """The interval lies before what the lake already knows: serve that day, touch nothing."""
    snapshot = lake.as_of(report.asset, interval.last_day)
    newest = manifest.latest.interval_end
    if snapshot is None:
        raise SourceTableError(
            report.asset,
            found=f"no row up to {interval.last_day}; the lake starts on {manifest.versions[0].segments[0].first}",
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
