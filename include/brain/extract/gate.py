"""What extraction asks of the quality gate, which stands to its right and is handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from brain.lake.rows import Rows


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

    def __call__(self, rows: Rows, /, *, total_rows: int, unchanged: bool) -> GateVerdict:
        """The verdict on `rows`.

        Args:
            rows: What was read: the whole snapshot, or in an incremental run its newest rows; those before
                have passed the gate in an earlier run.
            total_rows: Rows of the whole snapshot.
            unchanged: Nothing is new since they last passed; only time has gone by.
        """
