"""One table's extraction: read what is different, ask the quality gate, commit a snapshot."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
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
    from brain.quality.result import GateResult
    from brain.source.connect import Source


_READERS = {KeyKind.NAMES: read_keyed, KeyKind.EVENTS: read_events}


@dataclass(frozen=True)
class Unjudged:
    """What was read of a table: committed once the gate has passed its rows.

    Args:
        report: What the extraction did so far.
        full: Every row is compared with the source because that was asked for.
        notes: Names of segments that were noted as lost.
        damaged: Those that are.
    """

    change: Commit
    report: ExtractionReport
    full: bool
    notes: set[str] = field(default_factory=set)
    damaged: frozenset[str] = frozenset()

    @property
    def unchanged(self) -> bool:
        """The rows have passed before, and not every row is there to be judged by rules that may have come since.

        A keyed table is read in full every time; a full check of any other shows all its rows again.
        """
        checked = self.change.checked_in_full and (self.full or self.change.table.kind is not KeyKind.NAMES)
        return self.change.status == "unchanged" and not checked

    @property
    def in_full(self) -> bool:
        """The gate sees every row, by every rule."""
        return self.change.checked_in_full and not self.unchanged


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
    try:
        found = read_table(source, lake, table, moment, full=full)
        if isinstance(found, Unjudged):
            content = found.change.content
            result = gate(content.frame(), total_rows=content.total_rows, unchanged=found.unchanged)
            found = commit_judged(lake, found, result)
    except BrainError as error:
        found = failed(lake, table, moment, error)
    return finished(found, time.perf_counter() - started)


def finished(report: ExtractionReport, seconds: float) -> ExtractionReport:
    """The report with how long it took, and how far the rows reach."""
    return replace(report, watermark=report.snapshot.watermark if report.snapshot else None, seconds=seconds)


def failed(lake: Lake, table: SourceTable, moment: Moment, error: BrainError) -> ExtractionReport:
    """The report of a table with which something went wrong."""
    error, kept = _named(error, table), _previous(lake, table)
    return ExtractionReport(table.use_case, table.name, moment, "failed", snapshot=kept, reason=str(error), error=error)


def read_table(
    source: Source, lake: Lake, table: SourceTable, moment: Moment, *, full: bool = False
) -> Unjudged | ExtractionReport:
    """Read what `extract_table` reads; the report where the lake knows the moment already, so that nothing is read."""
    report = ExtractionReport(table.use_case, table.name, moment, "failed")
    manifest = lake.manifest_to_extend(table.space, table.name)
    if manifest is not None:
        full = full or lake.is_older(manifest)  # what the later one knew of old rows is to be found again
        _require_same_key(table, manifest)
        if moment < manifest.latest.moment:
            _require_no_newer(source, table, moment, manifest.latest)
            return _replayed(lake, table, report, manifest)
    read = _READERS.get(table.kind, read_rows)
    if manifest is None:
        return Unjudged(*read(source, lake, table, None, report, full=full), full)
    notes = noted(lake, manifest)
    thorough = full or check_is_due(table, moment, manifest)
    damaged = damaged_segments(lake, manifest, thorough=thorough)
    change, report = read(source, lake, table, manifest, report, full=full, damaged=damaged)
    return Unjudged(change, report, full, notes, damaged)


def commit_judged(lake: Lake, read: Unjudged, result: GateResult) -> ExtractionReport:
    """Commit what was read if the gate has passed it, or keep it out.

    Raises:
        StorageUnavailable: The disk is full, or another run has committed meanwhile.
    """
    change, report, told = read.change, read.report, result.to_json()
    table, manifest = change.table, change.manifest
    before = 0 if read.in_full or manifest is None else manifest.warned
    report = replace(report, findings=tuple(told["findings"]), warnings=result.warnings, warned_before=before)
    if result.passed:
        snapshot = commit(lake, change, warnings=result.warnings, judged_in_full=read.in_full)
        if manifest is not None:
            forget(lake, manifest, read.notes - read.damaged if change.status == "unchanged" else read.notes)
        return replace(report, status=change.status, snapshot=snapshot)
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
