"""The judge's verdicts on champions. A pointer's signature covers them, because they decide what is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from brain.core.keys import ModelKey


@dataclass(frozen=True)
class Claim:
    """What a champion brings before the judge: the p-value of its skill, measured by itself."""

    key: ModelKey
    version: int
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """Whether a version may claim skill, all models that are judged together considered.

    Args:
        p_value: Of the version by itself.
        decided_for: The moment of the run that decided.
    """

    key: ModelKey
    version: int
    has_skill: bool
    p_value: float | None
    decided_for: datetime
