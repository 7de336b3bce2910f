"""Servers that are killed and come back, each behind a proxy; and worlds of fresh databases on them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from psycopg2 import sql

from benchmarks.fault_injection.plays import PLAYS
from benchmarks.fault_injection.proxy import Proxy
from brain.core.settings import Settings
from brain.lake.snapshot import folder_name
from brain.store.connection import disconnect
from brain.workspace import Workspace, open_workspace
from local import servers as embedded
from local.databases import copy_database
from local.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.fault_injection.play import Play

LAKE_MEGABYTES = 24
PREFIX = f"brain-faults-{os.getuid()}-"


@dataclass
class Machine:
    """Two servers of their own in a folder that is removed afterwards.

    Args:
        folder: What is on this machine.
        small_disk: A file system for lakes that can be filled; None where only root may mount one.
    """

    folder: Path
    servers: Servers
    postgres: Proxy
    mongo: Proxy
    small_disk: Path | None

    @property
    def home(self) -> Path:
        return self.folder / ".brain"

    def kill(self, which: str) -> None:
        """Kill a server as it stands: ``postgres`` or ``mongo``."""
        pid = (self.servers.postgres if which == "postgres" else self.servers.mongo).pid()
        if pid is not None:
            victim = psutil.Process(pid)
            victim.send_signal(signal.SIGKILL)
            psutil.wait_procs([victim], timeout=10)

    def recover(self) -> None:
        """Start what is dead, as `brain up` does."""
        self.servers = embedded.up(self.home, durable=False)
        self.postgres.target, self.mongo.target = self.servers.postgres_port, self.servers.mongo_port


@contextmanager
def machine() -> Iterator[Machine]:
    """A running machine."""
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)  # PostgreSQL runs under another account when started as root
    home = folder / ".brain"
    proxies: list[Proxy] = []
    small_disk = _mounted(folder / "disk")
    try:
        running = embedded.up(home, durable=False)
        proxies = [Proxy(running.postgres_port), Proxy(running.mongo_port)]
        yield Machine(folder, running, proxies[0], proxies[1], small_disk)
    finally:
        for proxy in proxies:
            proxy.close()
        _remove(folder)


def _remove_abandoned() -> None:
    """Stop and delete what harnesses that were killed left behind; a folder's name holds the process that made it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if not psutil.pid_exists(int(folder.name.removeprefix(PREFIX).split("-")[0])):
            _remove(folder)


def _remove(folder: Path) -> None:
    embedded.remove(folder / ".brain")
    if (folder / "disk").is_mount():
        subprocess.run(["umount", "-l", str(folder / "disk")], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _mounted(folder: Path) -> Path | None:
    """A file system of a few megabytes; None where it cannot be had."""
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={LAKE_MEGABYTES}m", "tmpfs", str(folder)]
    if mount is None or os.getuid() != 0 or subprocess.run([mount, *options], check=False).returncode:
        return None
    return folder


@dataclass
class World:
    """Fresh databases and an empty lake on a machine.

    Args:
        variables: The BRAIN_* variables of a step: through the proxies.
    """

    machine: Machine
    name: str
    lake: Path
    play: Play

    @property
    def catalogue(self) -> Path:
        return self.machine.folder / f"catalogue_{self.name}.yaml"

    def folder(self, name: str) -> Path:
        """Where the lake keeps an input."""
        return self.lake / self.play.space / folder_name(name)

    def variables(self, *, direct: bool = False) -> dict[str, str]:
        """The BRAIN_* variables: of a step through the proxies, or of the supervisor directly."""
        servers = self.machine.servers
        given = servers.connections(f"market_{self.name}", f"warehouse_{self.name}", f"brain_{self.name}")
        if not direct:
            for server, proxy in (
                (servers.postgres_port, self.machine.postgres),
                (servers.mongo_port, self.machine.mongo),
            ):
                given = {name: url.replace(f":{server}/", f":{proxy.port}/") for name, url in given.items()}
        return {
            **given,
            "BRAIN_HOME": str(self.machine.home / self.name),
            "BRAIN_LAKE_URL": str(self.lake),
            "BRAIN_CATALOGUE": str(self.catalogue),
        }

    @property
    def market_url(self) -> str:
        return self.variables(direct=True)["BRAIN_DEMO_URL"]

    @property
    def settings(self) -> Settings:
        return Settings.load({"BRAIN_HOME": str(self.machine.home)}, self.variables(direct=True))

    def workspace(self) -> Workspace:
        return open_workspace(self.settings)


@contextmanager
def world(machine: Machine, play: Play | None = None) -> Iterator[World]:
    """A world, removed afterwards."""
    name = uuid.uuid4().hex[:10]
    servers = machine.servers
    servers.mongo.admit(servers.mongo_port, f"brain_{name}")
    _each_database(machine, name, make=True)
    root = machine.small_disk or machine.folder
    made = World(machine, name, root / f"lake_{name}", play or PLAYS["direction"])
    made.catalogue.write_text(made.play.catalogue)
    try:
        yield made
    finally:
        machine.recover()
        disconnect(made.settings.mongo_url)
        with machine.servers.mongo.administrator(machine.servers.mongo_port) as client:
            client.drop_database(f"brain_{name}")
            client.admin.command("dropUser", f"brain_{name}")
        _each_database(machine, name, make=False)
        shutil.rmtree(made.lake, ignore_errors=True)


def _each_database(machine: Machine, name: str, *, make: bool) -> None:
    servers = machine.servers
    with closing(servers.postgres.connect("postgres", servers.postgres_port)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for template in ("market", "warehouse"):
                made = f"{template}_{name}"
                if make:
                    copy_database(cursor, template, made)
                else:
                    cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made)))
