"""A long run in pieces: what each world counted and found, kept for as long as the code is the same."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brain.core.release import this_release

if TYPE_CHECKING:
    from benchmarks.fault_injection.findings import Findings

MADE_BY_BENCHMARKS = ("benchmarks/results", "docs/*.svg")


@dataclass(frozen=True)
class Piece:
    """What one world gave.

    Args:
        found: ``rule: what was seen``, each.
    """

    seed: int
    counts: dict[str, int]
    found: list[str]

    @classmethod
    def of(cls, seed: int, findings: Findings) -> Self:
        return cls(seed, dict(findings.counts), [f"{one.rule}: {one.told}" for one in findings.found])


def kept(of: str = "faults") -> list[Piece]:
    """The pieces of a benchmark that were made with the code as it is; none where it differs from its commit."""
    commit, path = _commit(), _path(of)
    if not commit or not path.exists():
        return []
    lines = map(json.loads, path.read_text().splitlines())
    return [Piece(**line["piece"]) for line in lines if line["commit"] == commit]


def keep(piece: Piece, of: str = "faults") -> None:
    """Add a piece for the next `kept`."""
    path = _path(of)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({"commit": _commit(), "piece": asdict(piece)}) + "\n")


def _commit() -> str:
    release = this_release(but=MADE_BY_BENCHMARKS)
    return (release.commit or "") if release.clean else ""


def _path(of: str) -> Path:
    return Path(os.environ.get("BRAIN_HOME", ".brain")) / f"{of}.jsonl"
