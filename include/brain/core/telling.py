"""Who is told of what, and when nobody is to be woken: the section `notices` of the catalogue."""

from __future__ import annotations

from datetime import datetime, time
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator

from brain.core.section import Section

Kind = Literal["failed", "quarantined", "stopped", "alarm", "late", "waiting", "found"]


def _clock(value: object) -> object:
    """YAML reads 22:00 without quotes as 1320, a number to the base of sixty."""
    if not isinstance(value, int | float):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return time(*divmod(value, 60))
    raise ValueError("a time of day is expected, such as '22:00'")


def _address(value: object) -> object:
    if isinstance(value, str) and (value.count("@") != 1 or not value.isprintable() or set(value) & set(" ,;<>")):
        raise ValueError("a mail address alone is expected, such as team@example.com")
    return value


Clock = Annotated[time, BeforeValidator(_clock)]
Address = Annotated[str, BeforeValidator(_address)]


class QuietHours(Section):
    """A part of the day in which nobody is told; it may go over midnight."""

    begin: Clock = Field(alias="from", description="Begin, such as `22:00`.")
    end: Clock = Field(alias="to", description="End; before the begin where the night lies between.")
    time_zone: str = Field("UTC", description="Where the people are: an IANA name such as `Europe/Berlin`.")
    but_not: tuple[Kind, ...] = Field(("late", "stopped"), description="Kinds that are told at any time.")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("an IANA name is expected, such as Europe/Berlin") from None
        return value

    def hold_back(self, kind: str, at: datetime) -> bool:
        """Whether what is told at any time but this one has to wait.

        Args:
            at: Aware.
        """
        if kind in self.but_not:
            return False
        local = at.astimezone(ZoneInfo(self.time_zone)).time()
        if self.begin <= self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end


class Route(Section):
    """Who is told of some notices instead of everybody. What it does not name may be anything."""

    use_case: str | None = Field(None, description="Of this use case.")
    kinds: tuple[Kind, ...] = Field((), description="Of these kinds; all where none is named.")
    subject: str | None = Field(None, description="About these subjects: a pattern such as `USD*`.")
    mail: tuple[Address, ...] | None = Field(
        None, description="Mailed to these; `[]` mails nobody, empty those of the Connection."
    )
    webhook: str | None = Field(
        None, description='An Airflow Connection of type HTTP; `""` posts nothing, empty is `brain_webhook`.'
    )

    def takes(self, use_case: str, kind: str, subject: str) -> bool:
        """Whether a notice is one of its own."""
        return (
            self.use_case in (None, use_case)
            and (not self.kinds or kind in self.kinds)
            and (self.subject is None or fnmatchcase(subject, self.subject))
        )


class TellingSettings(Section):
    """The section `notices`."""

    quiet_hours: QuietHours | None = Field(None, description="When nobody is told; it is told afterwards.")
    routes: tuple[Route, ...] = Field((), description="The first that takes a notice decides; without one, everybody.")

    def route(self, use_case: str, kind: str, subject: str) -> Route:
        """The route of a notice."""
        return next((route for route in self.routes if route.takes(use_case, kind, subject)), EVERYBODY)

    def wait(self, kind: str, at: datetime) -> bool:
        """Whether a notice is not to be told now."""
        return self.quiet_hours is not None and self.quiet_hours.hold_back(kind, at)


EVERYBODY = Route()
