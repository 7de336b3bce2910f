"""Ask a person about new versions whose skill fell, and serve those that are approved.

Where the catalogue sets `training.approve_skill_fall`, such a version is stored, and its champion stays. `find` lists
what waits, and *ask* puts it before you under *Required Actions*: **Approve**, **Reject** or **Later**, for all that is
listed or only for those you name. What is approved becomes the champion, is judged, and the tables are published again.
What is rejected is not asked again; a newer version is a new question.

Nobody answers: after twenty hours it is *Later*. The champions stay, and the next training asks again. The daily run
waits for nothing here.

It is paused until you switch it on; `brain models waiting`, `approve` and `reject` do the same from a shell.
"""

from __future__ import annotations

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import dag, task

from orchestration.approval import ANSWERED_WITHIN, LATER, OPTIONS, QUESTION_PARAMS, RUN_ENDS_WITHIN
from orchestration.datasets import CHAMPIONS, every_moment_of, hand_on
from orchestration.tasks import DAG_SETTINGS, FIRST


@dag(
    **{**DAG_SETTINGS, "dagrun_timeout": RUN_ENDS_WITHIN},
    description="Asks a person before a new version whose skill fell is served. Switch it on with the setting.",
    doc_md=__doc__,
    schedule=every_moment_of(CHAMPIONS),
    tags=["brain", "train"],
)
def approve_models() -> None:  # noqa: D103  (the module's docstring is the DAG's page)
    @task
    def find() -> dict:
        """List the versions that wait for approval; where there is none, the run ends here."""
        from orchestration.approval import find_questions

        return find_questions()

    @task(priority_weight=FIRST)
    def tell(found: dict) -> None:
        """Tell people once of each version that waits, where the Connections for it exist."""
        from orchestration.approval import tell_questions

        tell_questions(found["questions"])

    ask = HITLOperator(
        task_id="ask",
        subject="{{ ti.xcom_pull(task_ids='find')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='find')['body'] }}",
        options=OPTIONS,
        defaults=LATER,
        params=QUESTION_PARAMS,
        response_timeout=ANSWERED_WITHIN,
        doc_md="Wait for a person: Approve, Reject or Later. After twenty hours it is Later, and the champions stay.",
    )

    @task
    def answer(found: dict, said: dict) -> dict:
        """Promote what was approved and remember what was rejected; a version that was not seen is not touched."""
        from orchestration.approval import carry_out

        return carry_out(found["questions"], said)

    @task(outlets=[CHAMPIONS])
    def judge(answered: dict, outlet_events=None) -> dict:
        """Judge the new champions with all others; updates *champions*, which starts the publication."""
        from orchestration.approval import judge_approved

        moment, judged = judge_approved(answered)
        hand_on(outlet_events, CHAMPIONS, moment, {"approved": answered["approved"], "judged": judged})
        return judged

    @task(retries=0)
    def report(answered: dict) -> None:
        """Say what became of each version that was meant; red where one could not be served."""
        from orchestration.approval import report_answers

        report_answers(answered)

    found = find()
    tell(found)
    found >> ask
    answered = answer(found, ask.output)
    judge(answered)
    report(answered)


approve_models()
