"""Superset on one machine: an environment of its own, its database in a file, one process that serves it.

It pins pandas 2.1 and SQLAlchemy 1.4, so that it cannot stand in our environment, and runs by a Python of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brain.core.errors import EmbeddedServerError
from local import ports, process
from local.state import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.state import State

NAME = "Superset"
USUAL_PORT = 8088
USER = "admin"
PYTHONS = ">=3.11,<3.13"  # that pandas 2.1 has wheels for
START_SECONDS = 120.0
STOP_SECONDS = 10.0
THREADS = 8  # a dashboard asks for all of its charts at once


@dataclass(frozen=True)
class Superset:
    """The Superset of one project.

    Args:
        home: The project's `.brain`.
        sources: The folder of its lock, its configuration and what is shown in it.
    """

    home: Path
    sources: Path

    @property
    def folder(self) -> Path:
        """Its environment, its database, its secrets."""
        return self.home / "superset"

    @property
    def python(self) -> Path:
        return self.folder / "env" / "bin" / "python"

    def log(self, what: str = "server") -> Path:
        return self.home / "logs" / f"superset-{what}.log"

    def url(self, state: State) -> str:
        return f"http://{ports.LOOPBACK}:{state.ports['superset']}"

    def password(self, state: State) -> str:
        """Of the user `admin`."""
        return state.password("superset_admin")

    def is_installed(self, state: State) -> bool:
        """Whether the environment is the one of the lock."""
        return self.python.exists() and state.versions.get("superset_env") == self._digest("requirements.txt")

    def install(self, state: State) -> None:
        """Make the environment that the lock describes; nothing is done where it is there.

        Raises:
            EmbeddedServerError: It cannot be made; the message names the log.
        """
        if self.is_installed(state):
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        uv = Path(sys.executable).parent / "uv"
        lock = self.sources / "requirements.txt"
        self._do("install", [uv, "venv", "--quiet", "--clear", "--python", PYTHONS, self.python.parents[1]])
        self._do("install", [uv, "pip", "sync", "--quiet", "--python", self.python, lock])
        state.versions["superset_env"] = self._digest("requirements.txt")

    def prepare(self, state: State, reader: str) -> None:
        """Write its secrets, and bring its database to the version of the environment, with an administrator.

        Args:
            reader: URL of the warehouse for the read-only role.

        Raises:
            EmbeddedServerError: It failed; the message names the log.
        """
        secrets = {name: state.secret(f"superset_{name}") for name in ("key", "guests", "queries")}
        write_private(
            self.folder / "secrets.json", json.dumps({**secrets, "admin": self.password(state), "reader": reader})
        )
        done = self._digest("requirements.txt", "prepare.py")
        if state.versions.get("superset") == done and (self.folder / "superset.db").exists():
            return
        self._do("prepare", [self.python, self.sources / "prepare.py"])
        state.versions["superset"] = done

    def start(self, state: State) -> None:
        """Start it where it does not run; return once it answers.

        Raises:
            EmbeddedServerError: It does not answer in time; the message holds the end of its log.
        """
        if not self.running(state):
            state.ports["superset"] = ports.choose(state.ports.get("superset", USUAL_PORT))
            bind = f"{ports.LOOPBACK}:{state.ports['superset']}"
            served = ["--workers", "1", "--worker-class", "gthread", "--threads", str(THREADS), "--timeout", "90"]
            command: list[str | Path] = [self.python, "-m", "gunicorn", "--bind", bind, *served]
            command.append("superset.app:create_app()")
            state.pids["superset"] = process.spawn(command, self.log(), environ=self.environ(), folder=self.folder)
        process.wait_for(
            lambda: self._answers(state),
            lambda: self.running(state),
            name=NAME,
            log=self.log(),
            seconds=START_SECONDS,
        )

    def running(self, state: State) -> bool:
        return process.is_running(state.pids.get("superset"), self.folder)

    def stop(self, state: State) -> bool:
        """Stop it with its descendants.

        Returns:
            Whether it was running.
        """
        was_running = self.running(state)
        if "superset" in state.pids:
            process.stop_sessions([state.pids.pop("superset")], self.folder, seconds=STOP_SECONDS)
        return was_running

    def environ(self) -> dict[str, str]:
        """What it runs with; the calling shell's variables for Superset and Flask do not leak into it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SUPERSET_", "FLASK_", "PYTHON"))}
        return inherited | {
            "SUPERSET_HOME": str(self.folder),
            "SUPERSET_CONFIG_PATH": str(self.sources / "superset_config.py"),
            "PYTHONUNBUFFERED": "1",
            "UV_SYSTEM_CERTS": "true",  # what the machine trusts: many networks have an authority of their own
        }

    def _answers(self, state: State) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url(state)}/health", timeout=5) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except OSError:
            return False

    def _do(self, what: str, command: Sequence[str | Path]) -> None:
        log = self.log(what)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            ended = subprocess.run(  # noqa: S603 - every argument is ours
                command, env=self.environ(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        if ended.returncode != 0:
            last = log.read_text(errors="replace").strip().splitlines()[-8:]
            raise EmbeddedServerError(
                NAME,
                found=f"its step `{what}` ended with {ended.returncode}",
                expected="Superset in an environment of its own",
                remedy="\n".join([f"Read {log}; it ends with:", *last]),
            )

    def _digest(self, *names: str) -> str:
        return hashlib.sha256(b"".join((self.sources / name).read_bytes() for name in names)).hexdigest()[:16]
