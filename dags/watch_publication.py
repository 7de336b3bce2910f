"""Wait until today's tables are published, and tell people when they are late.

Starts with `extract_assets` and waits for what `publish_probabilities` makes of the same moment. Where it is not
there four hours later (`BRAIN_PUBLISHED_WITHIN_HOURS` says otherwise), the missed deadline shows on the run, and a
message goes out where the Connection `brain_smtp` or `brain_webhook` exists. A DAG that is paused, or whose run hangs,
tells nobody by itself: this one does. It is given up, red, after eleven hours.

It is paused until you switch it on.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from orchestration.deadline import IN_TIME, WATCHED
from orchestration.tasks import DAG_SETTINGS


@dag(
    **DAG_SETTINGS,
    description="Tells people when today's tables are not published in time.",
    doc_md=__doc__,
    schedule="0 6 * * *",
    tags=["brain", "publish"],
    deadline=IN_TIME,
)
def watch_publication() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task.sensor(mode="reschedule", poke_interval=timedelta(minutes=5), timeout=WATCHED)
    def published() -> bool:
        """Ask the warehouse every five minutes whether this moment, or a newer one, is published."""
        from orchestration.deadline import is_published

        return is_published()

    published()


watch_publication()
