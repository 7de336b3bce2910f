"""Spans of time as the catalogue writes them: ``36h``, ``10d``, ``15y``."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

DURATION = r"^[1-9][0-9]*(min|h|d|w)$"
AGE = r"^[1-9][0-9]*[dwmy]$"
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def duration(text: str) -> timedelta:
    """The fixed span `text` names: minutes (``min``), hours, days or weeks.

    Raises:
        ValueError: `text` does not match `DURATION`.
    """
    match = re.fullmatch(r"([1-9][0-9]*)(min|h|d|w)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a number followed by min, h, d or w")
    return int(match.group(1)) * _UNITS[match.group(2)]


def day_before(day: date, age: str) -> date:
    """The calendar day `age` (days, weeks, months ``m`` or years) before `day`; in a shorter month its last day.

    Raises:
        ValueError: `age` does not match `AGE`.
    """
    match = re.fullmatch(r"([1-9][0-9]*)([dwmy])", age)
    if match is None:
        raise ValueError(f"{age!r} is not a number followed by d, w, m or y")
    count, unit = int(match.group(1)), match.group(2)
    if unit in "dw":
        try:
            return max(date.min + timedelta(days=1), day - count * _UNITS[unit])
        except OverflowError:  # before the calendar begins
            return date.min
    month = day.year * 12 + day.month - 1 - count * (12 if unit == "y" else 1)
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1])) if year >= 1 else date.min
