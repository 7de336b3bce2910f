"""Tell people what they were not told yet: what waited for the end of quiet hours, or for a mail server that was away.

Every run of another DAG tells what it has met as its last task. This one looks every ten minutes for what was left: the
catalogue's `notices.quiet_hours` held it back, or a mail or webhook failed. Nothing is told twice by the same way. It
does nothing where neither the Connection `brain_smtp` nor `brain_webhook` exists.

It is paused until you switch it on: needed with quiet hours, useful without.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from orchestration.tasks import DAG_SETTINGS, FIRST


@dag(
    **DAG_SETTINGS,
    description="Tells every ten minutes what quiet hours or a failing mail server have held back.",
    doc_md=__doc__,
    schedule="*/10 * * * *",
    tags=["brain", "tell"],
)
def tell_people() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task(priority_weight=FIRST)
    def tell() -> None:
        """Mail and post what nobody was told yet. Red: a mail server or webhook refused; the next run tries again."""
        from orchestration.notices import tell_due

        tell_due()

    tell()


tell_people()
