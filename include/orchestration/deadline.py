"""When the tables of a day are to be there, and what happens when they are not."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

log = logging.getLogger(__name__)

HOURS_VARIABLE = "BRAIN_PUBLISHED_WITHIN_HOURS"
USUAL_HOURS = 4.0
WATCHED = timedelta(hours=11)  # then the day is given up, and its run fails


def is_published() -> bool:
    """Whether every use case has published the moment of the running task, or a newer one."""
    from brain.warehouse.fence import newest_published
    from brain.workspace import open_workspace
    from orchestration.connections import settings_of_task
    from orchestration.tasks import current_moment

    settings, moment = settings_of_task(), current_moment()
    for run in open_workspace(settings).runs(moment):
        newest = newest_published(settings.warehouse_url, run.use_case.name, run.use_case.tables)
        if newest is None or newest < moment.at:
            log.info("%s: %s is not published yet; there is %s", run.use_case.name, moment.at, newest or "nothing")
            return False
    return True


def tell_late(context: dict[str, Any]) -> None:
    """Called by Airflow where the deadline was missed: write it down and tell people."""
    from brain.core.moment import Moment
    from brain.usecases import USE_CASES
    from brain.warehouse import notices as table
    from brain.warehouse.fence import newest_published
    from orchestration import notices, problems
    from orchestration.connections import settings_of_task

    run = context["dag_run"]
    due, url = Moment(datetime.fromisoformat(run["logical_date"])), settings_of_task().warehouse_url
    published = [newest_published(url, use_case.name, use_case.tables) for use_case in USE_CASES.values()]
    newest = min(filter(None, published), default=None)
    link = notices.link_to(run["dag_id"], run["dag_run_id"])
    table.note(url, due, [problems.of_lateness(due, newest, link)])
    notices.deliver(url, due)


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
    callback=SyncCallback(f"{__name__}.{tell_late.__name__}"),
    name="published in time",
)
