"""Taking back what was made for moments that have not come, so that the next run starts from the last state before.

One run dated in the future (a wrong clock, a typo in `--until`) makes the lake, the models and the published tables
know what nobody can know yet; every later run then stands behind it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from brain.core.errors import BrainError
from brain.lake import taking_back as lake_back
from brain.results import UnitResult
from brain.steps import run_folders
from brain.store import taking_back as store_back
from brain.warehouse import feature_drift
from brain.warehouse import taking_back as warehouse_back
from brain.warehouse.evaluation import scored_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from brain.core.moment import Moment
    from brain.usecases.protocol import Run
    from brain.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repair:
    """One thing to be taken back.

    Args:
        run: By which it is done.
        subject: Whose it is.
        told: What is removed, and what takes its place.
        do: Does it.
    """

    run: Run
    subject: str
    told: str
    do: Callable[[], object]


def find_repairs(workspace: Workspace, after: Moment) -> list[Repair]:
    """What has to be taken back that was made for moments later than `after`; nothing is changed yet."""
    runs = workspace.runs(after)
    return [*(found for run in runs for found in _of_use_case(run, after)), *_of_runs(runs, after)]


def carry_out(repairs: Sequence[Repair]) -> list[UnitResult]:
    """Take back what was found; what cannot be taken back says why and stops nothing else."""
    results = [_carried_out(one) for one in repairs]
    for run in {id(one.run): one.run for one in repairs}.values():
        run.lake.keep_counters()
        run.counters.keep()
    return results


def _carried_out(repair: Repair) -> UnitResult:
    try:
        repair.do()
    except BrainError as error:
        log.error("%s: %s", repair.subject, error)
        return UnitResult(repair.subject, False, str(error), error)
    return UnitResult(repair.subject, True, repair.told)


def _of_use_case(run: Run, after: Moment) -> Iterator[Repair]:
    yield from _snapshots(run, after)
    yield from _models(run, after)
    yield from _published(run, after)


def _snapshots(run: Run, after: Moment) -> Iterator[Repair]:
    space = run.use_case.space
    for name in run.lake.names(space):
        if versions := lake_back.versions_after(run.lake, space, name, after):
            do = partial(lake_back.take_back, run.lake, space, name, after)
            yield Repair(run, f"snapshots of {name}", f"{_versions(versions)} removed", do)


def _models(run: Run, after: Moment) -> Iterator[Repair]:
    for later in store_back.later_models(run.store, after):
        do = partial(store_back.take_back, run.store, later, after)
        yield Repair(run, str(later.key), _told(later), do)
    if decisions := store_back.later_decisions(run.store, after):
        do_forget = partial(store_back.forget_decisions, run.store, after)
        yield Repair(run, f"decisions of {run.use_case.name}", f"{decisions} removed", do_forget)


def _published(run: Run, after: Moment) -> Iterator[Repair]:
    url, name, tables = run.settings.warehouse_url, run.use_case.name, run.use_case.tables
    later_scores = scored_after(url, name, run.use_case.ledgers, after)
    if later_scores or warehouse_back.publications_after(url, name, tables, after):
        derived = run.use_case.derived(run.section)
        do = partial(warehouse_back.take_back, url, name, tables, derived, after, run.use_case.ledgers)
        told = "what was published later removed, from the histories too; the last rows before it shown as stale;"
        told += " what was scored later is open again"
        yield Repair(run, f"published tables of {name}", told, do)
    if extractions := warehouse_back.extractions_after(url, name, after):
        do_forget = partial(warehouse_back.forget_extractions, url, name, after)
        yield Repair(run, f"extraction_runs of {name}", f"{extractions} rows removed", do_forget)
    if measured := feature_drift.measured_after(url, name, after):
        do_forget = partial(feature_drift.forget_measured, url, name, after)
        yield Repair(run, f"feature_drift of {name}", f"{measured} rows removed", do_forget)


def _of_runs(runs: Sequence[Run], after: Moment) -> Iterator[Repair]:
    if runs and (folders := lake_back.runs_after(runs[0].lake, run_folders(), after)):
        do = partial(_delete_folders, runs[0], folders)
        yield Repair(runs[0], "runs", f"{len(folders)} folders of scores, shares and results removed", do)


def _delete_folders(run: Run, folders: Sequence[str]) -> None:
    for folder in folders:
        run.lake.storage.delete_folder(folder)


def _told(later: store_back.Later) -> str:
    removed = f"{_versions(later.versions)} removed" if later.versions else "no version removed"
    if later.restored is None:
        return f"{removed}; there was none before"
    if later.champion in (None, later.restored):
        return f"{removed}; champion still v{later.restored}, to be judged again"
    return f"{removed}; champion v{later.restored} again instead of v{later.champion}"


def _versions(numbers: Sequence[int]) -> str:
    return "version " + ", ".join(f"v{number}" for number in sorted(numbers))
