"""Which mutations were noticed, module by module, kept from one run to the next for as long as the module is the same.

Tests may come and go meanwhile: ``python -m benchmarks.mutating --anew`` asks again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from benchmarks.mutating.scope import ROOT, file_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.mutating.mutations import Mutation

FILE = ROOT / "benchmarks" / "results" / "mutants.json"


@dataclass
class Verdicts:
    """What was found of a module's mutations, each by its `name_of`.

    Args:
        source: SHA-256 of the module's source.
        commits: At which they were tried, oldest first.
        seconds: That the trials took.
    """

    source: str
    commits: list[str] = field(default_factory=list)
    seconds: float = 0.0
    killed: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)

    def note(self, mutation: Mutation, killed: bool, seconds: float, commit: str) -> None:
        """Take what was found of a mutation now, in the place of what was found before."""
        name = name_of(mutation)
        for names in (self.killed, self.survived):
            if name in names:
                names.remove(name)
        (self.killed if killed else self.survived).append(name)
        self.seconds = round(self.seconds + seconds, 2)
        if commit not in self.commits:
            self.commits.append(commit)


def name_of(mutation: Mutation) -> str:
    """Short, and the same whatever else changes in the module."""
    return mutation.rank[:12]


def kept(module: str, file: Path = FILE) -> Verdicts:
    """The verdicts on a module as its source is now; none if it was another."""
    now = hashlib.sha256(file_of(module).read_bytes()).hexdigest()
    before = _all(file).get(module)
    return before if before is not None and before.source == now else Verdicts(now)


def keep(module: str, verdicts: Verdicts, file: Path = FILE) -> None:
    """Keep them for the next `kept`."""
    content = {**_all(file), module: verdicts}
    # One line a module: it is read by the tool, and a change shows which module was tried.
    lines = [f"{json.dumps(name)}: {json.dumps(asdict(content[name]))}" for name in sorted(content)]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _all(file: Path) -> dict[str, Verdicts]:
    if not file.exists():
        return {}
    return {module: Verdicts(**content) for module, content in json.loads(file.read_text()).items()}
