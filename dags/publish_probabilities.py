"""Score the newest rows and replace the published tables in one transaction.

Scores the newest row of every unit (an asset) through its champions, checks the result with Great Expectations
and replaces the published tables, `Probabilities`, `probability_details` and `probability_reasons`, in one
transaction; `probability_history` gains what changed. A row that cannot be scored keeps its last published value,
marked stale, and `report` says why. docs/tables.md describes each table.

**Publish again for a past day**: ▶ Trigger, choose the day under *Publish again for a past day*. The champions of that
day score what was known then; a newer publication stays in the tables, and `probability_history` gains what it lacks.

**A red chunk** holds a unit that failed. Its name begins with ✗, the unit and the reason; all other units went on.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import CHAMPIONS, PROBABILITIES, every_moment_of, hand_on
from orchestration.params import DAY_PARAM, FAILED_SHARE_PARAM
from orchestration.tasks import AFTER_THE_CHUNKS, DAG_SETTINGS, report, tell


@dag(
    **DAG_SETTINGS,
    description="Scores the newest rows and replaces the published tables. Trigger it to publish again for a past day.",
    doc_md=__doc__,
    schedule=every_moment_of(CHAMPIONS),
    tags=["brain", "publish"],
    params={"day": DAY_PARAM, "tolerated_share": FAILED_SHARE_PARAM},
)
def publish_probabilities() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan() -> list[dict]:
        """Deal the units of the catalogue into chunks: always all, because the tables show all."""
        from orchestration.runs import plan_scoring

        return plan_scoring()

    @task(
        map_index_template="{{ chunk_name }}",
        doc_md="Score the newest rows of some units through their champions. Red: a row could not be scored.",
    )
    def score(chunk: dict) -> list[dict]:
        from orchestration.runs import score_chunk

        return score_chunk(chunk)

    @task(outlets=[PROBABILITIES], trigger_rule=AFTER_THE_CHUNKS)
    def publish(planned: list[dict], outlet_events=None) -> dict:
        """Check the rows and replace the published tables in one transaction; updates *probabilities*."""
        from orchestration.runs import publish_scores, rows_by_table
        from orchestration.tasks import current_moment

        publications = publish_scores(planned)
        hand_on(outlet_events, PROBABILITIES, current_moment(), rows_by_table(publications))
        return publications

    planned = plan()
    results = score.expand(chunk=planned)
    published = publish(planned)
    results >> published
    report(planned, results)
    published >> tell(planned, results)


publish_probabilities()
