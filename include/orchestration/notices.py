"""Telling people: problems go into the table `notices`, and from there once into a mail and once to a webhook.

Each way is off until its Airflow Connection exists: `brain_smtp` (type SMTP; recipients under `to` in its extra field)
and `brain_webhook` (type HTTP; the whole address as its host).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Connection, get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from brain.core.errors import BrainError, MomentRefused, SettingsError
from brain.core.moment import Moment
from brain.usecases import USE_CASES
from brain.warehouse import notices
from brain.warehouse.alarms import alarms_of
from brain.warehouse.fence import newest_published
from orchestration import problems as words
from orchestration.connections import settings_of_task
from orchestration.tasks import current_moment, silent_units

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from brain.warehouse.notices import Channel, Place, Problem

log = logging.getLogger(__name__)

SMTP, WEBHOOK = "brain_smtp", "brain_webhook"
SECONDS = 20  # a webhook may take
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
    url = settings_of_task().warehouse_url
    try:
        moment = current_moment()
    except MomentRefused as error:
        log.info("the run is about no moment, so there is nothing to tell: %s", error)
        return
    if newer_published(url, moment):
        log.info("the run is about a past moment: whoever asked for it is looking, nobody else is told")
    else:
        _note(context, moment, planned, [result for chunk in results or () for result in chunk])
    deliver(url, moment)


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


def deliver(url: SecretStr, moment: Moment) -> None:
    """Tell by every way that is on what was not told by it yet.

    Raises:
        Exception: The last one, where a way failed; the others had their turn, and the next try takes that way only.
    """
    failed: Exception | None = None
    for channel, send in _ways():
        try:
            count = notices.deliver(url, moment, channel, send)
        except Exception as error:  # one way must not keep the other from being tried
            log.error("not told (%s): %s", channel.removesuffix("_at"), error)
            failed = error
        else:
            log.info("%d new problems told (%s)", count, channel.removesuffix("_at"))
    if failed is not None:
        raise failed


def tell_late(due: Moment, newest: datetime | None) -> None:
    """Tell that the tables of a moment are not there in time; told once."""
    url, link = settings_of_task().warehouse_url, _link(get_current_context())
    notices.note(url, due, [words.of_lateness(due, newest, link)])
    deliver(url, due)


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
        url, moment = settings_of_task().warehouse_url, current_moment(context)
        notices.note(url, moment, [problem])
    except BrainError as error:
        log.error("told without the table `notices`, which cannot be written: %s", error)
        for _, send in _ways():
            send([problem])
    else:
        deliver(url, moment)


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


def _ways() -> Iterable[tuple[Channel, Callable[[Sequence[Problem]], None]]]:
    """The ways that are on."""
    if (smtp := _connection(SMTP)) is not None:
        yield "mailed_at", lambda problems: _mail(smtp, problems)
    if _connection(WEBHOOK) is not None:
        yield "posted_at", _post


def _mail(connection: Any, problems: Sequence[Problem]) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    given = connection.extra_dejson.get("to") or ()
    to = [address.strip() for address in given.split(",")] if isinstance(given, str) else list(given)
    if not to:
        raise SettingsError(
            f"the Airflow Connection {SMTP}",
            found="no recipient",
            expected='an extra field such as {"from_email": "brain@example.com", "to": "team@example.com"}',
            remedy="Add it to the Connection.",
        )
    subject, html = words.subject_of(problems), words.html_of(problems)
    # `notify`, not a call: a call would take what stands in a name or reason for a template.
    SmtpNotifier(to=to, subject=subject, html_content=html, smtp_conn_id=SMTP).notify({})


def _post(problems: Sequence[Problem]) -> None:
    from airflow.providers.http.notifications.http import HttpNotifier

    body = {
        "text": f"{words.subject_of(problems)}\n\n{words.text_of(problems)}",
        "problems": [
            {
                "use_case": problem.place.use_case,
                "step": problem.place.step,
                "subject": problem.place.subject,
                "kind": problem.kind,
                "happened": problem.happened,
                "still_right": problem.still_right,
                "to_do": problem.to_do,
                "link": problem.link,
            }
            for problem in problems
        ],
    }
    HttpNotifier(http_conn_id=WEBHOOK, json=body, extra_options={"timeout": SECONDS}).notify({})


def _connection(name: str) -> Any | None:
    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None


def link_to(dag_id: str, run_id: str) -> str:
    """Address of a run in Airflow's UI; empty where Airflow does not know its own."""
    address = conf.get("api", "base_url", fallback="") or ""
    path = f"/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    return f"{address.rstrip('/')}{path}" if address.startswith("http") else ""


def _link(context: Any) -> str:
    return link_to(context["dag_run"].dag_id, context["dag_run"].run_id)
