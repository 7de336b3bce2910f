"""Trained cells on disk, so that a benchmark that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.grid.train import Cell, train_job
from brain.portable.heads import Blend, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.grid.train import Job

ROOT = Path(__file__).parents[2]
ARRAYS = ("rows", "outcome", "raw")


def trained(jobs: Sequence[Job], folder: str, told: Callable[[str], None]) -> list[Cell]:
    """The cells of every job, one process, not yet judged; those that this very code trained before are read again."""
    kept = ROOT / ".brain" / folder / _code()
    kept.mkdir(parents=True, exist_ok=True)
    cells = []
    for number, job in enumerate(jobs, 1):
        path = kept / f"{job.spec.name}-{job.group}-{'_'.join(map(str, job.spec.horizons))}.json"
        if not path.exists():
            told(f"{number} of {len(jobs)}: {job.spec.name}, {job.cut} rows")
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps([_to_json(cell) for cell in train_job(job)]))
            draft.rename(path)
        cells += [_from_json(value) for value in json.loads(path.read_text())]
    return cells


def _code() -> str:
    """What trained them: a hash of all code, as any of it may matter."""
    digest = hashlib.sha256()
    package = sorted((ROOT / "include" / "brain").rglob("*.py"))
    for path in (*package, ROOT / "benchmarks" / "grid" / "train.py", ROOT / "benchmarks" / "market" / "unseen.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _to_json(cell: Cell) -> dict[str, object]:
    found = {field.name: getattr(cell, field.name) for field in fields(cell)}
    head = cell.head.to_json() if cell.head else None
    return {**found, **{name: found[name].tolist() for name in ARRAYS}, "head": head}


def _from_json(value: dict[str, object]) -> Cell:
    head = read_head(value["head"], "a kept cell") if value["head"] else None
    assert head is None or isinstance(head, Blend)
    arrays = {name: np.array(value[name], dtype=np.intp if name == "rows" else np.float64) for name in ARRAYS}
    return Cell(**{**value, **arrays, "head": head})  # type: ignore[arg-type]
