"""From 500 to 20,000 mixed models, scored and published: time a model, and memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.bounds import at_least, at_most, exactly
from benchmarks.fleet.fill import catalogue, fill
from benchmarks.fleet.models import END
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.lake.lake import Lake
from brain.store.models import ModelStore
from brain.usecases.direction.scoring import score_cells
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.warehouse.publish import TableRows, publish

HORIZONS = 20
HOLDS = {"models": at_least(100), "not_published": exactly(0), "peak_memory_ratio_*": at_most(1.5)}
TIMED = ("seconds_*", "per_model_ratio_*")


def run(quick: bool) -> Report:
    """Every size in a fresh process, so that its peak memory is its own; sizes take turns."""
    sizes, rounds = ((40, 100), 1) if quick else ((500, 5_000, 20_000), 5)
    with benchmark_servers() as variables:
        settings = fresh(variables)
        fill(settings, sizes[-1] // HORIZONS, HORIZONS)
        found: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
        for _ in range(rounds):
            for size in sizes:
                found[size].append(_measured(settings, size))
    medians = {
        size: {name: statistics.median(run[name] for run in runs) for name in runs[0]} for size, runs in found.items()
    }
    table = [
        (size, *(m[name] for name in ("score", "publish", "seconds")), m["seconds"] / size * 1e3, m["peak_mb"])
        for size, m in medians.items()
    ]
    first, last = sizes[0], sizes[-1]
    per_model = {size: medians[size]["seconds"] / size for size in sizes}
    return Report(
        title=f"Scoring and publishing {', '.join(f'{size:,}' for size in sizes)} mixed models",
        columns=("models", "score s", "publish s", "together s", "ms a model", "peak MB"),
        rows=table,
        figures={
            "models": last,
            "not_published": sum(int(run["missing"]) for runs in found.values() for run in runs),
            f"seconds_{last}": medians[last]["seconds"],
            "per_model_ratio_largest_to_smallest": per_model[last] / per_model[first],
            f"peak_memory_ratio_{sizes[1]}_to_{first}": medians[sizes[1]]["peak_mb"] / medians[first]["peak_mb"],
        },
        notes=[
            f"{HORIZONS} models an asset: 45 % logistic regression, 5 % SGD, 25 % LightGBM, 20 % random forests, 5 %"
            " extra trees, each its own signed document; a few fitted models of each kind stand under many keys.",
            "One process, warmed by one asset; from the first query to the commit of the wide table, the details and"
            " the history. The quality gate of the publishing step is not in it.",
            "Targets: the largest under 60 s; time a model flat within 20 %; peak memory at most 10 % more from 500 to"
            " 5,000 models.",
        ],
    )


def _measured(settings: Settings, size: int) -> dict[str, float]:
    secrets = {
        "BRAIN_MONGO_URL": settings.mongo_url.get_secret_value(),
        "BRAIN_WAREHOUSE_URL": settings.warehouse_url.get_secret_value(),
        "BRAIN_SOURCE_URL": settings.source_url.get_secret_value(),
        "BRAIN_SIGNING_KEYS": settings.signing_keys[0].get_secret_value(),
        "BRAIN_ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "BRAIN_LAKE_URL": settings.lake_url,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", str(size)],
        env={**os.environ, **secrets},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _one(size: int) -> dict[str, float]:
    settings, grid = Settings.load(), catalogue(size // HORIZONS, HORIZONS)
    store, lake = ModelStore.open(settings, "direction"), Lake(settings.lake_url)
    score_cells(store, lake, grid.assets[:1], Moment(END))  # what the first asset of a process pays: imports
    start = time.perf_counter()
    result = score_cells(store, lake, grid.assets, Moment(END))
    scored = time.perf_counter()
    cells = TableRows(PROBABILITY_DETAILS, result)
    publication = publish(settings.warehouse_url, "direction", [cells], [probabilities(grid.horizons)], Moment(END))
    end = time.perf_counter()
    return {
        "missing": size - publication.fresh,
        "score": scored - start,
        "publish": end - scored,
        "seconds": end - start,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Of this program alone; getrusage would start from the process that launched it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    print(json.dumps(_one(int(sys.argv[1]))))
