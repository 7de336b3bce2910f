"""Work that kills its process. Not imported as `tests.core.dying`: a worker process would find another `tests`."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from brain.learning.candidate import TrainingResult
from brain.usecases.direction.use_case import Direction
from brain.usecases.protocol import Run


def die_once(item: tuple[str, Path]) -> str:
    """Kill this process at the first try of VIX."""
    name, mark = item
    if name == "VIX" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return name.lower()


def die_at_vix(name: str) -> str:
    if name == "VIX":
        os.kill(os.getpid(), signal.SIGKILL)
    return name.lower()


def refuse(name: str) -> str:
    raise KeyError(name)


class DiesAtVix(Direction):
    """Direction, whose training of VIX kills its process."""

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        die_at_vix(unit)
        return super().train(run, unit, targets, force=force)
