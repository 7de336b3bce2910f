"""The whole pipeline without Airflow: the same steps, dealt over processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from brain import steps
from brain.again import publish_again, scored_from
from brain.core.workers import ONE_THREAD, deal
from brain.results import survived

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.results import UnitResult
    from brain.usecases.protocol import Run
    from brain.workspace import Workspace

Step = Callable[["Run", Sequence[str]], list["UnitResult"]]


def run_all(
    workspace: Workspace, moment: Moment, *, force: bool = False, full: bool = False, workers: int | None = None
) -> list[UnitResult]:
    """Extract, train, judge, score, publish and evaluate every use case once.

    A use case of which nothing is new is not scored again: see `brain.again`.

    Args:
        full: Read every table, judge every row and score every model, whatever was done before.
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
    progress.expect("evaluate", len(runs))
    results: list[UnitResult] = []
    for run in runs:
        results += steps.extract(run, names[run.use_case.name], full=full)
    results += train_all(workspace, moment, force=force, workers=workers)
    steps.each(runs, steps.judge)
    made_from = steps.each(runs, scored_from)
    shown = {} if full else steps.each(runs, lambda run: publish_again(run, made_from[run.use_case.name]))
    left = [run for run in runs if not shown.get(run.use_case.name)]
    scored = steps.each(left, lambda run: steps.score(run, names[run.use_case.name]))
    results += [result for found in scored.values() for result in found]
    steps.each(left, lambda run: steps.publish(run, [names[run.use_case.name]], made_from[run.use_case.name]))
    steps.each(runs, lambda run: steps.evaluate(run, full=full))
    return results


def train_all(workspace: Workspace, moment: Moment, *, force: bool, workers: int | None = None) -> list[UnitResult]:
    """Train every unit's models in single-threaded processes; results in the catalogue's order.

    A process that dies costs its unit a second try; the unit fails when that one dies too.
    """
    units = {f"{run.use_case.name} {name}": (run, name) for run in workspace.runs(moment) for name in _names(run)}
    done = {} if force else _untouched(workspace.runs(moment))
    left = {item: unit for item, unit in units.items() if item not in done}
    if workers == 1:
        done |= {item: _train_one(force, unit) for item, unit in left.items()}
    else:
        os.environ.update(ONE_THREAD)
        dealt = deal(partial(_train_one, force), left, workers or os.cpu_count() or 1)
        done |= {item: survived(left[item][1], result) for item, result in zip(left, dealt, strict=True)}
    return [done[item] for item in units]


def _untouched(runs: Sequence[Run]) -> dict[str, UnitResult]:
    """What needs no training, told without a process for it."""
    skipped = ((run, result) for run in runs for result in steps.skip_untouched(run, _names(run)))
    return {f"{run.use_case.name} {result.unit}": result for run, result in skipped}


def one_by_one(step: Step, run: Run, names: Sequence[str]) -> list[UnitResult]:
    """What a step does for some units, one after the other in a process that may die.

    The process imports nothing but `brain`: one started by an Airflow task could not import Airflow.
    """
    done = deal(partial(_do_one, step, run), {name: name for name in names}, workers=1)
    return [survived(name, result) for name, result in zip(names, done, strict=True)]


def _do_one(step: Step, run: Run, name: str) -> UnitResult:
    (result,) = step(run, [name])
    return result


def _names(run: Run) -> tuple[str, ...]:
    """Without filling what the run remembers: it goes to other processes."""
    return tuple(unit.name for unit in run.use_case.units(run.section))


def _train_one(force: bool, unit: tuple[Run, str]) -> UnitResult:
    run, name = unit
    (result,) = steps.train(run, [name], force=force)
    return result
