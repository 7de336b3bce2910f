"""A process of steps, and what servers and network do meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.fault_injection.proxy import Proxy
from benchmarks.working_day.play import measured, settings_day
from brain.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.working_day.world import World
    from brain.core.moment import Moment
    from local.servers import Servers

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Wires:
    """Between the steps and each server a proxy that counts.

    Args:
        postgres: In front of the source and the warehouse.
    """

    postgres: Proxy
    mongo: Proxy

    def ports(self) -> dict[int, int]:
        """Where each proxy listens, by the port of its server."""
        return {proxy.target: proxy.port for proxy in (self.postgres, self.mongo)}


@contextmanager
def wires(servers: Servers) -> Iterator[Wires]:
    """Proxies in front of the servers."""
    made = Wires(Proxy(servers.postgres_port), Proxy(servers.mongo_port))
    try:
        yield made
    finally:
        made.postgres.close()
        made.mongo.close()


@dataclass(frozen=True)
class Player:
    """How steps are done and watched.

    Args:
        apart: In a process of their own, which is what a user pays; otherwise in this one.
    """

    wire: Wires
    apart: bool

    def play(self, world: World, moment: Moment, workers: int, names: Sequence[str]) -> list[dict[str, Any]]:
        """What each step took: wall and CPU seconds of its processes, their peak memory, and bytes by where they went.

        Also ``server_cpu``: CPU seconds of PostgreSQL and MongoDB meanwhile.

        Raises:
            RuntimeError: The process failed; the end of its error output is given.
        """
        if self.apart:
            return self._play_apart(world, moment, workers, names)
        day = settings_day(Settings.load({}, world.variables(self.wire.ports())), moment, workers)
        return [self._watched(world, workers, partial(measured, day, name)) for name in names]

    def _play_apart(self, world: World, moment: Moment, workers: int, names: Sequence[str]) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "benchmarks.working_day.play", moment.at.isoformat(), str(workers), *names]
        environ = {**os.environ, **world.variables(self.wire.ports())}
        errors = world.folder / f"errors_{world.name}.log"
        with (
            errors.open("w") as told,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, text=True, env=environ, cwd=ROOT
            ) as process,
        ):
            return [self._watched(world, workers, partial(_next, process, errors)) for _ in names]

    def _watched(self, world: World, workers: int, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        before = _counted(world.servers, self.wire)
        told = do()
        after = _counted(world.servers, self.wire)
        return {**told, **{name: after[name] - before[name] for name in before}, "workers": workers}


def _next(process: subprocess.Popen[str], errors: Path) -> dict[str, Any]:
    """What the next step of a process took."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.startswith("{"):
        process.wait()
        raise RuntimeError(f"a step failed: {errors.read_text()[-2000:]}")
    told: dict[str, Any] = json.loads(line)
    return told


def _counted(servers: Servers, wire: Wires) -> dict[str, float]:
    return {
        "server_cpu": cpu_of_servers(servers),
        "postgres_bytes": wire.postgres.moved,
        "mongo_bytes": wire.mongo.moved,
    }


def cpu_of_servers(servers: Servers) -> float:
    """CPU seconds of PostgreSQL and MongoDB since they were started."""
    pids = (servers.mongo.pid(), servers.postgres.pid())
    return sum(_cpu_of_tree(pid) for pid in pids if pid is not None)


def _cpu_of_tree(pid: int) -> float:
    """CPU seconds of a server, of its processes that run and of those that have ended."""
    server = psutil.Process(pid)
    seconds = sum(server.cpu_times()[:4])  # of itself and of children that were waited for
    for child in server.children(recursive=True):
        try:
            seconds += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(seconds)
