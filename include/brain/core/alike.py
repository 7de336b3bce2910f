"""Saying a reason once, with all that it is the reason for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

ReasonT = TypeVar("ReasonT")


def by_reason(told: Iterable[tuple[str, ReasonT]]) -> dict[ReasonT, list[str]]:
    """The names of each reason, in the order in which reasons come first."""
    names: dict[ReasonT, list[str]] = {}
    for name, reason in told:
        names.setdefault(reason, []).append(name)
    return names


def told_once(told: Iterable[tuple[str, str]]) -> str:
    """``RETURNS5, RETURNS20: too few rows; RETURNS161: none``."""
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason(told).items())
