"""Score the published numbers whose day has come, and say how good they were.

What was published first for a day is compared with what came true once the asset has enough rows of its own. The ledger
`probability_ledger` gains outcomes and scores, `evaluation_runs` a line per horizon and one over all. A model whose
live skill or calibration has failed is noted, and the next `train_models` searches it anew.

**Safe to clear**: the same moment gives the same rows, and an older one than the newest changes nothing.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.datasets import PROBABILITIES, every_moment_of
from orchestration.params import FAILED_SHARE_PARAM
from orchestration.tasks import DAG_SETTINGS, report, tell


@dag(
    **DAG_SETTINGS,
    description="Scores published numbers whose day has come, and raises an alarm where a model has failed live.",
    tags=["brain", "evaluate"],
    doc_md=__doc__,
    schedule=every_moment_of(PROBABILITIES),
    params={"tolerated_share": FAILED_SHARE_PARAM},
)
def evaluate_probabilities() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def evaluate() -> list[list[dict]]:
        """Score what has come true, add it to the ledgers, and note the models whose live skill has failed."""
        from orchestration.runs import evaluate_ledgers

        return [evaluate_ledgers()]

    results = evaluate()
    report([], results)
    tell([], results)


evaluate_probabilities()
