"""The moment a run is about: what was known by then decides every result, the clock never does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from brain.core.errors import MomentRefused

CLOCK_SKEW = timedelta(minutes=5)  # by which the clocks of two machines may differ


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


def entered(at: datetime, clock: datetime, subject: str = "the run's moment") -> Moment:
    """The moment that a run is asked for, where it is asked; what runs from here on never looks at a clock.

    Raises:
        MomentRefused: It lies beyond `clock`: the run would hide rows of the days between from every later one. Or it
            has no time zone, or is no time in UTC.
    """
    try:
        known = at.astimezone(UTC) if at.tzinfo is not None else None
    except OverflowError:  # the first or last day of the calendar, in another time zone
        known = None
    if known is None:
        raise MomentRefused(
            subject,
            found=f"{at}, without a time zone" if at.tzinfo is None else f"{at}, which is no time in UTC",
            expected="a time that says which moment it is",
            remedy="Give it a time zone: datetime(…, tzinfo=UTC).",
        )
    if at > clock + CLOCK_SKEW:
        raise MomentRefused(
            subject,
            found=f"{known:%Y-%m-%d %H:%M} UTC, when it is {clock.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            expected="a moment that has come",
            remedy="Correct it, or this machine's clock.",
        )
    return Moment(at)
