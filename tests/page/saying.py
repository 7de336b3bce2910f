"""What somebody may say of an anomaly on the page, who may not, and what another site cannot make a browser say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import create_engine, text

from brain import steps
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.warehouse.read import ask
from brain.workspace import open_workspace
from tests.page.views import log_in
from tests.page.world import ODD

if TYPE_CHECKING:
    import httpx

    from benchmarks.browsing.server import PageServer

HEADERS = {"X-Brain-Page": "1"}
FOREIGN = (
    "http://127.0.0.1:18999/elsewhere"  # the same host: the cookie of the login goes along, whatever SameSite says
)
FORGED = """<form method="post" action="{url}" enctype="text/plain"><input name='{start}' value='"}}'></form><script>
const said = JSON.stringify({{ mark: "{mark}", verdict: "dismissed", note: "forged" }});
const json = {{ "Content-Type": "application/json", "X-Brain-Page": "1" }};
const tries = [{{ mode: "no-cors" }}, {{}}, {{ headers: json }}, {{ mode: "no-cors", headers: json }}];
Promise.allSettled(tries.map((how) => fetch("{url}", {{ method: "POST", credentials: "include", body: said, ...how }})))
  .then((all) => {{ document.title = all.map((one) => one.status).join(" "); }});</script>"""


def say(client: httpx.Client, mark: str, verdict: str = "dismissed", **how: Any) -> httpx.Response:
    """What the page sends; other things where `how` says so."""
    asked = {"json": {"mark": mark, "verdict": verdict, "note": ""}, "headers": HEADERS, **how}
    return client.post("api/feedback", params={"use_case": "anomalies"}, **asked)


def rows(variables: dict[str, str], query: str, database: str = "BRAIN_DEMO_URL") -> list[tuple[Any, ...]]:
    """What a database says."""
    engine = create_engine(variables[database])
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


def refused_as_it_came(editor: httpx.Client, mark: str) -> dict[str, int]:
    """The status of each thing that is not taken although its sender may say something; with a plain sentence."""
    whole = {"mark": mark, "verdict": "confirmed", "note": ""}
    body, plain = json.dumps(whole), {**HEADERS, "Content-Type": "text/plain"}
    asked: dict[str, Any] = {
        "without the header": say(editor, mark, headers={}),
        "from another site": say(editor, mark, headers={**HEADERS, "Sec-Fetch-Site": "cross-site"}),
        "from another origin": say(editor, mark, headers={**HEADERS, "Sec-Fetch-Site": "same-site"}),
        "as a form": say(editor, mark, json=None, data=whole),
        "as text": say(editor, mark, json=None, content=body, headers=plain),
        "too long": say(editor, mark, json={**whole, "note": "x" * 9_000}),
        "of unknown length": say(
            editor,
            mark,
            json=None,
            content=iter([body.encode()]),
            headers={**HEADERS, "Content-Type": "application/json"},
        ),
        "a long note": say(editor, mark, json={**whole, "note": "x" * 501}),
        "NUL": say(editor, mark, json={**whole, "note": "a\0b"}),
        "another verdict": say(editor, mark, "maybe'; DROP TABLE anomaly_feedback; --"),
        "a number": say(editor, mark, json={**whole, "note": 5}),
        "no object": say(editor, mark, json=[whole]),
        "no JSON": say(
            editor, mark, json=None, content=b'{"mark": ', headers={**HEADERS, "Content-Type": "application/json"}
        ),
        "an unknown anomaly": say(editor, "bars GOLD 1999-01-01 00:00:00"),
        "no anomaly": say(editor, ""),
    }
    problems = {name: answer.json()["problem"] for name, answer in asked.items()}
    assert all(len(problem) > 20 and "Traceback" not in problem for problem in problems.values()), problems
    return {name: answer.status_code for name, answer in asked.items()}


def said_read_and_taken_back(viewer: httpx.Client, editor: httpx.Client, variables: dict[str, str]) -> None:
    """What is refused leaves nothing; what is said is in the table at once, and in `anomalies` after the next run."""
    mark = _timeline(viewer)["marks"]["marks"][0]["mark"]
    refused = refused_as_it_came(editor, mark)
    assert refused == {
        **dict.fromkeys(
            ("without the header", "from another site", "from another origin", "as a form", "as text"), 403
        ),
        **dict.fromkeys(("too long", "of unknown length"), 413),
        **dict.fromkeys(
            ("a long note", "NUL", "another verdict", "a number", "no object", "no JSON", "no anomaly"), 422
        ),
        "an unknown anomaly": 404,
    }
    assert rows(variables, "SELECT * FROM anomaly_feedback") == []
    said = say(editor, mark, "confirmed").json()
    assert (said["verdict"], said["note"], said["by"]) == ("confirmed", None, "editor")
    later = say(editor, mark, json={"mark": mark, "verdict": "dismissed", "note": "a holiday; --'"}).json()
    assert later["at"] > said["at"]
    told = _timeline(editor)["feedback"]
    assert (told["may"], told["said"][mark]["verdict"]) == (True, "dismissed")
    at = datetime(2018, 6, 30, 22, tzinfo=UTC)
    published = read_by_the_next_run(variables, at)
    assert (mark, "dismissed", "a holiday; --'") in published
    assert read_by_the_next_run(variables, at) == published, "a rerun keeps it"
    assert say(editor, mark, "").json()["verdict"] is None
    taken_back = read_by_the_next_run(variables, at.replace(hour=23))
    assert (mark, None, None) in taken_back


def _timeline(asking: httpx.Client) -> Any:
    found = asking.get("api/timeline", params={"use_case": "anomalies", "unit": "bars", "member": "GOLD"})
    assert found.status_code == 200, found.text
    return found.json()


def read_by_the_next_run(variables: dict[str, str], at: datetime) -> list[tuple[Any, ...]]:
    """What `anomalies` says after a run of that moment, by anomaly."""
    run = open_workspace(Settings.load({}, variables)).run("anomalies", Moment(at))
    assert all(result.ok for result in (*steps.extract(run, ["bars"]), *steps.score(run, ["bars"])))
    steps.publish(run, [["bars"]])
    assert run.settings.reader_url is not None
    return ask(run.settings.reader_url, "SELECT anomaly, feedback, note FROM anomalies ORDER BY anomaly").rows


def confirm_by_a_click(context: Any, served: PageServer, variables: dict[str, str]) -> str:
    """An editor confirms the newest anomaly of the symbol whose name is markup; its key."""
    page = context.new_page()
    log_in(page, served, "editor")
    page.goto(f"{served.page}#/@anomalies")
    page.get_by_role("link", name=ODD).click()
    first = page.locator("article.mark").first
    first.get_by_role("textbox").fill("<b>seen</b>")
    first.get_by_role("button", name="Confirm").click()
    first.get_by_text("by editor").wait_for()
    assert "It counts from the next run on" in first.text_content()
    assert "“<b>seen</b>”" in first.text_content()  # shown as it is
    ((mark, verdict, note, by),) = rows(
        variables, "SELECT anomaly, verdict, note, said_by FROM anomaly_feedback WHERE note LIKE '%seen%'"
    )
    assert (verdict, note, by) == ("confirmed", "<b>seen</b>", "editor")
    page.reload()
    page.locator("article.mark").first.get_by_role("button", name="Take back").click()
    page.locator("article.mark").first.get_by_text("nobody has judged it").wait_for()
    return str(mark)


def forge(context: Any, served: PageServer, variables: dict[str, str], mark: str) -> None:
    """A page of another origin, opened in the editor's browser, tries to dismiss."""
    page = context.new_page()
    url = f"{served.page}api/feedback?use_case=anomalies"
    start = json.dumps({"mark": "MARK", "verdict": "dismissed", "note": ""})[:-2].replace("MARK", "gold")
    shown = FORGED.format(url=url, mark=json.dumps(mark)[1:-1], start=start)
    page.route(f"{FOREIGN}*", lambda route: route.fulfill(body=shown, content_type="text/html"))
    before = rows(variables, "SELECT * FROM anomaly_feedback ORDER BY 1")
    page.goto(FOREIGN)
    page.wait_for_function("document.title !== ''")
    assert page.title().split() == ["rejected"] * 4, "no answer reaches another site, whether it was sent or not"
    with page.expect_navigation():
        page.evaluate("document.forms[0].submit()")
    assert "Feedback comes from the page itself" in page.content()
    assert urlsplit(page.url).path.endswith("/api/feedback")  # sent with the login, and refused
    assert rows(variables, "SELECT * FROM anomaly_feedback ORDER BY 1") == before
