"""What is done to a running Airflow: a task killed in the middle of its step, a scheduler with all it has in hand."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING

import psutil
import psycopg2
from sqlalchemy import make_url

from local.state import locked, save_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.airflow_faults.machine import Machine

POLL_SECONDS = 0.05
APPEAR_SECONDS = 120.0
RUNNING = (
    "SELECT pid FROM task_instance WHERE state = 'running' AND pid IS NOT NULL AND dag_id = '{}' AND task_id = '{}'"
)
BLOCKED = "SELECT client_port FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"

Blocked = Callable[[], set[int]]  # the ports of the clients that wait
Hold = AbstractContextManager[Blocked]


def reading(machine: Machine, table: str) -> Hold:
    """Stops whoever reads a source table."""
    url = machine.servers.connections()["BRAIN_DEMO_URL"]
    return _postgres(machine, url, f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')


def publishing(machine: Machine) -> Hold:
    """Stops whoever publishes, in the middle of the transaction."""
    url = machine.settings.warehouse_url.get_secret_value()
    return _postgres(machine, url, "SELECT FROM writer_fences WHERE work = 'direction' FOR UPDATE")


@contextmanager
def storing(machine: Machine) -> Iterator[Blocked]:
    """Stops whoever writes into the model store."""
    with machine.servers.mongo.administrator(machine.servers.mongo_port) as client:
        client.admin.command("fsync", lock=True)

        def blocked() -> set[int]:
            waiting = client.admin.command("currentOp", waitingForLock=True)["inprog"]
            return {int(one["client"].rpartition(":")[2]) for one in waiting if "client" in one}

        try:
            yield blocked
        finally:
            client.admin.command("fsyncUnlock")


def kill_in_the_middle(machine: Machine, hold: Hold, dag_id: str, task_id: str) -> int:
    """Kill a task while it waits in the middle of its step for a lock that is held.

    Returns:
        The process id it had.
    """
    with hold as blocked:
        deadline = time.monotonic() + APPEAR_SECONDS
        while time.monotonic() < deadline:
            ports = blocked()
            for (pid,) in machine.ask_airflow(RUNNING.format(dag_id, task_id)) if ports else ():
                if ports & _own_ports(pid):
                    os.kill(pid, signal.SIGKILL)
                    return int(pid)
            time.sleep(POLL_SECONDS)
    raise TimeoutError(f"no task {dag_id}.{task_id} waited in the middle of its step within {APPEAR_SECONDS:.0f} s")


def kill_scheduler(machine: Machine) -> int:
    """Kill the scheduler with its workers and their tasks at once, as the end of a container does.

    Returns:
        How many processes died.
    """
    leader = machine.servers.state.pids["scheduler"]
    session = [process for process in psutil.process_iter() if _session(process.pid) == leader]
    for process in session:
        process.kill()
    psutil.wait_procs(session, 10)
    return len(session)


def restart(machine: Machine) -> None:
    """Start what does not run."""
    state = machine.servers.state
    with locked(machine.home):
        machine.airflow.start(state)
        save_state(machine.home, state)


@contextmanager
def _postgres(machine: Machine, address: str, statement: str) -> Iterator[Blocked]:
    url = make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)
    servers = machine.servers  # who waits is shown to the administrator only
    with (
        closing(psycopg2.connect(url)) as holder,
        closing(servers.postgres.connect("postgres", servers.postgres_port)) as watcher,
    ):
        watcher.autocommit = True
        with holder.cursor() as cursor, watcher.cursor() as asking:
            cursor.execute(statement)

            def blocked() -> set[int]:
                asking.execute(BLOCKED, (holder.info.backend_pid,))
                return {port for (port,) in asking.fetchall()}

            yield blocked


def _own_ports(pid: int) -> set[int]:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return {one.laddr.port for member in family for one in member.net_connections("tcp")}
    except psutil.NoSuchProcess:
        return set()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0
