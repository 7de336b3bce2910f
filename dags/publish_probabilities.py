"""Score the newest rows and replace the published tables in one transaction.

Scores the newest row of every unit (an asset) through its champions, checks the result with Great Expectations
and replaces the published tables, `Probabilities`, `probability_details` and `probability_reasons`, in one
transaction; `probability_history` gains what changed. A row that cannot be scored keeps its last published value,
marked stale, and `report` says why. docs/tables.md describes each table.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import CHAMPIONS, PROBABILITIES, every_moment_of, hand_on
from orchestration.tasks import AFTER_THE_CHUNKS, DAG_SETTINGS, FAILED_SHARE_PARAM, report


@dag(
    **DAG_SETTINGS,
    doc_md=__doc__,
    schedule=every_moment_of(CHAMPIONS),
    params={"tolerated_share": FAILED_SHARE_PARAM},
)
def publish_probabilities() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan() -> list[dict]:
        from orchestration.runs import plan_scoring

        return plan_scoring()

    @task(map_index_template="{{ chunk_name }}")
    def score(chunk: dict) -> list[dict]:
        from orchestration.runs import score_chunk

        return score_chunk(chunk)

    @task(outlets=[PROBABILITIES], trigger_rule=AFTER_THE_CHUNKS)
    def publish(planned: list[dict], outlet_events=None) -> dict:
        from orchestration.runs import publish_scores
        from orchestration.tasks import current_moment

        hand_on(outlet_events, PROBABILITIES, current_moment())
        return publish_scores(planned)

    planned = plan()
    results = score.expand(chunk=planned)
    results >> publish(planned)
    report(planned, results)


publish_probabilities()
