"""What the tasks do: open the workspace, call the step, tell what happened. Imported inside tasks only."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from brain import steps
from brain.core.errors import BrainError, Transient
from brain.pipeline import Step, one_by_one
from brain.results import UnitResult, table_lines
from brain.usecases import USE_CASES
from brain.usecases.protocol import Run
from brain.workspace import Work, choose, open_workspace
from orchestration.connections import settings_of_task
from orchestration.slots import slots
from orchestration.tasks import Dealing, chunk_label, chunks, current_moment

if TYPE_CHECKING:
    from brain.workspace import Workspace

log = logging.getLogger(__name__)

# docs/decisions/chunks-not-tasks.md says why.
EXTRACT_CHUNKS = Dealing(a_slot=1, smallest=1, largest=250)
TRAIN_CHUNKS = Dealing(a_slot=3, smallest=1, largest=50)
SCORE_CHUNKS = Dealing(a_slot=1, smallest=100, largest=500)

OURS = frozenset({"brain", "orchestration", "airflow", "task"})  # whose progress a log tells
_NAMED = 20  # failed units that an event names

Chunk = dict[str, Any]  # {"use_case": name, "units": [names]}, as it travels between tasks


def plan_extraction(units: Sequence[str] | None) -> list[Chunk]:
    """Chunks of units to extract."""
    work = _chosen(units or ())
    _expect(work, "extract", sum(len(one.units) for one in work))
    return _dealt(work, EXTRACT_CHUNKS)


def plan_training(units: Sequence[str] | None, targets: Sequence[str] | None) -> list[Chunk]:
    """Chunks of units to train."""
    work = _chosen(units or (), targets or ())
    _expect(work, "train", sum(one.models for one in work))
    return _dealt(work, TRAIN_CHUNKS)


def plan_scoring() -> list[Chunk]:
    """Chunks of units to score: always all, because the published tables show all."""
    work = _chosen()
    _expect(work, "score", sum(len(one.units) for one in work))
    _expect(work, "publish", len(work))
    return _dealt(work, SCORE_CHUNKS)


def plan_use_case(name: str) -> list[Chunk]:
    """Chunks of all units of one use case, for a DAG that does every step for it."""
    work = choose(_workspace(), current_moment(), use_case=name)
    for step in ("extract", "score"):
        _expect(work, step, sum(len(one.units) for one in work))
    _expect(work, "train", sum(one.models for one in work))
    _expect(work, "publish", len(work))
    return _dealt(work, SCORE_CHUNKS)


def extract_chunk(chunk: Chunk) -> list[dict[str, Any]]:
    """Extract some units."""
    return _tell_chunk(chunk, _contained(chunk, steps.extract))


def document_quality() -> str:
    """Render the quality gate's results; returns the address of the pages."""
    address = steps.document(_workspace().runs(current_moment())[0])
    log.info("Data Docs: %s", address)
    return address


def tidy_up() -> list[dict[str, Any]]:
    """Delete what nobody needs any more."""
    return _tell(steps.tidy(_workspace(), current_moment()))


def train_chunk(chunk: Chunk, targets: Sequence[str] | None, force: bool | None) -> list[dict[str, Any]]:
    """Train some units' models."""
    wanted = tuple(map(USE_CASES[chunk["use_case"]].target, targets or ()))
    return _tell_chunk(chunk, _contained(chunk, partial(steps.train, targets=wanted, force=bool(force))))


def judge_champions() -> dict[str, Any]:
    """Decide for every use case which champions may claim skill."""
    return steps.each(_workspace().runs(current_moment()), lambda run: dict(steps.judge(run)))


def score_chunk(chunk: Chunk) -> list[dict[str, Any]]:
    """Score some units' newest rows."""
    return _tell_chunk(chunk, _work(chunk, steps.score, lambda step, run, units: step(run, units)))


def publish_scores(planned: list[Chunk]) -> dict[str, Any]:
    """Publish what the chunks scored, each of their use cases in a transaction of its own."""

    def publish(run: Run) -> dict[str, Any]:
        own = [chunk["units"] for chunk in planned if chunk["use_case"] == run.use_case.name]
        publication = asdict(steps.publish(run, own))
        return {name: str(value) if isinstance(value, datetime) else value for name, value in publication.items()}

    dealt = {chunk["use_case"] for chunk in planned}
    runs = [run for run in _workspace().runs(current_moment()) if run.use_case.name in dealt]
    return steps.each(runs, publish)


def evaluate_ledgers() -> list[dict[str, Any]]:
    """Score what has come true of every use case's numbers."""
    found = steps.each(_workspace().runs(current_moment()), steps.evaluate)
    lines = [(name, one) for name, evaluations in found.items() for one in evaluations]
    return _tell([UnitResult(f"{name} {one.ledger}", True, one.line()) for name, one in lines])


def summary(results: Sequence[Sequence[Mapping[str, Any]]] | None) -> dict[str, Any]:
    """What the event of a dataset says of the chunks behind it: units, rows, and models by what was done for them.

    Args:
        results: By chunk; None where no chunk told anything.
    """
    told = [result for chunk in results or () for result in chunk]
    failed = [result["unit"] for result in told if not result["ok"]]
    models: Counter[str] = sum((Counter(result["done"]) for result in told), Counter())
    return {
        "units": len(told) - len(failed),
        "failed_units": failed[:_NAMED],
        **({"rows": sum(result["rows"] for result in told)} if any(result["rows"] for result in told) else {}),
        **({"models": {"all": models.total(), **models}} if models else {}),
    }


def gathered(*results: Sequence[Sequence[Mapping[str, Any]]] | None) -> list[list[dict[str, Any]]]:
    """What several steps told, as of one; None where no chunk of a step told anything."""
    return [[dict(result) for result in chunk] for step in results for chunk in step or ()]


def rows_by_table(publications: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the event of the published tables says: by use case and table, how many rows are fresh and stale."""
    return {
        use_case: {
            table: {"rows": counts["fresh"], "stale": counts["stale"]} for table, counts in one["tables"].items()
        }
        for use_case, one in publications.items()
    }


def _workspace() -> Workspace:
    _leave_out_noise()
    return open_workspace(settings_of_task())


def _leave_out_noise() -> None:
    """Keep out of the tasks' logs what libraries say of themselves; their warnings and errors are told."""
    warnings.filterwarnings("ignore")
    for handler in logging.getLogger().handlers:
        handler.addFilter(_worth_telling)


def _worth_telling(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in OURS


def _run(chunk: Chunk) -> Run:
    return _workspace().run(chunk["use_case"], current_moment())


def _work(
    chunk: Chunk, step: Step, retried: Callable[[Step, Run, Sequence[str]], list[UnitResult]]
) -> list[UnitResult]:
    """A step's results for a chunk; an error that stops all of it is the result of each unit, so that it is reported.

    Args:
        retried: How the step is done when the chunk is tried again.
    """
    _name_chunk(chunk)
    try:
        run = _run(chunk)
        if get_current_context()["ti"].try_number <= 1:
            return step(run, chunk["units"])
        return retried(step, run, chunk["units"])
    except BrainError as error:
        return [UnitResult(name, False, str(error), error) for name in chunk["units"]]


def _contained(chunk: Chunk, step: Step) -> list[UnitResult]:
    """When the chunk is tried again, each unit is dealt to a process that may die.

    The first try may have died of one unit; that unit must not cost the others of its chunk theirs.
    """
    return _work(chunk, step, one_by_one)


def _chosen(units: Sequence[str] = (), targets: Sequence[str] = ()) -> list[Work]:
    return choose(_workspace(), current_moment(), units, targets)


def _expect(work: Sequence[Work], step: str, total: int) -> None:
    for one in work[:1]:  # all runs of a moment report to one log
        one.run.progress.expect(step, total)


def _dealt(work: Sequence[Work], dealing: Dealing) -> list[Chunk]:
    at_once = slots()
    return [
        {"use_case": one.run.use_case.name, "units": names}
        for one in work
        for names in chunks(one.names, at_once, dealing)
    ]


def _name_chunk(chunk: Chunk, failed: Mapping[str, str] | None = None) -> None:
    cast("dict[str, Any]", get_current_context())["chunk_name"] = chunk_label(chunk["units"], failed)


def _tell(results: Sequence[UnitResult], use_case: str = "") -> list[dict[str, Any]]:
    """The results as plain values for the report."""
    for line in table_lines(results):
        log.info("%s", line)
    return [
        {
            "use_case": use_case,
            "unit": result.unit,
            "ok": result.ok,
            "reason": result.reason,
            "quarantined": result.quarantined,
            "rows": result.rows,
            "done": dict(Counter(model.done for model in result.models)),
        }
        for result in results
    ]


def _tell_chunk(chunk: Chunk, results: Sequence[UnitResult]) -> list[dict[str, Any]]:
    """The results of a chunk; where a unit failed its task fails, so that it shows, after all were handed on.

    Raises:
        Transient: A unit met a failure that may pass; the chunk is tried again.
        AirflowFailException: A unit failed for good.
    """
    told = _tell(results, chunk["use_case"])
    failed = {result.unit: result.reason for result in results if not result.ok}
    _name_chunk(chunk, failed)
    if not failed:
        return told
    get_current_context()["ti"].xcom_push(key="return_value", value=told)
    for name, reason in failed.items():
        log.error("%s failed: %s", name, reason)
    passing = next((result.error for result in results if isinstance(result.error, Transient)), None)
    if passing is not None:
        raise passing
    raise AirflowFailException(
        f"{len(failed)} of {len(results)} units failed ({', '.join(failed)}); the lines above say why each."
        " The others went through and go on."
    )
