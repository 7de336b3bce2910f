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

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.module, self.function, self.line, self.change


def listed() -> list[Equivalent]:
    """The whole list."""
    return [Equivalent(**entry) for entry in yaml.safe_load(FILE.read_text()) or []]


def apart(all_mutations: Iterable[Mutation], equivalents: list[Equivalent]) -> tuple[list[Mutation], list[Mutation]]:
    """Mutations to try, and those that are listed as equivalent."""
    known = {one.key for one in equivalents}
    tried: list[Mutation] = []
    left_out: list[Mutation] = []
    for mutation in all_mutations:
        (left_out if mutation.key in known else tried).append(mutation)
    return tried, left_out


def stale(equivalents: list[Equivalent], left_out: list[Mutation]) -> list[Equivalent]:
    """Entries that no mutation of the code has any more: their line has changed."""
    found = {mutation.key for mutation in left_out}
    return [one for one in equivalents if one.key not in found]
