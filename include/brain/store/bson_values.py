"""Values as MongoDB keeps them, so that what is signed is what comes back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np

_PLAIN = frozenset({str, float, int, bool, type(None)})


def to_plain(value: Any) -> Any:
    """`value` as MongoDB gives it back: plain lists and numbers, datetimes in UTC to the millisecond."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [to_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, datetime):
        utc = value.astimezone(UTC)
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value
