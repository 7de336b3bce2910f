"""Saving a model with its metadata: the brain against MLflow's log_model with registration."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.bounds import at_most, exactly
from benchmarks.fleet.mlflow import MlflowSide, mlflow_side
from benchmarks.fleet.models import MIX, candidate, fitted, rows
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.store.models import ModelStore
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key

FLEETS = {"logistic": ("logistic",), "boosting": ("boosting",), "forest": ("forest",), "mixed": MIX}
BULK = 60
TARGET = 20
HOLDS = {"largest_difference": at_most(1e-6), "not_promoted": exactly(0)}
TIMED = ("*_ratio_single", "*_ratio_bulk")
RIVALS = ("mlflow",)


def run(quick: bool) -> Report:
    """Both sides take turns; the models and the machine are the same. The quick form is ours alone."""
    rounds, once = (1, 1) if quick else (5, 5)
    table: list[tuple[Any, ...]] = []
    figures: dict[str, Any] = {"largest_difference": 0.0, "not_promoted": 0}
    with ExitStack() as opened:
        variables = opened.enter_context(benchmark_servers())
        store = ModelStore.open(fresh(variables), "direction")
        mlflow = None
        if not quick:
            models = {kind: fitted(kind, 0).pipeline for kind in sorted(set(MIX))}
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory())) / "mlflow"
            mlflow = opened.enter_context(mlflow_side(folder, models, rows(1)[0][-1:]))
            figures["mlflow"] = mlflow.version
        for fleet, kinds in FLEETS.items():
            theirs, ours, bulk = _timed(
                store, mlflow, fleet, kinds if len(kinds) > 1 else kinds * once, rounds, figures
            )
            figures["largest_difference"] = max(
                figures["largest_difference"], _differs(store, kinds[0], f"ONE_{fleet}_0_0")
            )
            if not theirs:
                table.append((fleet, "", ours, bulk, "", ""))
                continue
            table.append((fleet, theirs, ours, bulk, theirs / ours, theirs / bulk))
            figures |= {f"{fleet}_ratio_single": theirs / ours, f"{fleet}_ratio_bulk": theirs / bulk}
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


def _timed(
    store: ModelStore,
    mlflow: MlflowSide | None,
    fleet: str,
    kinds: tuple[str, ...],
    rounds: int,
    figures: dict[str, Any],
) -> tuple[float, float, float]:
    """Medians of milliseconds a model: MLflow (0 where it does not run), ours one by one, ours in bulk."""
    if mlflow:
        mlflow.ask(f"save {kinds[0]}")  # warm
    theirs, ours, bulk = [0.0], [], []
    figures["not_promoted"] += _save(store, kinds[:1], f"WARM_{fleet}")[1]
    for turn in range(rounds):
        if mlflow:
            theirs.append(statistics.mean(mlflow.ask(f"save {kind}")["seconds"] for kind in kinds))
        alone = [_save(store, (kind,), f"ONE_{fleet}_{turn}_{n}") for n, kind in enumerate(kinds)]
        together = _save(store, kinds * max(1, BULK // len(kinds)), f"BULK_{fleet}_{turn}")
        ours.append(statistics.mean(seconds for seconds, _ in alone))
        bulk.append(together[0])
        figures["not_promoted"] += together[1] + sum(missing for _, missing in alone)
    return (
        statistics.median(theirs[1:] or theirs) * 1e3,
        statistics.median(ours) * 1e3,
        statistics.median(bulk) * 1e3,
    )


def _save(store: ModelStore, kinds: tuple[str, ...], asset: str) -> tuple[float, int]:
    """Seconds a model for saving models of these kinds of one asset at once, and how many did not become champion."""
    models = [fitted(kind, 0) for kind in kinds]
    candidates = [candidate(model_key(asset, n), model, 0) for n, model in enumerate(models, 1)]
    start = time.perf_counter()
    saved = store.add(candidates)
    seconds = time.perf_counter() - start
    return seconds / len(kinds), sum(not (isinstance(one, Saved) and one.promoted) for one in saved)


def _differs(store: ModelStore, kind: str, asset: str) -> float:
    """The largest difference between what comes back from the store and the pipeline."""
    model: Any = fitted(kind, 0)
    matrix = rows(1)[0][-50:]
    found = store.load(model_key(asset, 1)).evaluator().outputs(matrix)
    return float(abs(found - model.pipeline.predict_proba(matrix)).max())
