"""What one extraction did: the record that the log, the run's table and Airflow show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from brain.core.errors import BrainError, Transient

if TYPE_CHECKING:
    from datetime import date, datetime

    from brain.lake.lake import Snapshot

Status = Literal["new", "appended", "unchanged", "corrected", "rewritten", "replayed", "quarantined", "failed"]
_SHOWN = 10


@dataclass(frozen=True)
class ExtractionReport:
    """One asset's extraction.

    Args:
        verdict: ``new`` first snapshot; ``appended`` newer rows or newly known returns; ``unchanged``; ``corrected``
            rows behind the watermark had changed and the snapshot was rewritten; ``rewritten`` columns came or went, or
            the retention dropped rows; ``replayed`` the interval is older
            than the lake, which serves that day as it is; ``quarantined`` the gate refused the rows; ``failed``.
        snapshot: What later steps use: the new snapshot, or the previous one after a quarantine or failure.
        watermark: Date of the newest row of `snapshot`.
        rows_read: Rows read from the source.
        rows_new: Rows dated after the previous watermark.
        completed: RETURNSn cells that became known.
        corrected_dates: Dates behind the previous watermark that changed, vanished or appeared late.
        corrected_columns: Columns in which they changed.
        added_columns: Columns the table has gained.
        removed_columns: Columns the table has lost.
        left_out: Columns that are not numbers and were not taken.
        purged: Rows dropped because they are older than the retention.
        seconds: Wall-clock time.
        reason: For a person, why the verdict is what it is.
        findings: What the quality gate noticed, as plain JSON.
        warnings: Number of findings that did not stop the rows.
        error: What went wrong; `Transient` ones are worth a retry.
    """

    asset: str
    interval_end: datetime
    verdict: Status
    snapshot: Snapshot | None = None
    watermark: date | None = None
    rows_read: int = 0
    rows_new: int = 0
    completed: int = 0
    corrected_dates: tuple[date, ...] = ()
    corrected_columns: tuple[str, ...] = ()
    added_columns: tuple[str, ...] = ()
    removed_columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    purged: int = 0
    seconds: float = 0.0
    reason: str = ""
    findings: tuple[dict[str, Any], ...] = ()
    warnings: int = 0
    error: BrainError | None = None

    @property
    def ok(self) -> bool:
        """The rows of this interval are in the lake."""
        return self.verdict not in ("quarantined", "failed")

    @property
    def transient(self) -> bool:
        """A retry may help."""
        return isinstance(self.error, Transient)

    def _columns(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (
            ("gained columns", self.added_columns),
            ("lost columns", self.removed_columns),
            ("left out", self.left_out),
        )

    def record(self) -> dict[str, Any]:
        """The row of the table `extraction_runs`."""
        return {
            "interval_end": self.interval_end,
            "asset": self.asset,
            "verdict": self.verdict,
            "watermark": self.watermark,
            "version": self.snapshot.version if self.snapshot else None,
            "sha256": self.snapshot.sha256 if self.snapshot else None,
            "rows": self.snapshot.rows if self.snapshot else None,
            "rows_read": self.rows_read,
            "rows_new": self.rows_new,
            "completed": self.completed,
            "corrected": len(self.corrected_dates),
            "corrected_dates": shorten([day.isoformat() for day in self.corrected_dates]),
            "corrected_columns": shorten(self.corrected_columns),
            "purged": self.purged,
            "warnings": self.warnings,
            "seconds": round(self.seconds, 4),
            "reason": self.reason,
        }

    def line(self) -> str:
        """One line for the log."""
        parts = [f"{self.asset}: {self.verdict}", f"read {self.rows_read}", f"new {self.rows_new}"]
        if self.corrected_dates:
            days = shorten([day.isoformat() for day in self.corrected_dates])
            parts.append(f"corrected {len(self.corrected_dates)} ({days}; {shorten(self.corrected_columns) or 'rows'})")
        parts += [f"{label} {shorten(names)}" for label, names in self._columns() if names]
        if self.purged:
            parts.append(f"purged {self.purged}")
        parts += [f"watermark {self.watermark or '-'}", f"{self.seconds:.2f} s"]
        return ", ".join(parts) + (f" — {self.reason}" if self.reason else "")


def shorten(names: tuple[str, ...] | list[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
