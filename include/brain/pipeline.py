"""The whole pipeline without Airflow: the same steps, dealt over processes."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from brain import steps

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.steps import UnitResult, Workspace

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the processes are the parallelism


def run_all(
    workspace: Workspace, moment: Moment, *, force: bool = False, workers: int | None = None
) -> list[UnitResult]:
    """Extract, train, judge, score and publish everything once.

    Args:
        workers: Processes to deal the assets over; one a core by default.

    Returns:
        What failed or succeeded by asset, for each step in turn; publishing goes on with the last good champions.
    """
    names = workspace.assets.names
    progress = workspace.progress(moment)
    progress.expect("extract", len(names))
    progress.expect("train", sum(len(asset.horizons) for asset in workspace.assets.assets))
    progress.expect("score", len(names))
    progress.expect("publish", 1)
    outcomes = list(steps.extract(workspace, names, moment))
    outcomes += train_all(workspace, moment, force=force, workers=workers)
    steps.judge(workspace, moment)
    outcomes += steps.score(workspace, names, moment)
    steps.publish(workspace, [names], moment)
    return outcomes


def train_all(workspace: Workspace, moment: Moment, *, force: bool, workers: int | None = None) -> list[UnitResult]:
    """Train every asset's models in a pool of single-threaded processes; outcomes in the catalogue's order."""
    os.environ.update(ONE_THREAD)
    names = workspace.assets.names
    with ProcessPoolExecutor(workers or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        done = pool.map(partial(_train_one, workspace, moment, force), names)
        return [outcome for outcomes in done for outcome in outcomes]


def _train_one(workspace: Workspace, moment: Moment, force: bool, name: str) -> list[UnitResult]:
    return steps.train(workspace, [name], moment, force=force)
