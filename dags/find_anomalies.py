"""Look for what is strange in the newest bars as soon as they have arrived, without waiting for the night's run.

Reads the bars that are new and what people have said of earlier anomalies, makes thresholds and admission anew if their
time has come, scores the newest bars of every symbol and replaces the tables `anomalies`, `anomaly_scores`,
`anomaly_feeds` and `detector_scorecard` in one transaction. An anomaly that was published stays. A feed that cannot be
watched keeps its rows, marked stale, and `report` says why. docs/anomalies.md says how to read the tables.

**Starts** when whoever loads the bars updates the dataset *bars* with the moment as the partition; then updates the
dataset *anomalies*. **By hand**: ▶ Trigger; *Search anew now* makes thresholds anew. **Safe to clear**: the same moment
gives the same rows.
"""

from __future__ import annotations

from airflow.sdk import Asset as Dataset
from airflow.sdk import dag

from orchestration.datasets import BARS, every_moment_of
from orchestration.every_step import every_step
from orchestration.params import FAILED_SHARE_PARAM, FORCE_PARAM
from orchestration.tasks import DAG_SETTINGS

ANOMALIES = Dataset(name="anomalies", uri="brain://warehouse/anomalies", group="brain")


@dag(
    **DAG_SETTINGS,
    description="Looks for what is strange when bars have arrived; trigger it to do so now.",
    doc_md=__doc__,
    schedule=every_moment_of(BARS),
    tags=["brain", "publish"],
    params={"force": FORCE_PARAM, "tolerated_share": FAILED_SHARE_PARAM},
)
def find_anomalies() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    every_step(
        "anomalies",
        ANOMALIES,
        extract_doc="Read the new bars, and what people have said of anomalies. Red: a table was refused.",
        train_doc="Make thresholds and admission anew if their time has come. Red: a feed could not be learned from.",
        score_doc="Look at the newest bars of every symbol. Red: it was not possible; what was published stays.",
    )


find_anomalies()
