"""The script that sets Metabase up, against a recorded contract: what its API documentation says it takes and answers.

Metabase itself cannot be had here, so that what is tried is the script, not the server. The contract is in
`metabase_contract.json`: for each call, what the body must have and what is answered. A call that is not in it fails.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.cookbook import questions
from tests.docs.reading import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

INIT = ROOT / "deploy" / "metabase" / "init.py"
CONTRACT = json.loads((Path(__file__).parent / "metabase_contract.json").read_text())
COOKBOOK = ROOT / "docs" / "sql-cookbook.md"
TOKEN = "29be9d33-2a4f-4a8a-a2a9-5f3bd4d4c0b0"
SESSION = "38f4939c-ad7f-4cbe-ae54-30946daf8593"
KINDS = {"text": str, "number": int, "flag": bool, "list": list, "mapping": dict}


class Server(HTTPServer):
    """What a Metabase would have kept."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Documented)
        self.user: dict[str, Any] | None = None
        self.databases: list[dict[str, Any]] = [{"id": 1, "name": "Sample Database"}]
        self.collections: list[dict[str, Any]] = [{"id": "root", "name": "Our analytics"}]
        self.items: list[dict[str, Any]] = []
        self.dashcards: dict[int, list[dict[str, Any]]] = {}
        self.broken: list[str] = []
        self.calls: list[str] = []


class Documented(BaseHTTPRequestHandler):
    """Answers what the contract has, and notes what is not in it."""

    server: Server

    def do_GET(self) -> None:
        self._take("GET", {})

    def do_POST(self) -> None:
        self._take("POST", self._body())

    def do_PUT(self) -> None:
        self._take("PUT", self._body())

    def _body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return found

    def _take(self, method: str, body: dict[str, Any]) -> None:
        call = f"{method} {self.path}"
        self.server.calls.append(call)
        known = next((one for one in CONTRACT if re.fullmatch(one["call"], call)), None)
        if known is None:
            self.server.broken.append(f"{call} is not in the contract")
            self._answer(404, "API endpoint does not exist.")
            return
        for name, kind in known["body"].items():
            if not isinstance(_inside(body, name), KINDS[kind]):
                self.server.broken.append(f"{call}: {name} is no {kind}")
        if strange := sorted(set(body) - {name.split(".")[0] for name in known["body"]} - set(known["also"])):
            self.server.broken.append(f"{call}: {', '.join(strange)}")
        if known["session"] and self.headers["X-Metabase-Session"] != SESSION:
            self._answer(401, "Unauthenticated")
            return
        self._answer(*getattr(self, f"on_{known['answer']}")(body))

    def on_properties(self, body: dict[str, Any]) -> tuple[int, Any]:
        is_set_up = self.server.user is not None
        return 200, {"has-user-setup": is_set_up, "setup-token": None if is_set_up else TOKEN}

    def on_setup(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["token"] != TOKEN or self.server.user is not None:
            return 403, {}
        self.server.user = body["user"]
        return 200, {"id": "a session"}

    def on_session(self, body: dict[str, Any]) -> tuple[int, Any]:
        assert self.server.user is not None
        known = (self.server.user["email"], self.server.user["password"])
        is_right = (body["username"], body["password"]) == known
        return (200, {"id": SESSION}) if is_right else (401, {"errors": {"password": "did not match stored password"}})

    def on_databases(self, body: dict[str, Any]) -> tuple[int, Any]:
        return 200, {"data": self.server.databases, "total": len(self.server.databases)}

    def on_add_database(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.server.databases.append({"id": 2, **body})
        return 200, self.server.databases[-1]

    def on_collections(self, body: dict[str, Any]) -> tuple[int, Any]:
        return 200, self.server.collections

    def on_add_collection(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.server.collections.append({"id": 7, **body})
        return 200, self.server.collections[-1]

    def on_items(self, body: dict[str, Any]) -> tuple[int, Any]:
        return 200, {"data": self.server.items, "total": len(self.server.items)}

    def on_add_card(self, body: dict[str, Any]) -> tuple[int, Any]:
        return self._add("card", body)

    def on_add_dashboard(self, body: dict[str, Any]) -> tuple[int, Any]:
        return self._add("dashboard", body)

    def _add(self, kind: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.server.items.append({"id": 100 + len(self.server.items), "model": kind, **body})
        return 200, self.server.items[-1]

    def on_place(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.server.dashcards[int(self.path.rpartition("/")[2])] = body["dashcards"]
        return 200, {}

    def _answer(self, status: int, content: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        pass


def _inside(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


@pytest.fixture
def metabase() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _init(server: Server, folder: Path, password: str = "the first") -> str:
    """What the script prints, once it has ended well."""
    (folder / "password").write_text(f"{password}\n")
    (folder / "url").write_text("postgresql+psycopg2://bi_reader:a%40b@postgres:5433/warehouse?sslmode=require\n")
    given = {
        "METABASE_URL": f"http://127.0.0.1:{server.server_port}",
        "METABASE_ADMIN_EMAIL": "a@example.com",
        "METABASE_ADMIN_PASSWORD_FILE": str(folder / "password"),
        "BRAIN_READER_URL_FILE": str(folder / "url"),
        "COOKBOOK": str(COOKBOOK),
    }
    done = subprocess.run([sys.executable, str(INIT)], env={**os.environ, **given}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not [secret for secret in (password, "a%40b", "a@b") if secret in done.stdout + done.stderr]
    assert server.broken == []
    return done.stdout


def test_everything_is_made_once(metabase: Server, tmp_path: Path) -> None:
    assert "Metabase's administrator is a@example.com." in _init(metabase, tmp_path)
    asked = questions(COOKBOOK.read_text())
    cards = {one["name"]: one for one in metabase.items if one["model"] == "card"}
    assert {name: one["dataset_query"]["native"]["query"] for name, one in cards.items()} == {
        one.title: one.sql for one in asked
    }
    assert {one["dataset_query"]["database"] for one in cards.values()} == {2}
    connection = metabase.databases[-1]["details"]
    assert (connection["host"], connection["port"], connection["dbname"]) == ("postgres", 5433, "warehouse")
    assert (connection["user"], connection["password"], connection["ssl"]) == ("bi_reader", "a@b", True)
    before = len(metabase.calls)
    assert "Metabase has an administrator." in _init(metabase, tmp_path)
    again = [call for call in metabase.calls[before:] if not call.startswith("GET")]
    assert again == ["POST /api/session"]
    assert sum(call == "POST /api/card" for call in metabase.calls) == len(asked)
    assert sum(call == "POST /api/dashboard" for call in metabase.calls) == 1


def test_the_dashboard_shows_the_first_questions_side_by_side(metabase: Server, tmp_path: Path) -> None:
    _init(metabase, tmp_path)
    (placed,) = metabase.dashcards.values()
    titles = {one["id"]: one["name"] for one in metabase.items}
    assert [titles[one["card_id"]] for one in placed] == [one.title for one in questions(COOKBOOK.read_text())[:6]]
    cells = {
        (x, y) for one in placed for x in range(one["col"], one["col"] + 12) for y in range(one["row"], one["row"] + 6)
    }
    assert len(cells) == len(placed) * 72
    assert max(x for x, _ in cells) < 24
    assert len({one["id"] for one in placed}) == len(placed)


def test_what_was_interrupted_is_finished_and_what_was_changed_stays(metabase: Server, tmp_path: Path) -> None:
    _init(metabase, tmp_path)
    kept = {"id": 5, "model": "card", "name": questions(COOKBOOK.read_text())[0].title, "dataset_query": "as I like it"}
    metabase.items[:] = [kept]
    _init(metabase, tmp_path)
    assert metabase.items[0] == kept
    assert len({one["name"] for one in metabase.items if one["model"] == "card"}) == len(
        questions(COOKBOOK.read_text())
    )


def test_a_password_that_somebody_has_changed_ends_it_well(metabase: Server, tmp_path: Path) -> None:
    _init(metabase, tmp_path)
    before = len(metabase.items)
    assert "another password" in _init(metabase, tmp_path, "an older one")
    assert len(metabase.items) == before


def test_a_refusal_fails(metabase: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Documented, "on_setup", lambda self, body: (403, {}))
    with pytest.raises(AssertionError):
        _init(metabase, tmp_path)


def test_a_call_that_metabase_does_not_have_is_noticed(metabase: Server, tmp_path: Path) -> None:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{metabase.server_port}/api/cards")
    assert metabase.broken == ["GET /api/cards is not in the contract"]
