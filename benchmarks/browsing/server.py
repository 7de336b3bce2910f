"""Airflow's API server alone, below a path, with the plugins of this checkout and users of four kinds."""

from __future__ import annotations

import configparser
import json
import os
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local import process
from local.airflow import Airflow
from local.state import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.servers import Servers

ROOT = Path(__file__).parents[2]
PATH = "/behind/a/proxy"
USERS = {"admin": "admin", "editor": "user", "viewer": "viewer", "nobody": ""}  # and their roles
COOKIE = "_token"
SECONDS = 300.0


@dataclass(frozen=True)
class PageServer:
    """A running API server.

    Args:
        url: Where Airflow's UI is, without a slash at the end.
        password: Of every user.
    """

    url: str
    password: str

    @property
    def page(self) -> str:
        """Where the Brain page is."""
        return f"{self.url}/brain/"

    def token(self, user: str) -> str:
        """What a login gives."""
        body = json.dumps({"username": user, "password": self.password}).encode()
        request = urllib.request.Request(f"{self.url}/auth/token", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["access_token"])


@contextmanager
def page_server(
    servers: Servers, variables: Mapping[str, str], plugins: Path = ROOT / "plugins"
) -> Iterator[PageServer]:
    """The API server on `servers`; its page reads what `variables` (BRAIN_*) name.

    Args:
        plugins: The folder of its plugins.
    """
    with tempfile.TemporaryDirectory(prefix="brain-page-") as name:
        folder = Path(name)
        (folder / "dags").mkdir()
        (folder / "plugins").symlink_to(plugins)
        home = folder / ".brain"
        (home / "logs").mkdir(parents=True)
        airflow = Airflow(home, folder)
        airflow.configure(servers)
        running = PageServer(airflow.url(servers.state) + PATH, airflow.password(servers.state))
        _widen(airflow, running)
        airflow.migrate(servers.state)
        environ = {**airflow.environ(), **variables}
        program = Path(airflow.environ()["PATH"].split(os.pathsep)[0]) / "airflow"
        log = airflow.log("api-server")
        pid = process.spawn([program, "api-server"], log, environ=environ, folder=airflow.folder)
        try:
            process.wait_for(
                lambda: _answers(running.url),
                lambda: process.is_running(pid, airflow.folder),
                name="Airflow",
                log=log,
                seconds=SECONDS,
            )
            yield running
        finally:
            process.stop_sessions([pid], airflow.folder, seconds=10)


def _widen(airflow: Airflow, running: PageServer) -> None:
    """Put Airflow below a path, and let its users in."""
    path = airflow.folder / "airflow.cfg"
    parser = configparser.RawConfigParser()
    parser.read(path)
    parser["api"]["base_url"] = running.url
    parser["core"]["simple_auth_manager_users"] = ",".join(f"{user}:{role}" for user, role in USERS.items())
    with path.open("w") as file:
        parser.write(file)
    write_private(airflow.folder / "passwords.json", json.dumps(dict.fromkeys(USERS, running.password)))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/v2/version", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
