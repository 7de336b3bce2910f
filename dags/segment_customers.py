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
from airflow.sdk import dag

from orchestration.datasets import every_moment_of
from orchestration.every_step import every_step
from orchestration.params import FAILED_SHARE_PARAM, FORCE_PARAM
from orchestration.tasks import DAG_SETTINGS

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
    every_step(
        "segments",
        SEGMENTS,
        extract_doc="Read the new orders and linked tables. Red: one was refused.",
        train_doc="Form the segments anew if their time has come. Red: they could not be formed.",
        score_doc="Place every customer in her segment. Red: it was not possible; the last rows stay, marked stale.",
    )


segment_customers()
