"""Read what is new in every source table into the lake, through the quality gate.

Reads the rows of each source table that are new since its watermark, checks them with Great Expectations and
commits a snapshot to the lake. A unit (an asset) that fails keeps its previous snapshot; `report` says which
failed and why, and `data_docs` logs and returns the address of the gate's results as pages.

**Starts** `train_models` by updating the dataset *snapshots*. **Safe to clear**: the same moment gives the same
rows.

**A red chunk** holds a unit that failed. Its name begins with ✗, the unit and the reason; all other units went on.

**Read one asset again now**: ▶ Trigger, pick it under *Units*.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import SNAPSHOTS, hand_on
from orchestration.params import FAILED_SHARE_PARAM, units_param
from orchestration.tasks import AFTER_THE_CHUNKS, DAG_SETTINGS, report, tell


@dag(
    **DAG_SETTINGS,
    description="Reads what is new in every asset's table into the lake, daily at 06:00 UTC.",
    doc_md=__doc__,
    schedule="0 6 * * *",
    tags=["brain", "extract"],
    params={"units": units_param(), "tolerated_share": FAILED_SHARE_PARAM},
)
def extract_assets() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan(params: dict) -> list[dict]:
        """Deal the units of the catalogue, or those named in the form, into chunks."""
        from orchestration.runs import plan_extraction

        return plan_extraction(params["units"])

    @task(
        map_index_template="{{ chunk_name }}",
        doc_md="Read the new rows of some units, check them, and commit them to the lake. Red: a unit failed.",
    )
    def extract(chunk: dict) -> list[dict]:
        from orchestration.runs import extract_chunk

        return extract_chunk(chunk)

    @task(outlets=[SNAPSHOTS], trigger_rule=AFTER_THE_CHUNKS)
    def announce(results, outlet_events=None) -> None:
        """Update the dataset *snapshots*, which starts `train_models`; the event says units and rows."""
        from orchestration.runs import summary
        from orchestration.tasks import current_moment

        hand_on(outlet_events, SNAPSHOTS, current_moment(), summary(results))

    @task(trigger_rule=AFTER_THE_CHUNKS)
    def data_docs() -> str:
        """Render what the quality gate found as pages in the lake; returns their address."""
        from orchestration.runs import document_quality

        return document_quality()

    planned = plan()
    results = extract.expand(chunk=planned)
    announced, documented = announce(results), data_docs()
    planned >> announced
    [planned, results] >> documented
    report(planned, results)
    [announced, documented] >> tell(planned, results)


extract_assets()
