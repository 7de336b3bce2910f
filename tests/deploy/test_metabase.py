"""The script that makes Metabase's administrator, against what Metabase's API documentation says it answers.

Metabase itself cannot be had here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

INIT = Path(__file__).parents[2] / "deploy" / "metabase" / "init.py"
TOKEN = "29be9d33-2a4f-4a8a-a2a9-5f3bd4d4c0b0"


class Documented(BaseHTTPRequestHandler):
    """GET /api/session/properties gives the token; POST /api/setup takes it once."""

    users: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        found = {"has-user-setup": bool(self.users), "setup-token": None if self.users else TOKEN}
        self._answer(200, found if self.path == "/api/session/properties" else {})

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/api/setup" or given["token"] != TOKEN or self.users:
            self._answer(403, {})
            return
        self.users.append(given["user"])
        self._answer(200, {"id": "a session"})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def metabase() -> Iterator[str]:
    Documented.users.clear()
    with HTTPServer(("127.0.0.1", 0), Documented) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _init(url: str, password: str, folder: Path) -> subprocess.CompletedProcess[str]:
    secret = folder / "metabase_admin_password"
    secret.write_text(f"{password}\n")
    given = {"METABASE_URL": url, "METABASE_ADMIN_EMAIL": "a@example.com", "METABASE_ADMIN_PASSWORD_FILE": str(secret)}
    command = [sys.executable, str(INIT)]
    return subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True)


def test_the_administrator_is_made_once(metabase: str, tmp_path: Path) -> None:
    for password in ("the first", "another"):
        done = _init(metabase, password, tmp_path)
        assert done.returncode == 0, done.stderr
        assert password not in done.stdout + done.stderr
    (user,) = Documented.users
    assert (user["email"], user["password"]) == ("a@example.com", "the first")


def test_a_refusal_fails(metabase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "TOKEN", "another")
    monkeypatch.setattr(Documented, "do_GET", lambda self: self._answer(200, {"setup-token": "old"}))
    assert _init(metabase, "secret-word", tmp_path).returncode != 0
