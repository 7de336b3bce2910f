"""Delete old snapshots, model versions and what past runs left over, once a week.

The catalogue's `retention` says how long snapshots and versions are kept. What a champion was trained on, and
every version behind a number published within the audit window, stays, so that `brain replay` can answer for it.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.params import FAILED_SHARE_PARAM
from orchestration.tasks import DAG_SETTINGS, report, tell


@dag(
    **DAG_SETTINGS,
    description="Deletes once a week what retention no longer needs. Switch it on when you have read its page.",
    tags=["brain", "tidy"],
    doc_md=__doc__,
    schedule="0 3 * * 0",
    params={"tolerated_share": FAILED_SHARE_PARAM},
)
def tidy_storage() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def tidy() -> list[list[dict]]:
        """Delete old snapshots and model versions, and what past runs left in the lake."""
        from orchestration.runs import tidy_up

        return [tidy_up()]

    results = tidy()
    report([], results)
    tell([], results)


tidy_storage()
