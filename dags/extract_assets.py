"""Read what is new in every source table into the lake, through the quality gate.

Reads the rows of each source table that are new since its watermark, checks them with Great Expectations and
commits a snapshot to the lake. A unit (an asset) that fails keeps its previous snapshot; `report` says which
failed and why, and `data_docs` logs and returns the address of the gate's results as pages.

**Starts** `train_models` by updating the dataset *snapshots*. **Safe to clear**: the same moment gives the same
rows.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import SNAPSHOTS, hand_on
from orchestration.tasks import AFTER_THE_CHUNKS, DAG_SETTINGS, FAILED_SHARE_PARAM, UNITS_PARAM, report


@dag(
    **DAG_SETTINGS,
    doc_md=__doc__,
    schedule="0 6 * * *",
    params={"units": UNITS_PARAM, "tolerated_share": FAILED_SHARE_PARAM},
)
def extract_assets() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan(params: dict) -> list[dict]:
        from orchestration.runs import plan_extraction

        return plan_extraction(params["units"])

    @task(map_index_template="{{ chunk_name }}")
    def extract(chunk: dict) -> list[dict]:
        from orchestration.runs import extract_chunk

        return extract_chunk(chunk)

    @task(outlets=[SNAPSHOTS], trigger_rule=AFTER_THE_CHUNKS)
    def announce(outlet_events=None) -> None:
        from orchestration.tasks import current_moment

        hand_on(outlet_events, SNAPSHOTS, current_moment())

    @task(trigger_rule=AFTER_THE_CHUNKS)
    def data_docs() -> str:
        from orchestration.runs import document_quality

        return document_quality()

    planned = plan()
    results = extract.expand(chunk=planned)
    [planned, results] >> announce()
    [planned, results] >> data_docs()
    report(planned, results)


extract_assets()
