"""Train, refresh or skip every model, then judge which champions may claim skill.

Decides for each model whether to search, refresh or skip, and records the reason; a candidate
replaces its champion only when it is not worse on the same recent window. `judge` then controls the false
discovery rate over all champions: one without proven skill publishes the base rate.

**Starts** `publish_probabilities` by updating the dataset *champions*, also when some units failed: those
keep their champions. **Force full training** in the trigger form searches anew.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import CHAMPIONS, SNAPSHOTS, every_moment_of, hand_on
from orchestration.tasks import (
    AFTER_THE_CHUNKS,
    DAG_SETTINGS,
    FAILED_SHARE_PARAM,
    FORCE_PARAM,
    TARGETS_PARAM,
    UNITS_PARAM,
    report,
)


@dag(
    **DAG_SETTINGS,
    doc_md=__doc__,
    schedule=every_moment_of(SNAPSHOTS),
    params={
        "units": UNITS_PARAM,
        "targets": TARGETS_PARAM,
        "force": FORCE_PARAM,
        "tolerated_share": FAILED_SHARE_PARAM,
    },
)
def train_models() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan(params: dict) -> list[dict]:
        from orchestration.runs import plan_training

        return plan_training(params["units"], params["targets"])

    @task(map_index_template="{{ chunk_name }}")
    def train(chunk: dict, params: dict) -> list[dict]:
        from orchestration.runs import train_chunk

        return train_chunk(chunk, params["targets"], params["force"])

    @task(outlets=[CHAMPIONS], trigger_rule=AFTER_THE_CHUNKS)
    def judge(outlet_events=None) -> dict:
        from orchestration.runs import judge_champions
        from orchestration.tasks import current_moment

        hand_on(outlet_events, CHAMPIONS, current_moment())
        return judge_champions()

    planned = plan()
    results = train.expand(chunk=planned)
    [planned, results] >> judge()
    report(planned, results)


train_models()
