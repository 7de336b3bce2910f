"""The names that tie a model, a target column and a published column together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NewType

Sha256 = NewType("Sha256", str)

DIRECTION = "direction"
DATE = "Date"
CLOSE = "Close"
PRICE_COLUMNS = ("Open", "High", "Low", "Close", "Adj Close", "Volume")
TARGET_PATTERN = re.compile(r"RETURNS([1-9][0-9]*)")


def target_name(horizon: int) -> str:
    """Name of the forward-return column and of the model trained on it: ``RETURNS25``."""
    return f"RETURNS{horizon}"


def probability_column(horizon: int) -> str:
    """Name of the published column: ``25_Day_Probability``."""
    return f"{horizon}_Day_Probability"


@dataclass(frozen=True, order=True)
class ModelKey:
    """Which model: the use case, the entity it is about, and what it predicts."""

    use_case: str
    entity: str
    target: str

    @classmethod
    def direction(cls, asset: str, horizon: int) -> ModelKey:
        """Key of the model for "is Close not lower `horizon` rows later?"."""
        return cls(DIRECTION, asset, target_name(horizon))

    @property
    def horizon(self) -> int:
        """Rows ahead, read from the target name.

        Raises:
            ValueError: The target is not of the form ``RETURNSn``.
        """
        match = TARGET_PATTERN.fullmatch(self.target)
        if match is None:
            raise ValueError(f"{self.target!r} is not of the form RETURNSn")
        return int(match.group(1))

    def __str__(self) -> str:
        return f"{self.use_case}/{self.entity}/{self.target}"


@dataclass(frozen=True)
class Interval:
    """The data interval a step works on; results depend on it and never on the clock.

    Args:
        start: Inclusive, timezone aware.
        end: Exclusive, timezone aware. Rows dated after ``last_day`` are not seen by the step.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an interval needs timezone-aware ends")
        if self.end < self.start:
            raise ValueError(f"an interval cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def until(cls, end: datetime) -> Interval:
        """The empty interval that ends at `end`: everything known by then."""
        return cls(end, end)

    @property
    def last_day(self) -> date:
        """The last date whose row may be used, in UTC."""
        return self.end.astimezone(UTC).date()

    @property
    def slug(self) -> str:
        """A file-name-safe name, equal for equal intervals."""
        return self.end.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
