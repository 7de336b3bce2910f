"""Read the bars that have come by the topics of a broker into the table `bars`.

Reads from the offsets in `bar_offsets` up to what the topics have now; rows and offsets are written in one
transaction, so each message counts exactly once, whatever dies. A message that is no bar goes to `bar_dead_letters`,
with the reason, and stops nothing. `report` names the topics that are missing, were made anew or have lost messages.

**Starts** when the topics have had messages, at most once a minute, and every five minutes in any case. Without a
section `bars` in the catalogue it never starts by itself. **Updates** the dataset *bars* where rows are new or
corrected.
**Safe to clear**: what was read is not read again.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.bell import when_bars_come
from orchestration.datasets import BARS
from orchestration.params import FAILED_SHARE_PARAM
from orchestration.tasks import DAG_SETTINGS, report, tell


@dag(
    **DAG_SETTINGS,
    description="Reads the bars that have come by topics: when they come, and every five minutes.",
    doc_md=__doc__,
    schedule=when_bars_come(),
    tags=["brain", "extract"],
    params={"tolerated_share": FAILED_SHARE_PARAM},
)
def read_bars() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task(doc_md="Read what the topics have had since the last time into the warehouse. Red: the broker is down.")
    def read() -> list[list[dict]]:
        from orchestration.bars import read_topics

        return read_topics()

    @task(outlets=[BARS], doc_md="Update the dataset *bars*; skipped where no row is new or corrected.")
    def announce(results: list[list[dict]], outlet_events=None) -> None:
        from orchestration.bars import changed_rows
        from orchestration.datasets import hand_on
        from orchestration.tasks import current_moment

        hand_on(outlet_events, BARS, current_moment(), changed_rows(results))

    results = read()
    announced = announce(results)
    report([], results)
    [results, announced] >> tell([], results)


read_bars()
