"""The MLflow side of a comparison: runs in an environment of its own and answers one JSON line a command.

Started as ``python mlflow_side.py FOLDER``; FOLDER holds ``models.pkl`` (fitted pipelines by kind) and ``row.npy``.
Commands: ``save KIND`` logs and registers one model; ``prepare KIND COUNT`` lays out COUNT saved models;
``score KIND`` loads each of them and predicts one row; ``register KIND COUNT`` and ``fetch`` do the same by way of the
registry, where the brain's champions are looked up too.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
warnings.simplefilter("ignore")

import mlflow  # type: ignore[import-not-found]  # noqa: E402 - it reads the variable above
import numpy as np  # noqa: E402

logging.disable(logging.WARNING)
REQUIREMENTS = ["scikit-learn==1.9.1"]


class Side:
    """Answers commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models: dict[str, Any] = pickle.loads((folder / "models.pkl").read_bytes())
        self.row = np.load(folder / "row.npy")
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("bench", artifact_location=str(folder / "artifacts"))
        mlflow.set_experiment("bench")
        self.saved = 0

    def save(self, kind: str) -> dict[str, Any]:
        self.saved += 1
        start = time.perf_counter()
        with mlflow.start_run():
            mlflow.log_params({"classifier": kind, "C": 0.1, "seed": 0})
            mlflow.log_metrics({"log_loss": 0.68, "skill": 0.012})
            mlflow.sklearn.log_model(
                self.models[kind],
                name="model",
                registered_model_name=f"model{self.saved}",
                pip_requirements=REQUIREMENTS,
                serialization_format="cloudpickle",
            )
        return {"seconds": time.perf_counter() - start}

    def register(self, kind: str, count: str) -> dict[str, Any]:
        for _ in range(int(count)):
            self.save(kind)
        return {"last": self.saved}

    def fetch(self, models: str, first: str, last: str) -> dict[str, Any]:
        """As `score`, by name and version from the registry; the registered ones take turns."""
        numbers = range(int(first), int(last) + 1)
        names = [f"models:/model{numbers[place % len(numbers)]}/1" for place in range(int(models))]
        start, cpu = time.perf_counter(), time.process_time()
        found = [mlflow.sklearn.load_model(name).predict_proba(self.row)[0, 1] for name in names]
        took = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
        return {**took, "count": len(found), "probability": float(found[0])}

    def prepare(self, kind: str, count: str) -> dict[str, Any]:
        first = self.folder / kind / "0"
        mlflow.sklearn.save_model(
            self.models[kind], first, pip_requirements=REQUIREMENTS, serialization_format="cloudpickle"
        )
        for number in range(1, int(count)):
            shutil.copytree(first, self.folder / kind / str(number))
        return {}

    def score(self, kind: str) -> dict[str, Any]:
        paths = sorted((self.folder / kind).iterdir())
        start = time.perf_counter()
        found = [mlflow.sklearn.load_model(str(path)).predict_proba(self.row)[0, 1] for path in paths]
        return {"seconds": time.perf_counter() - start, "count": len(found), "probability": float(found[0])}


def main() -> None:
    side = Side(Path(sys.argv[1]))
    print(json.dumps({"version": mlflow.__version__}), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        print(json.dumps(getattr(side, command)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
