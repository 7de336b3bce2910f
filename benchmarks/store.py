"""Saving a model with its metadata: the brain against MLflow's log_model with registration."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.fleet.mlflow import mlflow_side
from benchmarks.fleet.models import MIX, candidate, fitted, rows
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.store.models import ModelStore
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key

FLEETS = {"logistic": ("logistic",), "boosting": ("boosting",), "forest": ("forest",), "mixed": MIX}
BULK = 60
TARGET = 20


def run(quick: bool) -> Report:
    """Both sides take turns; the models and the machine are the same."""
    rounds = 3 if quick else 5
    with benchmark_servers() as variables, tempfile.TemporaryDirectory() as name:
        store = ModelStore.open(fresh(variables), "direction")
        models = {kind: fitted(kind, 0).pipeline for kind in sorted(set(MIX))}
        with mlflow_side(Path(name) / "mlflow", models, rows(1)[0][-1:]) as mlflow:
            table, figures = [], {"mlflow": mlflow.version}
            for fleet, kinds in FLEETS.items():
                once = kinds if len(kinds) > 1 else kinds * (2 if quick else 5)
                mlflow.ask(f"save {kinds[0]}")  # warm
                _save(store, kinds[:1], f"WARM_{fleet}")
                theirs, ours, bulk = [], [], []
                for turn in range(rounds):
                    theirs.append(statistics.mean(mlflow.ask(f"save {kind}")["seconds"] for kind in once))
                    one_by_one = (_save(store, (kind,), f"ONE_{fleet}_{turn}_{n}") for n, kind in enumerate(once))
                    ours.append(statistics.mean(one_by_one))
                    bulk.append(_save(store, kinds * (BULK // len(kinds)), f"BULK_{fleet}_{turn}"))
                _agree(store, kinds[0], f"ONE_{fleet}_0_0")
                medians = [statistics.median(values) * 1e3 for values in (theirs, ours, bulk)]
                table.append((fleet, *medians, medians[0] / medians[1], medians[0] / medians[2]))
                figures |= {
                    f"{fleet}_ratio_single": medians[0] / medians[1],
                    f"{fleet}_ratio_bulk": medians[0] / medians[2],
                }
    return Report(
        title="Saving a model with its metadata, ms a model",
        columns=("model", "MLflow", "brain, one by one", f"brain, {BULK} at a time", "ratio one by one", "ratio bulk"),
        rows=table,
        figures=figures,
        notes=[
            f"Target: {TARGET} times faster or more.",
            "MLflow: start_run, log_params, log_metrics, log_model with registration and pip_requirements; SQLite.",
            "brain: ONNX export, comparison with the fitted pipeline on 256 rows (64 of them in ONNX Runtime, too),"
            " signature, MongoDB write and promotion in one transaction that waits for the journal.",
            "Mixed: a fleet as `scale` scores it: logistic regression 45 %, SGD 5 %, LightGBM 25 %, 100 trees 25 %.",
            "Agreement: what comes back from the store gives the pipeline's probabilities within 1e-6.",
        ],
    )


def _save(store: ModelStore, kinds: tuple[str, ...], asset: str) -> float:
    """Seconds a model for saving models of these kinds of one asset at once."""
    models = [fitted(kind, 0) for kind in kinds]
    candidates = [candidate(model_key(asset, n), model, 0) for n, model in enumerate(models, 1)]
    start = time.perf_counter()
    saved = store.add(candidates)
    seconds = time.perf_counter() - start
    assert all(isinstance(outcome, Saved) and outcome.promoted for outcome in saved)
    return seconds / len(kinds)


def _agree(store: ModelStore, kind: str, asset: str) -> None:
    model: Any = fitted(kind, 0)
    matrix = rows(1)[0][-50:]
    found = store.load(model_key(asset, 1)).evaluator().outputs(matrix)
    assert abs(found - model.pipeline.predict_proba(matrix)).max() < 1e-6
