"""Place every customer in her segment anew when orders have arrived, without waiting for the night's run.

Reads the orders that are new, forms the segments anew if their time has come, places every customer and replaces the
tables `customer_segments` and `segment_profiles` in one transaction. It does for the use case `segments` alone what
`extract_assets`, `train_models` and `publish_probabilities` do daily for all. What cannot be made keeps its last rows,
marked stale, and `report` says why. docs/segments.md says what the tables are good for.

**Starts** when whoever loads the orders updates the dataset *orders* with the moment as the partition; then updates the
dataset *segments*. **By hand**: ▶ Trigger; *Search anew now* forms the segments anew. **Safe to clear**: the same
moment gives the same rows.
"""

from __future__ import annotations

from airflow.sdk import Asset as Dataset
from airflow.sdk import dag, task

from orchestration.datasets import every_moment_of, hand_on
from orchestration.params import FAILED_SHARE_PARAM, FORCE_PARAM
from orchestration.tasks import AFTER_THE_CHUNKS, DAG_SETTINGS, report, tell

ORDERS = Dataset(name="orders", uri="brain://source/orders", group="brain")
SEGMENTS = Dataset(name="segments", uri="brain://warehouse/segments", group="brain")


@dag(
    **DAG_SETTINGS,
    description="Places every customer in her segment when orders have arrived; trigger it to do so now.",
    doc_md=__doc__,
    schedule=every_moment_of(ORDERS),
    tags=["brain", "publish"],
    params={"force": FORCE_PARAM, "tolerated_share": FAILED_SHARE_PARAM},
)
def segment_customers() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def plan() -> list[dict]:
        """Find the shop of the use case `segments` in the catalogue."""
        from orchestration.runs import plan_use_case

        return plan_use_case("segments")

    @task(map_index_template="{{ chunk_name }}", doc_md="Read the new orders and linked tables. Red: one was refused.")
    def extract(chunk: dict) -> list[dict]:
        from orchestration.runs import extract_chunk

        return extract_chunk(chunk)

    @task(
        map_index_template="{{ chunk_name }}",
        trigger_rule=AFTER_THE_CHUNKS,
        doc_md="Form the segments anew if their time has come. Red: they could not be formed.",
    )
    def train(chunk: dict, params: dict) -> list[dict]:
        from orchestration.runs import train_chunk

        return train_chunk(chunk, None, params["force"])

    @task(
        map_index_template="{{ chunk_name }}",
        trigger_rule=AFTER_THE_CHUNKS,
        doc_md="Place every customer in her segment. Red: it was not possible; the last rows stay, marked stale.",
    )
    def score(chunk: dict) -> list[dict]:
        from orchestration.runs import score_chunk

        return score_chunk(chunk)

    @task(outlets=[SEGMENTS], trigger_rule=AFTER_THE_CHUNKS)
    def publish(planned: list[dict], outlet_events=None) -> dict:
        """Check the rows and replace the published tables in one transaction; updates *segments*."""
        from orchestration.runs import publish_scores, rows_by_table
        from orchestration.tasks import current_moment

        publications = publish_scores(planned)
        hand_on(outlet_events, SEGMENTS, current_moment(), rows_by_table(publications))
        return publications

    @task(trigger_rule="all_done")
    def gather(extracted=None, trained=None, scored=None) -> list[list[dict]]:
        """Put together what extraction, training and scoring say of the shop."""
        from orchestration.runs import gathered

        return gathered(extracted, trained, scored)

    planned = plan()
    extracted = extract.expand(chunk=planned)
    trained = train.expand(chunk=planned)
    scored = score.expand(chunk=planned)
    published = publish(planned)
    extracted >> trained >> scored >> published
    results = gather(extracted, trained, scored)
    report(planned, results)
    [extracted, trained, scored, published] >> tell(planned, results)


segment_customers()
