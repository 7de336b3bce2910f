"""Loading and scoring models: against MLflow's sklearn flavour, and end to end against the usual loop."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.bounds import at_most, exactly
from benchmarks.fleet import usual_loop
from benchmarks.fleet.fill import fill
from benchmarks.fleet.mlflow import MlflowSide, mlflow_side
from benchmarks.fleet.models import END, MIX, asset_name, fitted, rows
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.lake.lake import Lake
from brain.scoring.batch import Score, Wanted, score_newest
from brain.store.models import ModelStore
from brain.usecases.direction.catalogue import Assets
from brain.usecases.direction.names import SPACE, horizon_of, model_key, target_name
from brain.usecases.direction.scoring import score_cells
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.warehouse.publish import TableRows, publish

HORIZONS = 20
REGISTERED = 10
INTERVAL = Moment(END)
ALIKE = 1_000  # rows of the loop's tables that end on the row that the lake ends on
HOLDS = {"largest_difference": at_most(1e-6), "not_published": exactly(0)}
TIMED = ("*_ratio*",)


def run(quick: bool) -> Report:
    """Sides take turns in one run on the same models and rows; the quick form is without MLflow."""
    rounds, models, loop_models = (1, 40, 20) if quick else (5, 500, 200)
    table: list[tuple[Any, ...]] = []
    figures: dict[str, Any] = {}
    with benchmark_servers() as variables:
        if not quick:
            rows_found, figures = _beside_mlflow(variables, models, rounds)
            table += rows_found
        figures["largest_difference"] = max(_difference(variables), figures.pop("mlflow_difference", 0.0))
        theirs, ours, missing = _against_the_loop(variables, loop_models, 1 if quick else 5, ALIKE if quick else 5_000)
        table.append((f"end to end, {loop_models} mixed", "the usual loop", theirs, ours, theirs / ours, 50))
        figures |= {"loop_ratio": theirs / ours, "not_published": missing}
    return Report(
        title="Loading and scoring, ms a model",
        columns=("what", "against", "theirs", "brain", "ratio", "target"),
        rows=table,
        figures=figures,
        notes=[
            "brain, load + score: one MongoDB query streams signed documents, each verified, decompressed, parsed and"
            " evaluated; the newest row of each asset is read from the lake and its hash checked.",
            f"MLflow, registry: load_model by name and version ({REGISTERED} registered ones in turn, SQLite) and"
            " predict_proba of one row, which is given to it. Local folder: the same without looking the model up; the"
            " brain's side of both rows looks its models up.",
            "The usual loop: for each model a new connection, SELECT * of the asset's table, a query for the pickled"
            " pipeline, predict_proba; then to_sql. brain: the same cells scored from the lake and published in one"
            " transaction with details and history.",
            "The largest difference is that from MLflow in every round, and from the usual loop on tables that end on"
            " the row that the lake ends on.",
        ],
    )


def _beside_mlflow(variables: dict[str, str], models: int, rounds: int) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Rows of the table, and figures."""
    table: list[tuple[Any, ...]] = []
    figures: dict[str, Any] = {"mlflow_difference": 0.0}
    kinds = ("logistic", "forest")
    pipelines = {kind: fitted(kind, 0).pipeline for kind in kinds}
    with (
        tempfile.TemporaryDirectory() as name,
        mlflow_side(Path(name) / "mlflow", pipelines, rows(0)[0][-1:]) as mlflow,
    ):
        for kind, target in zip(kinds, (20, 3), strict=True):
            folder, registry, ours, differs = _against_mlflow(mlflow, variables, kind, models, rounds)
            what = f"load + score {models} {kind}"
            table.append((what, f"MLflow {mlflow.version}, registry", registry, ours, registry / ours, target))
            table.append((what, f"MLflow {mlflow.version}, local folder", folder, ours, folder / ours, "-"))
            figures |= {f"mlflow_ratio_{kind}": registry / ours, f"mlflow_folder_ratio_{kind}": folder / ours}
            figures["mlflow_difference"] = max(figures["mlflow_difference"], differs)
    return table, figures


def _against_mlflow(
    mlflow: MlflowSide, variables: dict[str, str], kind: str, models: int, rounds: int
) -> tuple[float, float, float, float]:
    """Milliseconds a model: MLflow from a folder, MLflow from its registry, the brain; how far their numbers differ."""
    store, lake, grid = fill(fresh(variables), models // HORIZONS, HORIZONS, (kind,))
    mlflow.ask(f"prepare {kind} {models}")
    last = mlflow.ask(f"register {kind} {REGISTERED}")["last"]
    fetch = f"fetch {models} {last - REGISTERED + 1} {last}"
    mlflow.ask(f"fetch 2 {last} {last}")  # warm
    _score(store, lake, grid)
    folder, registry, ours, differs = [], [], [], 0.0
    for _ in range(rounds):
        answer = mlflow.ask(f"score {kind}")
        folder.append(answer["seconds"] / answer["count"])
        answer = mlflow.ask(fetch)
        registry.append(answer["seconds"] / answer["count"])
        scores, seconds = _score(store, lake, grid)
        ours.append(seconds / models)
        first = next(s for s in scores if s.key == model_key(asset_name(0), 1))
        differs = max(differs, abs(first.raw[-1] - answer["probability"]))
    folder_ms, registry_ms, ours_ms = (statistics.median(values) * 1e3 for values in (folder, registry, ours))
    return folder_ms, registry_ms, ours_ms, differs


def _score(store: ModelStore, lake: Lake, grid: Assets) -> tuple[list[Score], float]:
    start = time.perf_counter()
    wanted = [Wanted(asset.name, tuple(map(target_name, asset.horizons))) for asset in grid.assets]
    found = list(score_newest(store, lake, SPACE, wanted, INTERVAL))
    seconds = time.perf_counter() - start
    scores = [one for one in found if isinstance(one, Score)]
    assert len(scores) == len(found)
    return scores, seconds


def _against_the_loop(variables: dict[str, str], models: int, rounds: int, table_rows: int) -> tuple[float, float, int]:
    """Milliseconds a model of the loop and of the brain, and how many numbers the brain did not publish."""
    settings = fresh(variables)
    store, lake, grid = fill(settings, models // HORIZONS, HORIZONS)
    usual_loop.prepare(settings, list(grid.names), HORIZONS, MIX, table_rows)
    theirs, ours, missing = [], [], 0
    for _ in range(rounds):
        start = time.perf_counter()
        usual_loop.run(settings, list(grid.names), HORIZONS)
        theirs.append(time.perf_counter() - start)
        for _ in range(2 if rounds > 1 else 1):
            start = time.perf_counter()
            scored = score_cells(store, lake, grid.assets, INTERVAL)
            cells = TableRows(PROBABILITY_DETAILS, scored)
            publication = publish(
                settings.warehouse_url, "direction", [cells], [probabilities(grid.horizons)], INTERVAL
            )
            ours.append(time.perf_counter() - start)
            missing += models - publication.fresh
    return statistics.median(theirs) / models * 1e3, statistics.median(ours) / models * 1e3, missing


def _difference(variables: dict[str, str]) -> float:
    """The largest difference from the usual loop over one asset's models of every kind."""
    settings = fresh(variables)
    store, lake, grid = fill(settings, 1, HORIZONS)
    usual_loop.prepare(settings, list(grid.names), HORIZONS, MIX, ALIKE)
    expected = usual_loop.run(settings, list(grid.names), HORIZONS)
    scores, _ = _score(store, lake, grid)
    return max(float(abs(expected[score.key.entity, horizon_of(score.key.target)] - score.raw[-1])) for score in scores)
