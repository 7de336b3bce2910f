"""The highest counter seen of all that is signed and replaced: an older copy that was put back has a lower one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Counters:
    """Remembers for as long as this process lives; `brain.warehouse.counters` remembers for good."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._new: dict[str, int] = {}

    def last(self, subject: str) -> int:
        """The highest counter of `subject` that was kept; 0 if none was."""
        return self._last.get(subject, 0)

    def saw(self, subject: str, counter: int) -> None:
        """Note a counter that was read or written; it counts from the next `keep` on."""
        if counter > max(self.last(subject), self._new.get(subject, 0)):
            self._new[subject] = counter

    def keep(self) -> None:
        """Keep what was noted since the last call; a lower counter than is kept already changes nothing."""
        if self._new:
            self._write(self._new)
            self._last |= self._new
            self._new = {}

    def _write(self, new: Mapping[str, int]) -> None:
        """Write counters where other processes find them."""
