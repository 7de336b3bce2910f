"""The whole pipeline without Airflow: the same steps, dealt over processes."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from brain import steps

if TYPE_CHECKING:
    from brain.core.keys import Interval
    from brain.steps import Outcome, Workspace

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the processes are the parallelism


def run_all(
    workspace: Workspace, interval: Interval, *, force: bool = False, workers: int | None = None
) -> list[Outcome]:
    """Extract, train, judge, score and publish everything once.

    Args:
        workers: Processes to deal the assets over; one a core by default.

    Returns:
        What failed or succeeded by asset, for each step in turn; publishing goes on with the last good champions.
    """
    names = workspace.catalogue.names
    progress = workspace.progress(interval)
    progress.expect("extract", len(names))
    progress.expect("train", sum(len(asset.horizons) for asset in workspace.catalogue.assets))
    progress.expect("score", len(names))
    progress.expect("publish", 1)
    outcomes = list(steps.extract(workspace, names, interval))
    outcomes += train_all(workspace, interval, force=force, workers=workers)
    steps.judge(workspace, interval)
    outcomes += steps.score(workspace, names, interval)
    steps.publish(workspace, [names], interval)
    return outcomes


def train_all(workspace: Workspace, interval: Interval, *, force: bool, workers: int | None = None) -> list[Outcome]:
    """Train every asset's models in a pool of single-threaded processes; outcomes in the catalogue's order."""
    os.environ.update(ONE_THREAD)
    names = workspace.catalogue.names
    with ProcessPoolExecutor(workers or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        done = pool.map(partial(_train_one, workspace, interval, force), names)
        return [outcome for outcomes in done for outcome in outcomes]


def _train_one(workspace: Workspace, interval: Interval, force: bool, name: str) -> list[Outcome]:
    return steps.train(workspace, [name], interval, force=force)
