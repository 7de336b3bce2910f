"""When the tables of a day are to be there, and what happens when they are not."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

if TYPE_CHECKING:
    from brain.usecases.protocol import Run

log = logging.getLogger(__name__)

HOURS_VARIABLE = "BRAIN_PUBLISHED_WITHIN_HOURS"
USUAL_HOURS = 4.0
WATCHED = timedelta(hours=11)  # then the day is given up, and its run fails


def is_published() -> bool:
    """Whether every use case has published the moment of the running task; people are told once where it is late."""
    from brain.workspace import open_workspace
    from orchestration import notices
    from orchestration.connections import settings_of_task
    from orchestration.tasks import current_moment

    moment = current_moment()
    workspace = open_workspace(settings_of_task())
    newest = {run.use_case.name: newest_published(run) for run in workspace.runs(moment)}
    missing = {name: found for name, found in newest.items() if found is None or found < moment.at}
    for name, found in missing.items():
        log.info("%s: %s is not published yet; there is %s", name, moment.at, found or "nothing")
    if missing and datetime.now(UTC) > moment.at + timedelta(hours=hours()):
        oldest = None if None in missing.values() else min(filter(None, missing.values()))
        notices.tell_late(moment, oldest)
    return not missing


def newest_published(run: Run) -> datetime | None:
    """The newest moment that a use case has published."""
    from brain.warehouse import fence

    return fence.newest_published(run.settings.warehouse_url, run.use_case.name, run.use_case.tables)


def note_missed(context: dict[str, Any]) -> None:
    """Called by Airflow where the deadline was missed, which then shows on the run.

    People are told by the task that watches: Airflow 3.3 refuses Connections to the process of such a callback.
    """
    log.warning("%s was not published by %s", context["dag_run"]["logical_date"], context["deadline"]["deadline_time"])


def hours() -> float:
    """How long after its moment a day is to be published: `BRAIN_PUBLISHED_WITHIN_HOURS`, else 4.

    A value that is no number of hours is told in the log of the DAG processor and not used.
    """
    given = os.environ.get(HOURS_VARIABLE, "")
    try:
        found = float(given) if given else USUAL_HOURS
    except ValueError:
        found = 0.0
    if 0 < found < WATCHED / timedelta(hours=1):
        return found
    log.warning("%s: found %r; expected hours, such as 4, below 11. Taking %g.", HOURS_VARIABLE, given, USUAL_HOURS)
    return USUAL_HOURS


IN_TIME = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
    interval=timedelta(hours=hours()),
    callback=SyncCallback(f"{__name__}.{note_missed.__name__}"),
    name="published in time",
)
