"""People are told by a real SMTP server and a real HTTP endpoint, through Airflow's notifiers."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest

from brain.core.errors import SettingsError
from brain.core.moment import Moment
from brain.warehouse import notices as table
from brain.warehouse.notices import Place
from brain.warehouse.read import ask
from local.inbox import PLAIN, Inbox, running_inbox
from local.inbox import html_of as body_of
from orchestration import delivery, notices
from orchestration.delivery import deliver
from orchestration.problems import html_of, of_lateness, of_task, of_units, subject_of, text_of

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
        deliver(settings, moment)
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
    deliver(settings, MOMENT)
    assert ask(settings.warehouse_url, "SELECT subject, mailed_at, posted_at FROM notices").rows == [("KO", None, None)]


def test_a_way_that_fails_keeps_no_other_from_telling(
    settings: Settings, posts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, Inbox(port=9).connection)  # nothing listens there
    table.note(settings.warehouse_url, MOMENT, met(result("KO")))
    with pytest.raises(OSError, match="refused"):
        deliver(settings, MOMENT)
    assert len(posts) == 1
    with pytest.raises(OSError, match="refused"):
        deliver(settings, MOMENT)
    assert len(posts) == 1


def test_a_mail_without_recipients_is_refused_with_what_to_do(
    settings: Settings, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, {**inbox.connection, "extra": {**PLAIN, "from_email": "brain@example.com"}})
    table.note(settings.warehouse_url, MOMENT, met(result("KO")))
    with pytest.raises(SettingsError, match="no recipient"):
        deliver(settings, MOMENT)


def with_notices(settings: Settings, text: str, folder: Path) -> Settings:
    path = folder / "catalogue.yaml"
    path.write_text(f"assets: [GOLD]\nnotices:\n{indent(text, '  ')}")
    return settings.model_copy(update={"catalogue_path": path})


def test_a_route_decides_who_is_told_and_everybody_else_is_told_the_rest(
    settings: Settings, inbox: Inbox, posts: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = json.loads(os.environ["AIRFLOW_CONN_BRAIN_WEBHOOK"])["host"].replace("brain", "desk")
    monkeypatch.setenv("AIRFLOW_CONN_DESK_HOOK", json.dumps({"conn_type": "http", "host": address}))
    routes = """
routes:
- {subject: 'K*', mail: [desk@example.com], webhook: desk_hook}
- {kinds: [failed], mail: [], webhook: ''}
"""
    given = with_notices(settings, routes, tmp_path)
    table.note(given.warehouse_url, MOMENT, met(result("KO"), result("GOLD"), {**result("GE"), "quarantined": False}))
    for _ in range(2):
        deliver(given, MOMENT)
    assert sorted((to, mail["Subject"]) for to, mail in inbox.mails) == [
        (["desk@example.com"], "[Brain] KO: quarantined"),
        (["team@example.com", "boss@example.com"], "[Brain] GOLD: quarantined"),
    ]
    assert sorted((path, [one["subject"] for one in said["problems"]]) for path, said in posts) == [
        ("/hooks/brain", ["GOLD"]),
        ("/hooks/desk", ["KO"]),
    ]


def test_a_route_to_nowhere_says_so_and_keeps_no_other_from_being_told(
    settings: Settings, posts: list[Any], tmp_path: Path
) -> None:
    given = with_notices(settings, "routes: [{subject: KO, webhook: nowhere}]", tmp_path)
    table.note(given.warehouse_url, MOMENT, met(result("KO"), result("GOLD")))
    with pytest.raises(SettingsError, match="no Airflow Connection of that name"):
        deliver(given, MOMENT)
    assert [one["subject"] for _, said in posts for one in said["problems"]] == ["GOLD"]


def test_quiet_hours_hold_back_until_they_end(
    settings: Settings, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = with_notices(settings, "quiet_hours: {from: 22:00, to: 07:00, time_zone: Europe/Berlin}", tmp_path)
    table.note(given.warehouse_url, MOMENT, [*met(result("KO")), of_lateness(MOMENT, None, LINK)])

    class Clock(datetime):
        hour_of_day = 3  # four in Berlin

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 11, 23, cls.hour_of_day, tzinfo=tz)

    monkeypatch.setattr(delivery, "datetime", Clock)
    deliver(given, MOMENT)
    assert [mail["Subject"] for _, mail in inbox.mails] == ["[Brain] the published tables: late"]
    Clock.hour_of_day = 6
    deliver(given, MOMENT)
    deliver(given, MOMENT)
    assert [mail["Subject"] for _, mail in inbox.mails][1:] == ["[Brain] KO: quarantined"]


def test_a_wrong_catalogue_keeps_nobody_from_being_told(settings: Settings, inbox: Inbox, tmp_path: Path) -> None:
    given = with_notices(settings, "quiet_hours: {from: noon, to: 07:00}", tmp_path)
    table.note(given.warehouse_url, MOMENT, met(result("KO")))
    deliver(given, MOMENT)
    assert len(inbox.mails) == 1


def test_the_same_news_sent_again_is_the_same_mail(settings: Settings, inbox: Inbox) -> None:
    table.note(settings.warehouse_url, MOMENT, met(result("KO")))
    with pytest.raises(OSError, match="killed"), killed_before_it_remembers():
        deliver(settings, MOMENT)
    deliver(settings, NEXT)
    first, second = (mail["Message-ID"] for _, mail in inbox.mails)
    assert first == second


@contextmanager
def killed_before_it_remembers() -> Iterator[None]:
    """The mail is out, its mark is not."""
    whole = delivery._mail

    def mail(*given: Any) -> None:
        whole(*given)
        raise OSError("killed")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delivery, "_mail", mail)
        yield


def test_many_causes_are_one_message_that_can_be_read() -> None:
    many = met(*(result(f"A{number:03}", reason=f"{number + 1} rows without Close") for number in range(300)))
    assert text_of(many).count("What happened") == 20
    assert "And 280 more" in text_of(many)
    assert html_of(many).count("<h3>") == 20
    assert "And 280 more" in html_of(many)
    assert "And" not in text_of(many[:20])


def test_odd_names_are_shown_and_never_interpreted(settings: Settings, inbox: Inbox, posts: list[Any]) -> None:
    odd = "<script>alert(1)</script> {{ 7 * 7 }}\r\nBcc: x@example.com"
    table.note(settings.warehouse_url, MOMENT, met(result(odd)))
    deliver(settings, MOMENT)
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
