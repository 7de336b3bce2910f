"""What one extraction did: the record that the log, the run's table and Airflow show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from brain.core.errors import BrainError, Transient
from brain.lake import commit

if TYPE_CHECKING:
    from datetime import date

    from brain.core.moment import Moment
    from brain.lake.snapshot import Snapshot

Status = commit.Status | Literal["replayed", "quarantined", "failed"]
NOT_OK: tuple[Status, ...] = ("quarantined", "failed")
_SHOWN = 10


@dataclass(frozen=True)
class ExtractionReport:
    """One table's extraction.

    Args:
        unit: What the table's snapshots are called; with the use case it names the row in `extraction_runs`.
        status: ``new`` first snapshot; ``appended`` newer rows, or values that became known; ``unchanged``;
            ``corrected`` known rows had changed and the snapshot was rewritten; ``rewritten`` columns came or went, or
            the retention dropped rows; ``replayed`` the moment is older than the lake, which serves it as it was;
            ``quarantined`` the gate refused the rows; ``failed``.
        snapshot: What later steps use: the new snapshot, or the previous one after a quarantine or failure.
        watermark: Key of the newest row of `snapshot`; of a keyed table the day it was read for.
        rows_read: Rows read from the source.
        rows_new: Rows after the previous watermark; of a keyed table, rows with a new key.
        completed: Values that became known with a later row.
        corrected_dates: Keys behind the previous watermark that changed, vanished or appeared late.
        corrected_columns: Columns in which rows changed.
        rows_changed: Known rows with other values than before.
        rows_vanished: Known rows that are gone.
        added_columns: Columns the table has gained.
        removed_columns: Columns the table has lost.
        left_out: Columns whose type cannot be kept.
        purged: Rows dropped because they are older than the retention.
        seconds: Wall-clock time.
        reason: For a person, why the status is what it is.
        findings: What the quality gate noticed, as plain JSON.
        warnings: Number of findings that did not stop the rows.
        warned_before: As many there were when the gate last saw every row, if this time it did not.
        error: What went wrong; `Transient` ones are worth a retry.
    """

    use_case: str
    unit: str
    moment: Moment
    status: Status
    snapshot: Snapshot | None = None
    watermark: date | None = None
    rows_read: int = 0
    rows_new: int = 0
    completed: int = 0
    corrected_dates: tuple[date, ...] = ()
    corrected_columns: tuple[str, ...] = ()
    rows_changed: int = 0
    rows_vanished: int = 0
    added_columns: tuple[str, ...] = ()
    removed_columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    purged: int = 0
    seconds: float = 0.0
    reason: str = ""
    findings: tuple[dict[str, Any], ...] = ()
    warnings: int = 0
    warned_before: int = 0
    error: BrainError | None = None

    @property
    def ok(self) -> bool:
        """The rows known at this moment are in the lake."""
        return self.status not in NOT_OK

    @property
    def transient(self) -> bool:
        """A retry may help."""
        return isinstance(self.error, Transient)

    @property
    def corrected(self) -> int:
        """Number of known rows that are not what they were."""
        return len(self.corrected_dates) or self.rows_changed + self.rows_vanished

    def correction(self) -> str:
        """What was corrected, in a few words."""
        rows = f"corrected {self.corrected} row{'' if self.corrected == 1 else 's'}"
        if not self.corrected_dates:
            return f"{rows} of {self.unit}"
        first, last = min(self.corrected_dates), max(self.corrected_dates)
        return f"{rows} on {first}" + (f" to {last}" if last != first else "")

    def _columns(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (
            ("gained columns", self.added_columns),
            ("lost columns", self.removed_columns),
            ("left out", self.left_out),
        )

    def record(self) -> dict[str, Any]:
        """The row of the table `extraction_runs`."""
        return {
            "use_case": self.use_case,
            "interval_end": self.moment.at,
            "asset": self.unit,
            "verdict": self.status,
            "watermark": self.watermark,
            "version": self.snapshot.version if self.snapshot else None,
            "sha256": self.snapshot.data_sha256 if self.snapshot else None,
            "rows": self.snapshot.rows if self.snapshot else None,
            "rows_read": self.rows_read,
            "rows_new": self.rows_new,
            "completed": self.completed,
            "corrected": self.corrected,
            "corrected_dates": shorten([day.isoformat() for day in self.corrected_dates]),
            "corrected_columns": shorten(self.corrected_columns),
            "purged": self.purged,
            "warnings": max(self.warnings, self.warned_before),
            "seconds": round(self.seconds, 4),
            "reason": self.reason,
        }

    def line(self) -> str:
        """One line for the log."""
        parts = [f"{self.unit}: {self.status}", f"read {self.rows_read}", f"new {self.rows_new}"]
        if self.corrected_dates:
            days = shorten([day.isoformat() for day in self.corrected_dates])
            parts.append(f"corrected {len(self.corrected_dates)} ({days}; {shorten(self.corrected_columns) or 'rows'})")
        elif self.corrected:
            changed = f"{self.rows_changed} ({shorten(self.corrected_columns)})" if self.rows_changed else "0"
            parts.append(f"changed {changed}, vanished {self.rows_vanished}")
        parts += [f"{label} {shorten(names)}" for label, names in self._columns() if names]
        if self.purged:
            parts.append(f"purged {self.purged}")
        warned = [finding["message"] for finding in self.findings if finding["severity"] == "warn"]
        parts += [f"{_counted(len(warned))} ({'; '.join(warned)})"] if warned else []
        if self.warned_before:
            parts.append(
                f"{_counted(self.warned_before)} when all rows were last judged (older rows are read again by "
                f"`brain extract {self.unit} --full`, and by themselves every `full_check_days`)"
            )
        parts += [f"watermark {self.watermark or '-'}", f"{self.seconds:.2f} s"]
        return ", ".join(parts) + (f" — {self.reason}" if self.reason else "")


def _counted(warnings: int) -> str:
    return f"{warnings} warning{'' if warnings == 1 else 's'}"


def shorten(names: tuple[str, ...] | list[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
