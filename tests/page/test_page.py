"""The Brain page in a real Airflow below a path: who may see it, what it answers, and what a person sees of it.

One story in one Airflow, because its start is dear: first the API, then a browser.
"""

from __future__ import annotations

import json
import runpy
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.routing import APIRoute

from benchmarks.browsing.chromium import chromium, missing
from benchmarks.browsing.server import ROOT, PageServer, page_server
from tests.page import saying
from tests.page.views import (
    log_in,
    see_a_card,
    see_a_timeline,
    see_how_it_is,
    see_the_groups,
    see_the_heat_map,
    see_the_lists,
)
from tests.page.world import ODD, QUOTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servers import Servers

# Airflow warns about its own imports.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]
CELL = {"unit": "SP500", "target": "5"}


@pytest.fixture(scope="module")
def served(servers: Servers, variables: dict[str, str]) -> Iterator[PageServer]:
    with page_server(servers, variables) as running:
        yield running


def client(served: PageServer, user: str | None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {served.token(user)}"} if user else {}
    return httpx.Client(base_url=served.page, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def viewer(served: PageServer) -> Iterator[httpx.Client]:
    with client(served, "viewer") as found:
        yield found


@pytest.fixture(scope="module")
def editor(served: PageServer) -> Iterator[httpx.Client]:
    with client(served, "editor") as found:
        yield found


def answer(viewer: httpx.Client, path: str, **parameters: str) -> Any:
    found = viewer.get(path, params=parameters)
    assert found.status_code == 200, found.text
    return found.json()


def paths() -> list[str]:
    """An address of every route of the application, and of what FastAPI would add by itself."""
    from orchestration.page.app import app

    routes = [route.path for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) == len(app.routes), "a route of another kind has no guard"
    assert len(routes) >= 10
    return [*(path.replace("{name:path}", "index.html") for path in routes), "/docs", "/redoc", "/openapi.json"]


def test_every_route_is_closed_to_strangers(served: PageServer) -> None:
    with client(served, None) as stranger:
        assert {path: stranger.get(path[1:]).status_code for path in paths()} == dict.fromkeys(paths(), 401)


def test_who_has_no_role_sees_nothing(served: PageServer) -> None:
    with client(served, "nobody") as nobody:
        assert {path: nobody.get(path[1:]).status_code for path in paths()} == dict.fromkeys(paths(), 403)


def test_nothing_but_feedback_is_written(served: PageServer, editor: httpx.Client) -> None:
    methods = ("POST", "PUT", "PATCH", "DELETE")
    assert {editor.request(method, "api/overview").status_code for method in methods} == {405}
    assert {editor.request(method, "api/feedback").status_code for method in methods[1:]} == {405}
    for user, status in ((None, 401), ("nobody", 403), ("viewer", 403)):
        with client(served, user) as asking:
            assert saying.say(asking, "any").status_code == status, user


def test_a_browser_is_told_to_load_nothing_from_elsewhere(viewer: httpx.Client) -> None:
    for path in ("", "api/overview", "static/app.js", "nowhere"):
        headers = viewer.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'"), path
        assert headers["x-content-type-options"] == "nosniff"
    assert "script-src" not in viewer.get("quality/index.html").headers["content-security-policy"]


def test_the_overview_has_every_cell_with_its_mark(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/overview")
    assert found["targets"] == [1, 5]
    assert found["counts"] | {"proven": 0} == {"units": 3, "cells": 6, "proven": 0, "stale": 2, "failed": 2}
    rows = {row["unit"]: row for row in found["rows"]}
    assert set(rows) == {"SP500", "VIX", ODD}
    assert all(0 < value < 1 for value in rows["SP500"]["value"])
    assert {found["days"][number] for number in rows["SP500"]["as_of"]} == {"2018-06-29"}
    assert [mark & 2 for mark in rows["VIX"]["mark"]] == [2, 2]
    assert "quarantined" in found["reasons"][rows["VIX"]["reason"][0]]
    assert rows[ODD]["mark"] == [4, 4]
    assert rows[ODD]["value"] == [None, None]
    assert found["published_at"].startswith("2018-06-29T22:00")


def test_the_card_tells_what_is_published_and_what_came_true(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/card", unit="SP500", target="1")
    columns = {column["name"]: column for column in found["columns"]}
    assert found["value"] == columns["probability"]["value"]
    assert columns["as_of"]["value"] == "2018-06-29"
    assert columns["skill"]["meaning"]
    assert found["days"]["day"] == ["2018-06-28", "2018-06-29"]
    assert found["days"]["outcome"][0] in (0, 1)
    assert found["days"]["outcome"][1] is None
    assert found["scorecard"][0]["resolved"] == 1
    assert sum(pool["forecasts"] for pool in found["pools"]) == 1  # VIX was quarantined: its day is open


def test_the_model_behind_a_cell_is_shown_without_what_nobody_may_see(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/model", **CELL)
    document = found["document"]
    assert document["hyper_parameters"]["classifier"]
    assert document["metrics"]["skill_low"] < document["metrics"]["skill"] < document["metrics"]["skill_high"]
    assert len(document["schema"]) > 5
    assert {"signature", "source_connection", "payload"}.isdisjoint(document)
    assert [one["version"] for one in found["versions"] if one["is_champion"]] == [document["version"]]


def test_the_series_is_what_the_lake_knows(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/series", unit="SP500", since="2018-06-01")
    assert found["name"] == "Close"
    assert found["days"][-1] == "2018-06-29"
    assert found["values"][-1] == pytest.approx(2718.37)
    assert answer(viewer, "api/series", unit=ODD, since="")["days"] == []


def test_health_names_the_failed_expectation_and_its_page_opens(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/health")
    refused = {one["unit"]: one for one in found["refused"]}
    assert set(refused) == {"VIX", ODD}
    assert refused["VIX"]["verdict"] == "quarantined"
    assert refused["VIX"]["findings"] == [
        {"rule": "positive", "message": "1 row with a price that is not above zero (2018-06-29)"}
    ]
    assert refused[ODD]["findings"] == []
    page = viewer.get(f"quality/{refused['VIX']['page']}")
    assert page.status_code == 200
    assert "quarantined" in page.text
    assert [one["interval_end"][:10] for one in found["extractions"]] == ["2018-06-29", "2018-06-28"]
    assert found["extractions"][0]["refused"] == 2
    assert found["evaluations"][0]["resolved"] == 1
    assert [(one["subject"], one["kind"], one["solved_at"]) for one in found["problems"]] == [
        ("VIX", "quarantined", None)
    ]
    assert [one["rule"] for one in found["warned"]] == ["coverage"]
    (waits,) = answer(viewer, "api/training")["waiting"]
    assert (waits["unit"], waits["target"], waits["version"], waits["champion"]) == ("SP500", "RETURNS1", 1, 2)
    assert {cell for one in found["unwell"] for cell in one["units"]} == {"VIX", ODD}
    trained = answer(viewer, "api/training")
    assert sum(trained["actions"].values()) >= 4
    assert {one["unit"] for one in trained["failed"]} <= {ODD}


def test_lists_say_how_they_are_made_and_why_each_place(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/overview", use_case="recommendations")
    assert (found["kind"], len(found["scores"])) == ("lists", 3)
    assert [one["name"] for one in found["use_cases"]] == [
        *("direction", "recommendations", "segments", "anomalies"),
    ]
    lists = {one["name"]: one for one in found["lists"]}
    assert set(lists) == {"buy_again", "new_for_you", "for_you"}
    assert all(one["method"] and one["why"] and one["claim"] in (True, False) for one in lists.values())
    assert all(len(one["scores"]) == 3 and len(one["all"]) == len(found["columns"]) for one in lists.values())
    hers = answer(viewer, "api/member", use_case="recommendations", name=ODD)
    assert hers["elsewhere"] == [{"name": "segments", "title": "Segments"}]
    again = next(one for one in hers["lists"] if one["name"] == "buy_again")
    assert [line["rank"] for line in again["lines"]] == list(range(1, len(again["lines"]) + 1))
    assert all("bought" in line["reason"] for line in again["lines"])
    assert answer(viewer, "api/member", use_case="recommendations", name="*")["anyone"] is True


def test_groups_are_a_map_with_profiles_and_moves(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/overview", use_case="segments")
    groups = {one["number"]: one for one in found["groups"]}
    assert sum(one["size"] for one in groups.values()) == found["members"] == len(found["points"])
    assert all(len(point) == 1 + len(found["axes"]) and point[0] in groups for point in found["points"])
    assert sum(size for _, _, size in found["moves"]) == sum(one["came"] for one in groups.values())
    assert [run["at"][:10] for run in found["runs"]] == ["2018-06-29", "2018-06-28"]
    assert {*found["figures"], *found["trust"]} <= {column["name"] for column in found["columns"]}
    hers = answer(viewer, "api/member", use_case="segments", name=QUOTED)
    assert groups[hers["group"]]["name"] == hers["name"]
    assert {one["name"]: one["value"] for one in hers["columns"]}["customer"] == QUOTED
    assert hers["before"] is not None


def test_members_are_found_by_the_beginning_of_their_name(viewer: httpx.Client) -> None:
    for use_case in ("recommendations", "segments"):
        assert len(answer(viewer, "api/names", use_case=use_case)["names"]) == 20
        assert answer(viewer, "api/names", use_case=use_case, beginning=ODD[:4])["names"] == [ODD]
        assert answer(viewer, "api/names", use_case=use_case, beginning="o'")["names"] == [QUOTED]
        assert answer(viewer, "api/names", use_case=use_case, beginning="c001\0")["names"] == []
        found = answer(viewer, "api/names", use_case=use_case, beginning="c001")["names"]
        assert found == [f"c{number:04}" for number in range(10, 20)]


def test_health_of_lists_and_groups_is_told_without_what_never_comes_true(viewer: httpx.Client) -> None:
    for use_case, unit in (("recommendations", "list"), ("segments", "segment")):
        found = answer(viewer, "api/health", use_case=use_case)
        assert (found["words"]["unit"], found["progress"], found["refused"]) == (unit, None, [])
        assert [one["published_at"][:10] for one in found["published"]] == ["2018-06-29", "2018-06-28"]
        assert sum(answer(viewer, "api/training", use_case=use_case)["actions"].values()) >= 1


def test_a_timeline_has_its_points_marks_and_detectors(viewer: httpx.Client) -> None:
    found = answer(viewer, "api/overview", use_case="anomalies")
    assert {(one["member"], one["marks"], one["unjudged"]) for one in found["members"]} == {("GOLD", 2, 2), (ODD, 2, 2)}
    whose = {"use_case": "anomalies", "unit": "bars", "member": ODD}
    told = answer(viewer, "api/timeline", **whose)
    assert {one["kind"] for one in told["marks"]["marks"]} == {"bad tick", "stuck value"}
    assert len(told["points"]["at"]) == told["points"]["there"] > 100
    assert [one["claim"] for one in told["makers"]["makers"]] == [True] * 3
    assert (told["feedback"]["may"], told["feedback"]["said"]) == (False, {})
    first = told["points"]["at"][0]
    closer = answer(viewer, "api/points", **whose, since=str(first), until=str(first + 3600))
    assert closer["at"] == [first, first + 3600]
    assert answer(viewer, "api/points", **whose, since="-inf", until="nan")["there"] == 0
    assert answer(viewer, "api/marks", **whose, skip="1")["marks"] == told["marks"]["marks"][1:]
    assert answer(viewer, "api/members", use_case="anomalies", part="gol")["there"] == 1


def test_an_editor_says_what_she_thinks_and_the_next_run_reads_it(
    viewer: httpx.Client, editor: httpx.Client, variables: dict[str, str]
) -> None:
    saying.said_read_and_taken_back(viewer, editor, variables)


def test_what_was_said_is_in_the_audit_log_of_airflow(served: PageServer, editor: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {served.token('admin')}"}
    found = httpx.get(f"{served.url}/api/v2/eventLogs", params={"event": "brain_feedback"}, headers=headers, timeout=60)
    told = found.json()["event_logs"]
    assert {one["owner"] for one in told} == {"editor"}, "who may not is refused before"
    assert any("a holiday" in one["extra"] for one in told)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("api/timeline", {"unit": "bars", "member": "nobody", "use_case": "anomalies"}),
        ("api/timeline", {"unit": "bars", "member": "GOLD", "use_case": "segments"}),
        ("api/points", {"unit": "x", "member": "GOLD", "since": "0", "until": "1", "use_case": "anomalies"}),
        ("api/marks", {"unit": "bars", "member": "GOLD\0", "use_case": "anomalies"}),
        ("api/members", {"use_case": "direction"}),
        ("api/member", {"name": "nobody", "use_case": "segments"}),
        ("api/member", {"name": "c0010\0", "use_case": "recommendations"}),
        ("api/member", {"name": "SP500"}),
        ("api/names", {"use_case": "direction"}),
        ("api/card", {"unit": "c0010", "target": "1", "use_case": "segments"}),
        ("api/series", {"unit": "c0010", "since": "", "use_case": "segments"}),
        ("api/card", {"unit": "nobody", "target": "5"}),
        ("api/card", {"unit": "SP500", "target": "five'; --"}),
        ("api/card", {"unit": "SP500\0", "target": "5"}),
        ("api/model", {"unit": "SP500", "target": "five"}),
        ("api/model", {"unit": ODD, "target": "5"}),
        ("api/overview", {"use_case": "nothing"}),
        ("static/../app.py", {}),
        ("static/nothing.js", {}),
        ("quality/" + quote("../../assets/SP500/manifest.json", safe=""), {}),
        ("quality/nowhere.html", {}),
        ("docs", {}),
    ],
)
def test_what_is_not_there_is_said(viewer: httpx.Client, path: str, parameters: dict[str, str]) -> None:
    found = viewer.get(path, params=parameters)
    assert found.status_code == 404
    assert "expected" in found.json()["problem"]


def test_no_answer_holds_a_secret(viewer: httpx.Client, variables: dict[str, str]) -> None:
    from sqlalchemy.engine import make_url

    secrets = {variables["BRAIN_SIGNING_KEYS"], variables["BRAIN_ENCRYPTION_KEYS"]}
    urls = [value for name, value in variables.items() if name.endswith("_URL") and "@" in value]
    secrets |= {str(make_url(url).password) for url in urls}
    assert len(secrets) >= 5
    for path in ("overview", "card", "model", "health", "training"):
        text = viewer.get(f"api/{path}", params=CELL if path in ("card", "model") else {}).text
        assert not [secret for secret in secrets if secret in text], path


def test_the_api_is_described_for_who_may_use_it(viewer: httpx.Client) -> None:
    described = answer(viewer, "openapi.json")["paths"]
    names = {"overview", "names", "member", "card", "model", "series", "health", "training"}
    names |= {"members", "timeline", "points", "marks", "feedback"}
    assert set(described) == {f"/api/{name}" for name in names}
    methods = {path.rpartition("/")[2]: set(told) for path, told in described.items()}
    assert methods == {name: {"post" if name == "feedback" else "get"} for name in names}
    assert all(how["description"] for told in described.values() for how in told.values())


def test_a_person_finds_their_way(served: PageServer, variables: dict[str, str]) -> None:
    """Log in, see the heat map in Airflow's frame, go through it by keyboard, open a card, go back, look at health.

    Then another confirms an anomaly, and a page of another origin tries so in vain.
    """
    if reason := missing():
        pytest.skip(f"THE BRAIN PAGE IS NOT SEEN BY A BROWSER HERE: {reason}")
    with chromium() as browser:
        context = browser.new_context(color_scheme="dark")
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        log_in(page, served)
        page.get_by_role("link", name="Brain").or_(page.get_by_role("button", name="Brain")).first.click()
        frame = page.frame_locator("iframe[title=Brain]")
        frame.get_by_role("rowheader", name="SP500").wait_for()
        see_the_heat_map(frame, page)
        see_a_card(frame, page)
        frame.get_by_role("link", name="Health").click()
        see_how_it_is(frame)
        frame.get_by_role("link", name="Overview", exact=True).click()
        see_the_lists(frame, page)
        see_the_groups(frame, page)
        see_a_timeline(frame, page)
        assert frame.locator("html").get_attribute("data-theme") == "dark"
        assert [url for url in asked if not url.startswith((served.url, "data:", "blob:"))] == []
        assert troubles == []
        context = browser.new_context()
        mark = saying.confirm_by_a_click(context, served, variables)
        saying.forge(context, served, variables, mark)


def test_a_database_that_is_down_is_named_and_the_rest_goes_on(
    servers: Servers, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the answers themselves: a second Airflow for each server that is down would be dear."""
    from brain.page.settings import PageSettings
    from orchestration.page import answers

    def asked(**changes: str) -> dict[str, tuple[int, Any]]:
        settings = PageSettings.load({}, {**variables, **changes})
        monkeypatch.setattr(answers, "page_settings", lambda: settings)
        found = {
            "overview": answers.overview(""),
            "model": answers.model("", "SP500", "5"),
            "series": answers.series("", "SP500", "2018-06-01"),
        }
        return {name: (one.status_code, json.loads(bytes(one.body))) for name, one in found.items()}

    assert {status for status, _ in asked().values()} == {200}
    reader = variables["BRAIN_READER_URL"].replace(f":{servers.postgres_port}/", ":1/")
    down = asked(BRAIN_READER_URL=reader)
    assert {name: status for name, (status, _) in down.items()} == {"overview": 503, "model": 200, "series": 200}
    assert "127.0.0.1:1" in down["overview"][1]["problem"]
    mongo = variables["BRAIN_MONGO_URL"].replace(f":{servers.mongo_port}/", ":1/")
    down = asked(BRAIN_MONGO_URL=mongo)
    assert {name: status for name, (status, _) in down.items()} == {"overview": 200, "model": 503, "series": 200}
    assert "MongoDB" in down["model"][1]["problem"]


def test_a_page_that_cannot_be_imported_leaves_the_rest_of_airflow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = runpy.run_path(str(ROOT / "plugins" / "brain_page.py"))["BrainPage"]
    (mounted,) = plugin().fastapi_apps
    assert mounted["url_prefix"] == "/brain"
    monkeypatch.setitem(sys.modules, "orchestration.page.app", None)
    assert plugin().fastapi_apps == []


def test_numbers_that_json_does_not_know_are_left_out() -> None:
    from orchestration.page.answers import _json

    found = _json(
        {"a": [1.5, float("nan")], "b": float("inf"), "c": datetime(2024, 1, 8, tzinfo=UTC), "d": Decimal("3")}
    )
    assert json.loads(bytes(found.body)) == {"a": [1.5, None], "b": None, "c": "2024-01-08T00:00:00+00:00", "d": 3}
