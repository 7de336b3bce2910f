"""The moment a run is about: what was known by then decides every result, the clock never does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True, order=True)
class Moment:
    """The end of what a run may know.

    Args:
        at: Timezone aware. Rows dated after `day` are not seen.
    """

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"a moment needs a time zone, {self.at} has none")

    @property
    def day(self) -> date:
        """The last date whose row may be used, in UTC."""
        return self.at.astimezone(UTC).date()

    @property
    def slug(self) -> str:
        """A name for files and folders, equal for equal moments."""
        return self.at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
