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
from benchmarks.fleet.models import candidate, fitted, rows
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.core.keys import ModelKey
from brain.store.models import ModelStore
from brain.store.writing import Saved

KINDS = ("logistic", "boosting", "forest")
TARGET = 20


def run(quick: bool) -> Report:
    """Both sides take turns; the models and the machine are the same."""
    rounds, single = (3, 2) if quick else (5, 5)
    with benchmark_servers() as variables, tempfile.TemporaryDirectory() as name:
        store = ModelStore.open(fresh(variables))
        models = {kind: fitted(kind, 0).pipeline for kind in KINDS}
        with mlflow_side(Path(name) / "mlflow", models, rows(1)[0][-1:]) as mlflow:
            table, figures = [], {"mlflow": mlflow.version}
            for kind in KINDS:
                mlflow.ask(f"save {kind}")  # warm
                _save(store, kind, f"WARM_{kind}", 1)
                theirs, ours, bulk = [], [], []
                for turn in range(rounds):
                    theirs += [mlflow.ask(f"save {kind}")["seconds"] for _ in range(single)]
                    ours += [_save(store, kind, f"ONE_{kind}_{turn}_{n}", 1) for n in range(single)]
                    bulk.append(_save(store, kind, f"BULK_{kind}_{turn}", 50))
                _agree(store, kind)
                medians = [statistics.median(values) * 1e3 for values in (theirs, ours, bulk)]
                table.append((kind, *medians, medians[0] / medians[1], medians[0] / medians[2]))
                figures |= {
                    f"{kind}_ratio_single": medians[0] / medians[1],
                    f"{kind}_ratio_bulk": medians[0] / medians[2],
                }
    return Report(
        title="Saving a model with its metadata, ms a model",
        columns=("model", "MLflow", "brain, one by one", "brain, 50 at a time", "ratio one by one", "ratio bulk"),
        rows=table,
        figures=figures,
        notes=[
            f"Target: {TARGET} times faster or more.",
            "MLflow: start_run, log_params, log_metrics, log_model with registration and pip_requirements; SQLite.",
            "brain: ONNX export, comparison with the fitted pipeline on 256 rows (64 of them in ONNX Runtime, too),"
            " signature, MongoDB write and promotion in one transaction that waits for the journal.",
            "Agreement: what comes back from the store gives the pipeline's probabilities within 1e-6.",
        ],
    )


def _save(store: ModelStore, kind: str, asset: str, count: int) -> float:
    """Seconds a model for saving `count` models of one asset."""
    model = fitted(kind, 0)
    candidates = [candidate(ModelKey.direction(asset, n + 1), model, 0) for n in range(count)]
    start = time.perf_counter()
    saved = store.save(candidates)
    seconds = time.perf_counter() - start
    assert all(isinstance(outcome, Saved) and outcome.promoted for outcome in saved)
    return seconds / count


def _agree(store: ModelStore, kind: str) -> None:
    model: Any = fitted(kind, 0)
    matrix = rows(1)[0][-50:]
    found = store.load(ModelKey.direction(f"ONE_{kind}_0_0", 1)).evaluator().probability(matrix)
    assert abs(found - model.pipeline.predict_proba(matrix)[:, 1]).max() < 1e-6
