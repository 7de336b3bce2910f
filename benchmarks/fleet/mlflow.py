"""MLflow as a subprocess with an environment of its own, so that both sides can take turns."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.environment import environment

ROOT = Path(__file__).parents[2]


class MlflowSide:
    """Sends commands to `mlflow_side.py`."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._process, self._errors = process, errors
        self.version: str = self._answer()["version"]

    def ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"MLflow's side has ended: {self._errors.read_text()[-2000:]}")


@contextmanager
def mlflow_side(folder: Path, models: dict[str, Any], row: Any) -> Iterator[MlflowSide]:
    """A running MLflow side with `models` (fitted pipelines by kind) and one feature row (1, n)."""
    folder.mkdir(parents=True)
    (folder / "models.pkl").write_bytes(pickle.dumps(models))
    np.save(folder / "row.npy", row)
    command: list[str | Path] = [_python(), "-P", ROOT / "benchmarks" / "fleet" / "mlflow_side.py", folder]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (
        (folder / "errors.log").open("w") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environ,
            cwd=folder,
        ) as process,
    ):
        try:
            yield MlflowSide(process, folder / "errors.log")
        finally:
            process.kill()


def _python() -> Path:
    """The interpreter of the benchmark environment."""
    return environment("bench-venv", ROOT / "benchmarks" / "requirements.txt")
