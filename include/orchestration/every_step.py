"""Every step of one use case in one DAG: for data that arrives by itself, and must not wait for the night's run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import task

from orchestration.datasets import hand_on
from orchestration.tasks import AFTER_THE_CHUNKS, report, tell

if TYPE_CHECKING:
    from airflow.sdk import Asset as Dataset

CHUNK_NAME = "{{ chunk_name }}"


def every_step(use_case: str, updates: Dataset, *, extract_doc: str, train_doc: str, score_doc: str) -> None:
    """Wire a DAG from `plan` to `tell`; called where a DAG is made. It has the params `force` and `tolerated_share`.

    Args:
        use_case: The one whose units are dealt to chunks.
        updates: The dataset that the publication announces.
        extract_doc: What the task says of itself in the UI, and what its red means; so do the others.
    """

    @task(doc_md=f"Find the units of the use case `{use_case}` in the catalogue.")
    def plan() -> list[dict[str, Any]]:
        from orchestration.runs import plan_use_case

        return plan_use_case(use_case)

    extract, train, score = _by_chunk(extract_doc, train_doc, score_doc)

    @task(
        outlets=[updates],
        trigger_rule=AFTER_THE_CHUNKS,
        doc_md=f"Check the rows and replace the published tables in one transaction; updates *{updates.name}*.",
    )
    def publish(planned: list[dict[str, Any]], outlet_events: Any = None) -> dict[str, Any]:
        from orchestration.runs import publish_scores, rows_by_table
        from orchestration.tasks import current_moment

        publications = publish_scores(planned)
        hand_on(outlet_events, updates, current_moment(), rows_by_table(publications))
        return publications

    @task(trigger_rule="all_done", doc_md="Put together what extraction, training and scoring say of the units.")
    def gather(extracted: Any = None, trained: Any = None, scored: Any = None) -> list[list[dict[str, Any]]]:
        from orchestration.runs import gathered

        return gathered(extracted, trained, scored)

    planned: Any = plan()  # as every result here, what Airflow hands on when it runs
    extracted = extract.expand(chunk=planned)
    trained = train.expand(chunk=planned)
    scored = score.expand(chunk=planned)
    published = publish(planned)
    extracted >> trained >> scored >> published
    results: Any = gather(extracted, trained, scored)
    report(planned, results)  # type: ignore[call-arg]  # Airflow gives the params
    [extracted, trained, scored, published] >> tell(planned, results)


def _by_chunk(extract_doc: str, train_doc: str, score_doc: str) -> tuple[Any, Any, Any]:
    """The tasks that are mapped over the chunks."""

    @task(map_index_template=CHUNK_NAME, doc_md=extract_doc)
    def extract(chunk: dict[str, Any]) -> list[dict[str, Any]]:
        from orchestration.runs import extract_chunk

        return extract_chunk(chunk)

    @task(map_index_template=CHUNK_NAME, trigger_rule=AFTER_THE_CHUNKS, doc_md=train_doc)
    def train(chunk: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
        from orchestration.runs import train_chunk

        return train_chunk(chunk, None, params["force"])

    @task(map_index_template=CHUNK_NAME, trigger_rule=AFTER_THE_CHUNKS, doc_md=score_doc)
    def score(chunk: dict[str, Any]) -> list[dict[str, Any]]:
        from orchestration.runs import score_chunk

        return score_chunk(chunk)

    return extract, train, score
