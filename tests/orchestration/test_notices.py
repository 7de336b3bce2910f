"""People are told by a real SMTP server and a real HTTP endpoint, through Airflow's notifiers."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest

from brain.core.errors import SettingsError
from brain.core.moment import Moment
from brain.warehouse import notices as table
from brain.warehouse.notices import Place
from brain.warehouse.read import ask
from orchestration import notices
from orchestration.problems import html_of, of_lateness, of_task, of_units, subject_of, text_of
from tests.inbox import PLAIN, Inbox, running_inbox
from tests.inbox import html_of as body_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.core.settings import Settings

MOMENT = Moment(datetime(2026, 11, 23, 6, tzinfo=UTC))
NEXT = Moment(MOMENT.at + timedelta(days=1))
LINK = "http://airflow.example/dags/extract_assets/runs/scheduled__1"


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    with running_inbox() as box:
        connect(monkeypatch, box.connection)
        yield box


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What a real HTTP endpoint was handed."""
    heard: list[Any] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *told: Any) -> None:
            """Quietly."""

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/hooks/brain"
    monkeypatch.setenv("AIRFLOW_CONN_BRAIN_WEBHOOK", json.dumps({"conn_type": "http", "host": address}))
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


def connect(monkeypatch: pytest.MonkeyPatch, smtp: dict[str, Any]) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BRAIN_SMTP", json.dumps(smtp))


def result(unit: str, *, ok: bool = False, reason: str = "3 rows without Close", **more: Any) -> dict[str, Any]:
    return {"use_case": "direction", "unit": unit, "ok": ok, "reason": reason, "quarantined": not ok, **more}


def met(*results: dict[str, Any]) -> list[table.Problem]:
    return of_units("extract", "extract_assets", results, [], LINK)[0]


def test_a_quarantine_is_mailed_and_posted_once(settings: Settings, inbox: Inbox, posts: list[Any]) -> None:
    for moment in (MOMENT, MOMENT, NEXT):  # a rerun, and the next day
        table.note(settings.warehouse_url, moment, met(result("KO"), result("GOLD", ok=True)))
        notices.deliver(settings.warehouse_url, moment)
    ((recipients, mail),) = inbox.mails
    assert recipients == ["team@example.com", "boss@example.com"]
    assert mail["Subject"] == "[Brain] KO: quarantined"
    body = body_of(mail)
    for told in (
        "3 rows without Close",
        "What is still right.",
        "published",
        "What to do.",
        "trigger extract_assets",
        LINK,
    ):
        assert told in body
    assert "GOLD" not in body
    ((path, posted),) = posts
    assert path == "/hooks/brain"
    assert "3 rows without Close" in posted["text"]
    assert [(one["subject"], one["kind"]) for one in posted["problems"]] == [("KO", "quarantined")]


def test_without_a_connection_nobody_is_told_and_nothing_fails(settings: Settings) -> None:
    table.note(settings.warehouse_url, MOMENT, met(result("KO")))
    notices.deliver(settings.warehouse_url, MOMENT)
    assert ask(settings.warehouse_url, "SELECT subject, mailed_at, posted_at FROM notices").rows == [("KO", None, None)]


def test_a_way_that_fails_keeps_no_other_from_telling(
    settings: Settings, posts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, Inbox(port=9).connection)  # nothing listens there
    table.note(settings.warehouse_url, MOMENT, met(result("KO")))
    with pytest.raises(OSError, match="refused"):
        notices.deliver(settings.warehouse_url, MOMENT)
    assert len(posts) == 1
    with pytest.raises(OSError, match="refused"):
        notices.deliver(settings.warehouse_url, MOMENT)
    assert len(posts) == 1


def test_a_mail_without_recipients_is_refused_with_what_to_do(
    settings: Settings, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, {**inbox.connection, "extra": {**PLAIN, "from_email": "brain@example.com"}})
    table.note(settings.warehouse_url, MOMENT, met(result("KO")))
    with pytest.raises(SettingsError, match="no recipient"):
        notices.deliver(settings.warehouse_url, MOMENT)


def test_odd_names_are_shown_and_never_interpreted(settings: Settings, inbox: Inbox, posts: list[Any]) -> None:
    odd = "<script>alert(1)</script> {{ 7 * 7 }}\r\nBcc: x@example.com"
    table.note(settings.warehouse_url, MOMENT, met(result(odd)))
    notices.deliver(settings.warehouse_url, MOMENT)
    ((recipients, mail),) = inbox.mails
    assert recipients == ["team@example.com", "boss@example.com"]
    assert mail["Bcc"] is None
    body = body_of(mail)
    assert "<script>" not in body
    assert "{{ 7 * 7 }}" in body
    assert posts[0][1]["problems"][0]["subject"] == odd


def test_one_cause_of_many_units_is_one_paragraph() -> None:
    many = met(*(result(f"A{number:02}", reason="MongoDB: found nothing answers") for number in range(30)))
    assert text_of(many).count("What happened") == 1
    assert "A11 and 18 more" in text_of(many)
    assert subject_of([*many, replace(many[0], happened="else")]).endswith(", and 1 more")


def test_every_kind_says_what_happened_what_is_right_and_what_to_do() -> None:
    every = [
        *met(result("KO"), {**result("GE"), "quarantined": False}),
        of_task("score", "publish", "found 3 rows out of range; expected none.", LINK),
        of_lateness(NEXT, MOMENT.at, LINK),
    ]
    assert {problem.kind for problem in every} == {"quarantined", "failed", "stopped", "late"}
    for problem in every:
        shown = html_of([problem])
        assert all(told and told in shown for told in (problem.happened, problem.to_do, problem.link))
        assert "published" in problem.still_right
    assert of_units("train", "train_models", [], [("direction", "VIX")], LINK)[0][0].place == Place(
        "direction", "train", "VIX"
    )


def test_a_task_that_fails_where_the_warehouse_is_down_is_told_all_the_same(
    settings: Settings, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = settings.model_copy(
        update={"warehouse_url": settings.warehouse_url.__class__("postgresql+psycopg2://127.0.0.1:9/x")}
    )
    monkeypatch.setattr(notices, "settings_of_task", lambda: gone)
    given = {"dag_id": "publish_probabilities", "run_id": "r", "partition_key": MOMENT.at.isoformat()}
    run = type("Run", (), {**given, "run_type": "asset_triggered"})
    ti = type("Task", (), {"dag_id": "publish_probabilities", "task_id": "publish", "map_index": -1})
    notices.tell_failure({"ti": ti, "dag_run": run, "exception": ValueError("the server is gone")})
    ((_, mail),) = inbox.mails
    assert mail["Subject"] == "[Brain] publish: stopped"
    assert "the server is gone" in body_of(mail)
    by_hand = type("Run", (), {**given, "run_type": "manual"})
    notices.tell_failure({"ti": ti, "dag_run": by_hand, "exception": ValueError("a slip in the form")})
    assert len(inbox.mails) == 1
