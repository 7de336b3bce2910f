"""Make every customer's lists anew when orders have arrived, without waiting for the night's run.

Reads the orders that are new, trains the lists whose time has come, scores every customer and replaces the tables
`recommendations` and `recommendation_details` in one transaction. It does for the use case `recommendations` alone what
`extract_assets`, `train_models` and `publish_probabilities` do daily for all. What cannot be made keeps its last rows,
marked stale, and `report` says why.

**Starts** when whoever loads the orders updates the dataset *orders* with the moment as the partition; then updates the
dataset *recommendations*. **By hand**: ▶ Trigger. **Safe to clear**: the same moment gives the same rows.
"""

from __future__ import annotations

from airflow.sdk import Asset as Dataset
from airflow.sdk import dag

from orchestration.datasets import every_moment_of
from orchestration.every_step import every_step
from orchestration.params import FAILED_SHARE_PARAM, FORCE_PARAM
from orchestration.tasks import DAG_SETTINGS

ORDERS = Dataset(name="orders", uri="brain://source/orders", group="brain")
RECOMMENDATIONS = Dataset(name="recommendations", uri="brain://warehouse/recommendations", group="brain")


@dag(
    **DAG_SETTINGS,
    description="Makes every customer's lists anew when orders have arrived; trigger it to do so now.",
    doc_md=__doc__,
    schedule=every_moment_of(ORDERS),
    tags=["brain", "publish"],
    params={"force": FORCE_PARAM, "tolerated_share": FAILED_SHARE_PARAM},
)
def recommend_to_customers() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    every_step(
        "recommendations",
        RECOMMENDATIONS,
        extract_doc="Read the new orders and linked tables. Red: one was refused.",
        train_doc="Let the methods of each list compete, and fit the winner. Red: a list could not be trained.",
        score_doc="Score every customer. Red: a list could not be made; the last one stays, marked stale.",
    )


recommend_to_customers()
