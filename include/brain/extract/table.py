"""One table's extraction: read what is different, ask the quality gate, commit a snapshot."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from brain.core.errors import BrainError, LakeError, QualityError, SourceTableError
from brain.core.source_table import KeyKind
from brain.extract.events import read_events
from brain.extract.incremental import read_rows
from brain.extract.plan import check_is_due
from brain.extract.reading import newer_rows
from brain.extract.report import ExtractionReport
from brain.extract.whole import read_keyed
from brain.lake.commit import Commit, commit
from brain.lake.damage import damaged_segments, forget, noted

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest, Version
    from brain.lake.snapshot import Snapshot
    from brain.quality.gate import Gate
    from brain.source.connect import Source


_READERS = {KeyKind.NAMES: read_keyed, KeyKind.EVENTS: read_events}


def extract_table(
    source: Source, lake: Lake, table: SourceTable, moment: Moment, gate: Gate, *, full: bool = False
) -> ExtractionReport:
    """Bring the lake's snapshot of one table up to `moment`.

    Of a table of days or times it reads the rows that are new and an overlap before them, and the whole table when that
    shows a correction; rows after `moment` are not seen. Of a table of events it reads what is newer than the newest
    row known, and the whole table when the number of older rows has changed. A keyed table is read whole.

    Args:
        full: Compare every row with the source; a column of a keyed table may then have changed its type.

    Returns:
        The report. What goes wrong with this table is in it (`ok`, `error`, `transient`) and not raised; the previous
        snapshot then stays the latest.
    """
    started = time.perf_counter()
    report = ExtractionReport(table.use_case, table.name, moment, "failed")
    try:
        report = _extract(source, lake, table, report, gate, full=full)
    except BrainError as error:
        error = _named(error, table)
        report = replace(report, error=error, reason=str(error), snapshot=_previous(lake, table))
    watermark = report.snapshot.watermark if report.snapshot else None
    return replace(report, watermark=watermark, seconds=time.perf_counter() - started)


def _extract(
    source: Source, lake: Lake, table: SourceTable, report: ExtractionReport, gate: Gate, *, full: bool
) -> ExtractionReport:
    manifest = lake.manifest_to_extend(table.space, table.name)
    if manifest is not None:
        full = full or lake.is_older(manifest)  # what the later one knew of old rows is to be found again
        _require_same_key(table, manifest)
        if report.moment < manifest.latest.moment:
            _require_no_newer(source, table, report.moment, manifest.latest)
            return _replayed(lake, table, report, manifest)
    read = _READERS.get(table.kind, read_rows)
    if manifest is None:
        change, report = read(source, lake, table, None, report, full=full)
        return _judge(lake, gate, change, report, full=full)
    notes = noted(lake, manifest)
    thorough = full or check_is_due(table, report.moment, manifest)
    damaged = damaged_segments(lake, manifest, thorough=thorough)
    change, report = read(source, lake, table, manifest, report, full=full, damaged=damaged)
    report = _judge(lake, gate, change, report, full=full)
    if report.ok:
        forget(lake, manifest, notes - damaged if report.status == "unchanged" else notes)
    return report


def _judge(lake: Lake, gate: Gate, change: Commit, report: ExtractionReport, *, full: bool) -> ExtractionReport:
    table, status, content = change.table, change.status, change.content
    # A full check shows all rows again, because rules may have come since; a keyed table is read in full every time.
    checked = change.checked_in_full and (full or table.kind is not KeyKind.NAMES)
    passed_before = status == "unchanged" and not checked
    result = gate(content.frame(), total_rows=content.total_rows, unchanged=passed_before)
    told = result.to_json()
    in_full = change.checked_in_full and not passed_before
    before = 0 if in_full or change.manifest is None else change.manifest.warned
    report = replace(report, findings=tuple(told["findings"]), warnings=result.warnings, warned_before=before)
    if result.passed:
        snapshot = commit(lake, change, warnings=result.warnings, judged_in_full=in_full)
        return replace(report, status=status, snapshot=snapshot)
    report = replace(report, status="quarantined", snapshot=_previous(lake, table), reason=result.reason)
    address = lake.quarantine(table.space, table.name, report.moment, {**report.record(), **told})
    error = QualityError(
        table.name,
        found=result.reason,
        expected="rows that pass the quality gate",
        remedy=f"Correct the source table, or the rule under `quality` in the catalogue; the report is {address}",
    )
    return replace(report, error=error)


def _require_same_key(table: SourceTable, manifest: Manifest) -> None:
    if (manifest.kind, manifest.key) != (table.kind, table.key):
        raise LakeError(
            table.name,
            found=f"snapshots by {', '.join(manifest.key)} (a table of kind {manifest.kind})",
            expected=f"the key {', '.join(table.key)} (kind {table.kind})",
            remedy=f"Give back the key, or delete the folder of {table.name} in the lake and extract it in full.",
        )


def _require_no_newer(source: Source, table: SourceTable, moment: Moment, latest: Version) -> None:
    """Refuse to serve a time from a lake that lacks rows of it; rows of a keyed table do not say of which they are."""
    if table.kind is KeyKind.NAMES:
        return
    if newer := newer_rows(source, table, latest.watermark, moment):
        last, made_for = latest.watermark, f"{latest.moment.at:%Y-%m-%d %H:%M:%S} UTC"
        raise LakeError(
            table.name,
            found=f"0 rows read, {newer} newer in the source; the lake ends with {last} and was read for {made_for}",
            expected="a moment that is not before that",
            remedy="Extract for a later one. If that one was a mistake (a wrong clock, a typo in --until), take back "
            f"what was made for it: `brain repair --after {moment.at:%Y-%m-%dT%H:%M:%S}`.",
        )


def _replayed(lake: Lake, table: SourceTable, report: ExtractionReport, manifest: Manifest) -> ExtractionReport:
    """The moment lies before what the lake already knows: serve what was known then, touch nothing."""
    snapshot = lake.as_of(table.space, table.name, report.moment)
    if snapshot is None:
        first = manifest.versions[0]
        start = first.moment.day if table.kind is KeyKind.NAMES else first.segments[0].first
        raise SourceTableError(
            table.name,
            found=f"no row up to {report.moment.day}; the lake starts on {start}",
            expected="a moment after the first row",
            remedy="Choose a later one.",
        )
    newest = manifest.latest.moment.at
    reason = f"the moment is before {newest:%Y-%m-%d %H:%M} UTC, which the lake already knows"
    return replace(report, status="replayed", snapshot=snapshot, reason=reason)


def _named(error: BrainError, table: SourceTable) -> BrainError:
    """The same error about the unit where the source could only name the table."""
    if not isinstance(error, SourceTableError) or error.subject == table.name:
        return error
    found = f"{error.found} (table {error.subject!r})"
    return SourceTableError(table.name, found=found, expected=error.expected, remedy=error.remedy)


def _previous(lake: Lake, table: SourceTable) -> Snapshot | None:
    try:
        return lake.latest(table.space, table.name)
    except BrainError:  # already the subject of this report
        return None
