"""What must hold of a benchmark's figures, so that it cannot rot unseen.

A benchmark says it beside its code::

    HOLDS = {"accepted": exactly(0), "recovered_*": at_least(0.5)}    by figure, or by a pattern of figures
    TIMED = ("seconds", "*_ratio")                                    timings: no test depends on them
    RIVALS = ("mlautomator_*",)                                       what another program did: it may do as it likes

Every figure is in one of the three. A bound holds of the quick form, which runs without rivals, and of the full one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType


@dataclass(frozen=True)
class Bound:
    """A range that a figure must lie in, its limits included; of a list of figures, every one."""

    low: float = -math.inf
    high: float = math.inf

    def holds(self, figure: Any) -> bool:
        if isinstance(figure, list):
            return all(map(self.holds, figure))
        return isinstance(figure, int | float) and self.low <= figure <= self.high

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low:g}"
        if math.isinf(self.high):
            return f"at least {self.low:g}"
        return f"at most {self.high:g}" if math.isinf(self.low) else f"{self.low:g} to {self.high:g}"


def exactly(value: float) -> Bound:
    return Bound(value, value)


def at_least(value: float) -> Bound:
    return Bound(low=value)


def at_most(value: float) -> Bound:
    return Bound(high=value)


def between(low: float, high: float) -> Bound:
    return Bound(low, high)


def complaints(benchmark: ModuleType, figures: Mapping[str, Any]) -> list[str]:
    """What does not hold of some figures, a sentence each; also of one that no bound covers, or a bound without one."""
    holds: Mapping[str, Bound] = getattr(benchmark, "HOLDS", {})
    unbound: tuple[str, ...] = (*getattr(benchmark, "TIMED", ()), *getattr(benchmark, "RIVALS", ()))
    told, used = [], set()
    for name, figure in figures.items():
        pattern = name if name in holds else next((one for one in holds if fnmatchcase(name, one)), None)
        if pattern is None:
            if not any(fnmatchcase(name, one) for one in unbound):
                told.append(f"{name} is {figure}, and neither HOLDS, TIMED nor RIVALS of the benchmark names it")
            continue
        used.add(pattern)
        if not holds[pattern].holds(figure):
            told.append(f"{name} is {figure}, not {holds[pattern]}")
    missing = (one for one in holds if one not in used and "*" not in one)
    return [*told, *(f"HOLDS names {one}, and no figure is called so" for one in missing)]
