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
    from brain.steps import UnitResult
    from brain.workspace import Workspace

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the processes are the parallelism


def run_all(
    workspace: Workspace, moment: Moment, *, force: bool = False, workers: int | None = None
) -> list[UnitResult]:
    """Extract, train, judge, score and publish every use case once.

    Args:
        workers: Processes to deal the units over; one a core by default, none besides this one for 1.

    Returns:
        What failed or succeeded by unit, for each step in turn; publishing goes on with the last good champions.
    """
    runs = workspace.runs(moment)
    names = {run.use_case.name: tuple(unit.name for unit in run.units) for run in runs}
    progress = runs[0].progress
    progress.expect("extract", sum(map(len, names.values())))
    progress.expect("train", sum(len(unit.targets) for run in runs for unit in run.units))
    progress.expect("score", sum(map(len, names.values())))
    progress.expect("publish", len(runs))
    results: list[UnitResult] = []
    for run in runs:
        results += steps.extract(run, names[run.use_case.name])
    results += train_all(workspace, moment, force=force, workers=workers)
    steps.each(runs, steps.judge)
    for run in runs:
        results += steps.score(run, names[run.use_case.name])
    steps.each(runs, lambda run: steps.publish(run, [names[run.use_case.name]]))
    return results


def train_all(workspace: Workspace, moment: Moment, *, force: bool, workers: int | None = None) -> list[UnitResult]:
    """Train every unit's models in a pool of single-threaded processes; results in the catalogue's order."""
    units = [(run.use_case.name, unit.name) for run in workspace.runs(moment) for unit in run.units]
    if workers == 1:
        return [result for unit in units for result in _train_one(workspace, moment, force, unit)]
    os.environ.update(ONE_THREAD)
    with ProcessPoolExecutor(workers or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        done = pool.map(partial(_train_one, workspace, moment, force), units)
        return [result for results in done for result in results]


def _train_one(workspace: Workspace, moment: Moment, force: bool, unit: tuple[str, str]) -> list[UnitResult]:
    use_case, name = unit
    return steps.train(workspace.run(use_case, moment), [name], force=force)
