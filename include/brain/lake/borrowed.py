"""Another run's snapshots, to be read and left as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.lake.lake import Lake

if TYPE_CHECKING:
    from datetime import date

    from brain.core.counters import Counters
    from brain.core.moment import Moment
    from brain.core.signing import Signer
    from brain.lake.snapshot import Snapshot


class BorrowedLake(Lake):
    """A lake of which only snapshots are read, as of one moment or few; what steps hand one another is kept apart.

    Args:
        own: Where signed files of steps are written and read.
    """

    def __init__(self, url: str, own: Lake, signer: Signer | None, counters: Counters | None) -> None:
        super().__init__(url, signer, counters)
        self._own = own
        self._found: dict[tuple[str, str, Moment | date], Snapshot | None] = {}

    def as_of(self, space: str, name: str, when: Moment | date) -> Snapshot | None:
        """As in `Lake`, looked up once: to cut a snapshot reads and hashes its newest rows."""
        asked = space, name, when
        if asked not in self._found:
            self._found[asked] = super().as_of(space, name, when)
        return self._found[asked]

    def write_signed(self, name: str, content: bytes) -> None:
        """As in `Lake`, into its own."""
        self._own.write_signed(name, content)

    def read_signed(self, name: str) -> bytes:
        """As in `Lake`, from its own."""
        return self._own.read_signed(name)
