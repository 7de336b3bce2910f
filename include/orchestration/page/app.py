"""The page as an application of its own, to be mounted by the plugin: guarded as a whole, GET only but for feedback."""

from __future__ import annotations

from contextlib import asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, Request, Response

from orchestration.page import answers, timeline_answers
from orchestration.page.rights import MayStart, Refused, Said, may_feed_back, may_look, said
from orchestration.page.static_files import STATIC

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
# Great Expectations' rendering has styles of its own, and no script is left in it.
OF_DATA_DOCS = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none';"
    " form-action 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class WithHeaders:
    """What a browser is told with every answer of `app`, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                wanted = {"Content-Security-Policy": STRICT, "Cache-Control": "no-store", **HEADERS}
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in wanted.items() if k.lower().encode() not in names),
                ]
            await send(message)

        await self._app(scope, receive, told)


@asynccontextmanager
async def beginning(_: FastAPI) -> AsyncIterator[None]:
    """Airflow begins without waiting for what the first answers import."""
    Thread(target=answers.prepare, name="brain page", daemon=True).start()
    yield


# A mounted application inherits no guard of Airflow's: this one stands before every route.
app = FastAPI(
    title="The Brain page",
    version="1",
    description="What Brain has published, and what stands behind it. Nothing but feedback is written.",
    dependencies=[may_look],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    lifespan=beginning,
)
app.add_middleware(WithHeaders)


@app.exception_handler(Refused)
async def refused(_: Request, error: Refused) -> Response:
    """Why something is not taken, as every other problem is told."""
    return answers.problem_of(error.status, error.problem)


@app.get("/", include_in_schema=False)
def front_end() -> Response:
    """The page itself."""
    return STATIC["index.html"].answer()


@app.get("/static/{name:path}", include_in_schema=False)
def static(name: str) -> Response:
    """A file of the front end."""
    return STATIC[name].answer() if name in STATIC else answers.unknown(f"file {name!r}", "a file of the page")


@app.get("/openapi.json", include_in_schema=False)
def description() -> dict[str, Any]:
    """What this API answers, as OpenAPI."""
    return app.openapi()


@app.get("/api/overview")
def overview(use_case: str = "") -> Response:
    """All that is published, by the kind of page. Without `use_case` the first of which there is any."""
    return answers.overview(use_case)


@app.get("/api/names")
def names(beginning: str = "", use_case: str = "") -> Response:
    """Up to 20 members of lists or groups whose name begins so."""
    return answers.names(use_case, beginning)


@app.get("/api/member")
def member(name: str, use_case: str = "") -> Response:
    """What is published of one member: her lists with the reason of each place, or her group."""
    return answers.member(use_case, name)


@app.get("/api/members")
def members(part: str = "", use_case: str = "") -> Response:
    """Those with a timeline whose name has a part: up to 2,000, and how many there are."""
    return timeline_answers.members(use_case, part)


@app.get("/api/timeline")
def timeline(unit: str, member: str, may: MayStart, use_case: str = "") -> Response:
    """One timeline: its points, its newest marks with what people say of them, and what looks for marks."""
    return timeline_answers.timeline(use_case, unit, member, may)


@app.get("/api/points")
def points(unit: str, member: str, since: float, until: float, use_case: str = "") -> Response:
    """The points of a timeline between two times, in seconds since 1970."""
    return timeline_answers.points(use_case, unit, member, since, until)


@app.get("/api/marks")
def marks(unit: str, member: str, may: MayStart, skip: int = 0, use_case: str = "") -> Response:
    """Marks of a timeline, the newest first, after the first `skip`."""
    return timeline_answers.marks(use_case, unit, member, skip, may)


@app.post("/api/feedback", dependencies=may_feed_back)
def feedback(told: Annotated[Said, Depends(said)], user: GetUserDep, use_case: str = "") -> Response:
    """Say what you think of a mark: `mark`, `verdict` (empty takes it back) and `note`, as JSON."""
    return timeline_answers.say(use_case, told.mark, (told.verdict, told.note), user.get_name())


@app.get("/api/card")
def card(unit: str, target: str, use_case: str = "") -> Response:
    """What is published of one cell: its row with meanings, its days, its scorecard, its reasons."""
    return answers.card(use_case, unit, target)


@app.get("/api/model")
def model(unit: str, target: str, use_case: str = "") -> Response:
    """The champion behind a cell, verified, and all versions."""
    return answers.model(use_case, unit, target)


@app.get("/api/series")
def series(unit: str, since: str, use_case: str = "") -> Response:
    """What the values of a unit are about, day by day since `since` (YYYY-MM-DD): two lists, `days` and `values`."""
    return answers.series(use_case, unit, since)


@app.get("/api/health")
def health(use_case: str = "") -> Response:
    """The last runs of each step, what was refused, stale cells, scorecard, alarms, drift."""
    return answers.health(use_case)


@app.get("/api/training")
def training(use_case: str = "") -> Response:
    """What training last decided for the models, and which failed."""
    return answers.training(use_case)


@app.get("/quality/{name:path}", include_in_schema=False)
def quality(name: str) -> Response:
    """A page of the quality gate's Data Docs."""
    return answers.data_docs(name, {"Content-Security-Policy": OF_DATA_DOCS})


@app.get("/{name:path}", include_in_schema=False)
def nothing(name: str) -> Response:
    """Anything else: also what is not there is told only to who may look."""
    return answers.unknown(f"address {name!r}", "the page, /openapi.json or a path that it names")
