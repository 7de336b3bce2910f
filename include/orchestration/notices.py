"""What a run has met goes into the table `notices`, and from there to people."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import get_current_context
from airflow.sdk.configuration import conf

from brain.core.errors import BrainError, MomentRefused
from brain.core.moment import Moment
from brain.usecases import USE_CASES
from brain.warehouse import notices
from brain.warehouse.alarms import alarms_of
from brain.warehouse.fence import newest_published
from orchestration import problems as words
from orchestration.connections import settings_of_task
from orchestration.delivery import deliver, tell_everybody
from orchestration.tasks import current_moment, silent_units

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from brain.warehouse.notices import Place, Problem

log = logging.getLogger(__name__)

STEPS = {
    "extract_assets": "extract",
    "train_models": "train",
    "approve_models": "approve",
    "publish_probabilities": "score",
    "evaluate_probabilities": "evaluate",
    "tidy_storage": "tidy",
}
WATCHES = "watch_publication"  # which tells of the day that is late, and of nothing else

_SPEAKERS = {"report", "tell"}  # tasks that tell of others

Results = Sequence[Sequence[Mapping[str, Any]]]


def tell_people(planned: Sequence[Mapping[str, Any]] | None, results: Results | None) -> None:
    """Write down what this run has met, and tell what nobody was told yet.

    Args:
        planned: None where `plan` failed; empty for a DAG that has none.
        results: By chunk; None where no chunk told anything.
    """
    context = get_current_context()
    settings = settings_of_task()
    try:
        moment = current_moment()
    except MomentRefused as error:
        log.info("the run is about no moment, so there is nothing to tell: %s", error)
        return
    if newer_published(settings.warehouse_url, moment):
        log.info("the run is about a past moment: whoever asked for it is looking, nobody else is told")
    else:
        _note(context, moment, planned, [result for chunk in results or () for result in chunk])
    deliver(settings, moment)


def step_of(dag_id: str) -> str:
    """The step that a DAG does; one that does every step of a use case goes by its own name."""
    return STEPS.get(dag_id, dag_id)


def newer_published(url: SecretStr, moment: Moment) -> bool:
    """Whether a newer moment was published already."""
    newest = [newest_published(url, use_case.name, use_case.tables) for use_case in USE_CASES.values()]
    return any(found is not None and found > moment.at for found in newest)


def _note(
    context: Any, moment: Moment, planned: Sequence[Mapping[str, Any]] | None, told: Sequence[Mapping[str, Any]]
) -> None:
    run, link, url = context["dag_run"], _link(context), settings_of_task().warehouse_url
    step = step_of(run.dag_id)
    met, sound = words.of_units(step, run.dag_id, told, silent_units(planned or (), told), link)
    stopped, went_well = _tasks(context, step, link)
    if step == "evaluate":
        for use_case in USE_CASES:
            met += words.of_alarms(use_case, alarms_of(url, use_case, moment), link)
    if step == "score" and not stopped:
        went_well.append(words.LATE)
    failed = {problem.place for problem in met}  # in any of the steps that the run does
    notices.note(url, moment, [*met, *stopped], [*(place for place in sound if place not in failed), *went_well])


def tell_due() -> None:
    """Tell what nobody was told yet and may be told by now: after quiet hours, or once a mail server is back."""
    deliver(settings_of_task(), current_moment())


def tell_late(due: Moment, newest: datetime | None) -> None:
    """Tell that the tables of a moment are not there in time; told once."""
    settings, link = settings_of_task(), _link(get_current_context())
    notices.note(settings.warehouse_url, due, [words.of_lateness(due, newest, link)])
    deliver(settings, due)


def tell_failure(context: Any) -> None:
    """Tell that a task failed for good, where no unit is to blame; never raises, so that nothing hides the failure."""
    ti = context["ti"]
    if ti.map_index >= 0 or ti.task_id in _SPEAKERS or ti.dag_id == WATCHES or _is_watched(context):
        return  # `tell` speaks for units, the deadline for the day that is late
    reason = str(context.get("exception") or "its process died")
    problem = words.of_task(step_of(ti.dag_id), ti.task_id, reason, _link(context))
    try:
        _tell_at_once(problem, context)
    except Exception as error:
        log.error("nobody could be told: %s", error)


def _tell_at_once(problem: Problem, context: Any) -> None:
    try:
        settings, moment = settings_of_task(), current_moment(context)
        notices.note(settings.warehouse_url, moment, [problem])
    except BrainError as error:
        log.error("told without the table `notices`, which cannot be written: %s", error)
        tell_everybody([problem])
    else:
        deliver(settings, moment)


def _tasks(context: Any, step: str, link: str) -> tuple[list[Problem], list[Place]]:
    """The run's other tasks that failed by themselves, and those that went well; chunks speak by their units."""
    run = context["dag_run"]
    states = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id]).get(run.run_id, {})
    alone = {task.task_id for task in context["dag"].tasks if not task.is_mapped} - _SPEAKERS
    failed = [] if _is_watched(context) else [name for name in sorted(alone) if states.get(name) == "failed"]
    well = [name for name in sorted(alone) if states.get(name) == "success"]
    stopped = [words.of_task(step, name, "see its log", link) for name in failed]
    return stopped, [words.of_task(step, name, "", "").place for name in well]


def _is_watched(context: Any) -> bool:
    """Whether a person started the run, who sees what becomes of it: a slip in the form is nobody else's business."""
    return bool(context["dag_run"].run_type == "manual")


def link_to(dag_id: str, run_id: str) -> str:
    """Address of a run in Airflow's UI; empty where Airflow does not know its own."""
    address = conf.get("api", "base_url", fallback="") or ""
    path = f"/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    return f"{address.rstrip('/')}{path}" if address.startswith("http") else ""


def _link(context: Any) -> str:
    return link_to(context["dag_run"].dag_id, context["dag_run"].run_id)
