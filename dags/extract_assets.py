"""Read what is new in every asset's table into the lake, through the quality gate.

Reads the rows of each asset's source table that are new since its watermark, checks them with Great
Expectations and commits a snapshot to the lake. An asset that fails keeps its previous snapshot; `report`
says which failed and why, and `data_docs` logs and returns the address of the gate's verdicts as pages.

**Starts** `train_models` by updating the dataset *snapshots*. **Safe to clear**: the same interval gives the
same rows.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import SNAPSHOTS
from orchestration.tasks import ASSETS_PARAM, DAG_SETTINGS, FAILED_SHARE_PARAM, report


@dag(
    **DAG_SETTINGS,
    doc_md=__doc__,
    schedule="0 6 * * *",
    params={"assets": ASSETS_PARAM, "tolerated_share": FAILED_SHARE_PARAM},
)
def extract_assets() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan(params: dict) -> list[list[str]]:
        from orchestration.runs import plan_extraction

        return plan_extraction(params["assets"])

    @task(map_index_template="{{ chunk_name }}")
    def extract(names: list[str]) -> list[dict]:
        from orchestration.runs import extract_chunk

        return extract_chunk(names)

    @task(outlets=[SNAPSHOTS], trigger_rule="all_done")
    def announce(outlet_events=None) -> None:
        from orchestration.tasks import current_moment, hand_on

        outlet_events[SNAPSHOTS].extra = hand_on(current_moment())

    @task(trigger_rule="all_done")
    def data_docs() -> str:
        from orchestration.runs import document_quality

        return document_quality()

    planned = plan()
    outcomes = extract.expand(names=planned)
    outcomes >> announce()
    outcomes >> data_docs()
    report(planned, outcomes)


extract_assets()
