"""Train, refresh or skip every model, then judge which champions may claim skill.

Decides for each model whether to search, refresh or skip, and records the reason; a candidate
replaces its champion only when it is not worse on the same recent window. `judge` then controls the false
discovery rate over all champions: one without proven skill publishes the base rate. Where the catalogue asks for it,
a new version whose skill fell waits for a person first: that is `approve_models`.

**Starts** `publish_probabilities` by updating the dataset *champions*, also when some units failed: those
keep their champions.

**Retrain GOLD at 25 days now**: ▶ Trigger, pick *GOLD* under *Units* and *RETURNS25* under *Targets*, switch on
*Search anew now*. The tables are published again when it is done.

**A red chunk** holds a unit that failed. Its name begins with ✗, the unit and the reason; all other units went on.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import CHAMPIONS, SNAPSHOTS, every_moment_of, hand_on
from orchestration.params import FAILED_SHARE_PARAM, FORCE_PARAM, targets_param, units_param
from orchestration.tasks import AFTER_THE_CHUNKS, DAG_SETTINGS, report, tell


@dag(
    **DAG_SETTINGS,
    description="Trains, refreshes or skips every model and decides which may claim skill. Trigger it to retrain one.",
    doc_md=__doc__,
    schedule=every_moment_of(SNAPSHOTS),
    tags=["brain", "train"],
    params={
        "units": units_param(),
        "targets": targets_param(),
        "force": FORCE_PARAM,
        "tolerated_share": FAILED_SHARE_PARAM,
    },
)
def train_models() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan(params: dict) -> list[dict]:
        """Deal the units of the catalogue, or those named in the form, into chunks."""
        from orchestration.runs import plan_training

        return plan_training(params["units"], params["targets"])

    @task(
        map_index_template="{{ chunk_name }}",
        doc_md="Search, refresh or skip the models of some units; the log ends with a table. Red: a unit failed.",
    )
    def train(chunk: dict, params: dict) -> list[dict]:
        from orchestration.runs import train_chunk

        return train_chunk(chunk, params["targets"], params["force"])

    @task(outlets=[CHAMPIONS], trigger_rule=AFTER_THE_CHUNKS)
    def judge(results, outlet_events=None) -> dict:
        """Decide over all champions which may claim skill; updates *champions*, which starts the publication."""
        from orchestration.runs import judge_champions, summary
        from orchestration.tasks import current_moment

        judged = judge_champions()
        hand_on(outlet_events, CHAMPIONS, current_moment(), {**summary(results), "judged": judged})
        return judged

    planned = plan()
    results = train.expand(chunk=planned)
    judged = judge(results)
    planned >> judged
    report(planned, results)
    judged >> tell(planned, results)


train_models()
