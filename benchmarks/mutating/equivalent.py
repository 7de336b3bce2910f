"""Mutations that change no behaviour: each is listed in equivalent.yaml with the reason why no test can notice it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.mutating.mutations import Mutation

FILE = Path(__file__).with_name("equivalent.yaml")


@dataclass(frozen=True)
class Equivalent:
    """An entry of the list.

    Args:
        function: Qualified name within the module.
        line: The source line, without indentation.
        change: ``old -> new`` as the tool names it.
        reason: Why behaviour stays the same.
    """

    module: str
    function: str
    line: str
    change: str
    reason: str

    def is_of(self, mutation: Mutation) -> bool:
        return (self.module, self.function, self.line, self.change) == (
            mutation.module,
            mutation.function,
            mutation.line,
            mutation.change,
        )


def listed() -> list[Equivalent]:
    """The whole list."""
    return [Equivalent(**entry) for entry in yaml.safe_load(FILE.read_text()) or []]


def apart(all_mutations: Iterable[Mutation], equivalents: list[Equivalent]) -> tuple[list[Mutation], list[Mutation]]:
    """Mutations to try, and those that are listed as equivalent."""
    known = {(one.module, one.function, one.line, one.change) for one in equivalents}
    tried, left_out = [], []
    for mutation in all_mutations:
        key = (mutation.module, mutation.function, mutation.line, mutation.change)
        (left_out if key in known else tried).append(mutation)
    return tried, left_out


def stale(equivalents: list[Equivalent], left_out: list[Mutation]) -> list[Equivalent]:
    """Entries whose line is no longer in the code."""
    return [one for one in equivalents if not any(one.is_of(mutation) for mutation in left_out)]
