"""The judge's verdicts on champions. A pointer's signature covers them, because they decide what is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from brain.core.keys import ModelKey


@dataclass(frozen=True)
class Claim:
    """What a champion brings before the judge.

    Args:
        p_value: Of its skill, measured by itself.
        barred: Why it may not claim skill however small the p-value is; empty if it may.
    """

    key: ModelKey
    version: int
    p_value: float
    barred: str = ""


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
