"""What is played in a world: one use case, day by day, on source tables that are known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.fault_injection.findings import Findings
    from benchmarks.fault_injection.machine import World
    from brain.core.moment import Moment

SEED = 1  # of all worlds: they are told apart by their faults
Truth = dict[Any, Any]


@dataclass(frozen=True)
class Play:
    """A use case and its days.

    Args:
        chunks: Units that are scored together.
        inputs: What the lake calls the tables that are read, below `space`.
        keys: Of all models, sorted.
        tables: What readers see, and its history.
        details: Asks for unit, stale, published_at and reason of each row; empty where no unit is beside another.
        staged_number: A column of staged rows that is forged.
        load: Makes the source tables (URL, seed, day) what they are in the evening of a day.
        moment: The evening of a day.
        truth: What the last publication says, for the reader to compare.
        reader: Looks on from entering to leaving: of a URL, findings and the undisturbed truth.
        spared: Faults that it is not to come through unchanged; keys of `KINDS`.
        check_numbers: Every number that is shown comes out again.
    """

    use_case: str
    catalogue: str
    chunks: tuple[tuple[str, ...], ...]
    space: str
    inputs: tuple[str, ...]
    keys: tuple[str, ...]
    tables: tuple[str, ...]
    details: str
    staged_number: str
    load: Callable[[str, int, int], None]
    moment: Callable[[int], Moment]
    truth: Callable[[World], Truth]
    reader: Callable[[Callable[[], str], Findings, Truth], Any]
    check_numbers: Callable[[World, Moment, Findings], None]
    spared: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(unit for chunk in self.chunks for unit in chunk)
