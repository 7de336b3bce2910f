"""Who may look at the page, and who may say something on it: Airflow's own rights, asked in this file only.

Nothing but feedback is written from the page. It has to come from the page itself, not from another site that a browser
with a login happens to show, and from somebody who may start the DAG that reads it; Airflow's audit log keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, NamedTuple

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from airflow.api_fastapi.logging.decorators import action_logging
from fastapi import Depends, HTTPException, Request

from brain.core.errors import ModelNotFound
from orchestration.page.timeline_answers import dag_of

HEADER = "x-brain-page"  # a page of another site cannot send it: its browser asks first, and is refused
MOST_BYTES = 8_192
EVENT = "brain_feedback"  # in Airflow's audit log

may_look = Depends(requires_access_view(AccessView.WEBSITE))


class Refused(Exception):
    """What is not taken, with the status and a sentence for people."""

    def __init__(self, status: int, problem: str) -> None:
        self.status, self.problem = status, problem
        super().__init__(problem)


class Said(NamedTuple):
    """What somebody says of a mark, as it came."""

    mark: str
    verdict: str
    note: str


def may_start(request: Request, user: GetUserDep) -> Callable[[str], bool]:
    """Whether this user may start runs of a DAG."""

    def asked(dag: str) -> bool:
        try:
            requires_access_dag("POST", DagAccessEntity.RUN, dag)(request, user)
        except HTTPException:
            return False
        return True

    return asked


MayStart = Annotated[Callable[[str], bool], Depends(may_start)]


async def from_the_page(request: Request) -> None:
    """Refuse what another site may have made a browser send, and what is too long, before anything of it is read."""
    site = request.headers.get("sec-fetch-site", "same-origin")  # browsers say so, at least by HTTPS
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if HEADER not in request.headers or site != "same-origin" or kind != "application/json":
        raise Refused(
            403, f"Feedback comes from the page itself: as JSON, with the header {HEADER}, from no other site."
        )
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or int(length) > MOST_BYTES:
        raise Refused(413, f"Feedback has a length, of at most {MOST_BYTES} bytes.")


def may_say(asked: MayStart, use_case: str = "") -> None:
    """Refuse who may not start the DAG that reads what is said."""
    try:
        dag = dag_of(use_case)
    except ModelNotFound as error:
        raise Refused(404, str(error)) from None
    if not asked(dag):
        raise Refused(403, f"Only who may start runs of {dag} in Airflow may say this. Ask who administers Airflow.")


async def said(request: Request) -> Said:
    """What the body says: text for each field."""
    try:
        given = json.loads(await request.body())
        told = Said(*(given.get(name, "") for name in Said._fields)) if isinstance(given, dict) else None
    except (ValueError, RecursionError):
        told = None
    if told is None or not all(isinstance(one, str) for one in told) or not told.mark:
        raise Refused(422, "Feedback is a JSON object of texts: mark, verdict and note.")
    return told


# In this order: what is refused by one of them reaches none after it.
may_feed_back = [Depends(from_the_page), Depends(may_say), Depends(said), Depends(action_logging(EVENT))]
