"""A process whose clock is wrong: what Python's own clocks say, for all code of this process."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any


class _LikeDatetime(type):
    """Every time is one of the class in whose place another one stands."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def skew(seconds: float) -> None:
    """Move the wall clock of this process, also where a module has already taken `datetime` as its own."""
    if not seconds:
        return
    true, true_ns = time.time, time.time_ns
    setattr(time, "time", lambda: true() + seconds)  # noqa: B010 - mypy knows the function it replaces
    setattr(time, "time_ns", lambda: true_ns() + int(seconds * 1e9))  # noqa: B010

    class Skewed(datetime, metaclass=_LikeDatetime):
        def __new__(cls, *parts: Any, **named: Any) -> Any:
            return datetime(*parts, **named)  # noqa: DTZ001 - the caller says which zone

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    for name, module in list(sys.modules.items()):
        if name.startswith("brain.") and getattr(module, "datetime", None) is datetime:
            setattr(module, "datetime", Skewed)  # noqa: B010
