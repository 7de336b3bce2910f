"""Several machines: one with the servers and Airflow's own parts, the others with a Celery worker each.

All are processes of this machine. A worker's folders are its own; what it shares it has by URL: the broker, PostgreSQL,
MongoDB and an object store. What the compose file sets for Airflow is read from there.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from pydantic import SecretStr

from benchmarks.airflow_faults.operator import Operator, started
from benchmarks.machines.object_store import found_by, object_store
from benchmarks.machines.valkey import valkey
from brain.core.settings import CATALOGUE_VARIABLE, HOME_VARIABLE, Settings
from brain.warehouse.read import ask
from local import chain, one_machine, process, servers
from local.airflow import Airflow
from local.servers import Servers

ELSEWHERE = ("AUTH_MANAGER", "EXECUTION_API_SERVER_URL", "HOSTNAME_CALLABLE", "BASE_URL", "ENABLE_HEALTH_CHECK", "_CMD")
NOT_FOR_WORKERS = {("core", "fernet_key"), ("api_auth", "jwt_secret"), ("core", "simple_auth_manager_passwords_file")}
CONCURRENCY = 1  # a core each, on a machine with two


@dataclass(frozen=True)
class CeleryAirflow(Airflow):
    """Airflow's own parts with the settings of the compose file.

    Args:
        options: Variables of Airflow.
    """

    options: Mapping[str, str]

    def environ(self) -> dict[str, str]:
        return {**super().environ(), **self.options}

    def worker_environ(self, running: Servers, home: Path) -> dict[str, str]:
        """What a worker on another machine has: no file of this one, no key of tokens or of Connections."""
        sections = self._configuration(running)
        given = {
            f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
            for section, options in sections.items()
            for name, value in options.items()
            if (section, name) not in NOT_FOR_WORKERS
        }
        here = {
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            HOME_VARIABLE: str(home),
        }
        connections = {name: value for name, value in running.connections().items() if name != "BRAIN_DEMO_URL"}
        return {**super().environ(), **given, **self.options, **connections, **here}


@dataclass
class Worker:
    """One that runs in a folder of its own."""

    name: str
    home: Path
    pid: int

    def tasks_told(self, step: str) -> int:
        """Items of a step that were finished on this machine, by what it keeps for itself."""
        lines = [line for path in self.home.glob("progress/*.jsonl") for line in path.read_text().splitlines()]
        return sum(1 for line in lines if f'"step": "{step}"' in line and '"item"' in line)

    def kill(self) -> None:
        """End every process of it at once, as when a machine loses its power."""
        leader = psutil.Process(self.pid)
        for one in [leader, *leader.children(recursive=True)]:
            try:
                one.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue


@dataclass
class Team:
    """What runs.

    Args:
        settings: Of the shared servers, with the lake on the object store.
    """

    airflow: CeleryAirflow
    running: Servers
    operator: Operator
    settings: Settings
    workers: list[Worker] = field(default_factory=list)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return ask(self.settings.warehouse_url, query).rows

    def ask_airflow(self, query: str) -> list[tuple[Any, ...]]:
        return ask(SecretStr(self.running.postgres_url("airflow", "airflow")), query).rows

    def airflow_seconds(self) -> float:
        """CPU seconds of scheduler, API server, DAG processor and triggerer since they were started."""
        return sum(map(cpu_seconds, self.running.state.pids.values()))

    def worker_seconds(self) -> float:
        """CPU seconds of the workers that live, with their tasks."""
        return sum(cpu_seconds(worker.pid) for worker in self.workers if psutil.pid_exists(worker.pid))

    def start_worker(self, folder: Path, name: str) -> Worker:
        home = folder / name
        (home / "airflow").mkdir(parents=True)
        (home / "airflow" / "airflow.cfg").touch()
        environ = self.airflow.worker_environ(self.running, home)
        command = [sys.executable, *compose_file()["services"]["airflow-worker"]["command"][1:]]
        command += ["--skip-serve-logs", "--celery-hostname", f"{name}@%h"]
        pid = process.spawn(command, home / "worker.log", environ=environ, folder=home)
        self.workers.append(Worker(name, home, pid))
        return self.workers[-1]


@contextmanager
def running_team(catalogue: str, make_market: Any, *, workers: int) -> Iterator[Team]:
    """A team whose DAGs are switched on and of which nothing is due; removed afterwards.

    Args:
        make_market: Called with the URL of the source database to fill it.
    """
    folder = Path(tempfile.mkdtemp(prefix="brain-team-"))
    folder.chmod(0o711)  # PostgreSQL runs under another account when started as root
    home = folder / "shared" / ".brain"
    (folder / "shared").mkdir()
    (folder / "catalogue.yaml").write_text(catalogue)
    own = {HOME_VARIABLE: str(home), CATALOGUE_VARIABLE: str(folder / "catalogue.yaml")}
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        store = parts.enter_context(object_store(folder / "objects"))
        broker = parts.enter_context(valkey(folder / "valkey"))
        parts.enter_context(found_by({**store, **own, "BRAIN_LAKE_URL": "s3://lake/team"}))
        parts.callback(one_machine.clean, home)
        running = servers.up(home, durable=False)
        make_market(running.connections()["BRAIN_DEMO_URL"])
        team = _started(home, running, broker)
        try:
            for number in range(1, workers + 1):
                team.start_worker(folder, f"worker{number}")
            _await_workers(team, broker)
            yield team
        finally:
            process.stop_sessions([worker.pid for worker in team.workers], folder, seconds=5)


def compose_file() -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = yaml.safe_load((one_machine.PROJECT / "docker-compose.yaml").read_text())
    return document


def compose_options() -> dict[str, str]:
    """What the compose file sets for every part of Airflow, but for addresses, secrets and who may log in."""
    given: dict[str, str] = compose_file()["x-airflow-environment"]
    kept = {
        name: value for name, value in given.items() if name.startswith("AIRFLOW__") and not name.endswith(ELSEWHERE)
    }
    return {name: _default(value) for name, value in kept.items()}


def _default(value: str) -> str:
    """Of ``${NAME:-default}`` the default."""
    return value.removeprefix("${").removesuffix("}").partition(":-")[2] if value.startswith("${") else value


def _started(home: Path, running: Servers, broker: str) -> Team:
    options = {
        **compose_options(),
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{running.postgres_url('airflow', 'airflow')}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(CONCURRENCY),
    }
    airflow = CeleryAirflow(home, one_machine.PROJECT, options)
    operator = started(airflow, running, chain.ALL)
    given = {**running.connections(), HOME_VARIABLE: str(home), "BRAIN_LAKE_URL": os.environ["BRAIN_LAKE_URL"]}
    return Team(airflow, running, operator, Settings.load({**os.environ, **given}))


def _await_workers(team: Team, broker: str, seconds: float = 180.0) -> None:
    from celery import Celery

    deadline = time.monotonic() + seconds
    with Celery(broker=broker) as app:
        while len(app.control.inspect(timeout=1.0).ping() or {}) < len(team.workers):
            assert time.monotonic() < deadline, [(w.home / "worker.log").read_text()[-2000:] for w in team.workers]


def cpu_seconds(pid: int) -> float:
    """Of a process and all it has started, ended ones included."""
    total = 0.0
    try:
        leader = psutil.Process(pid)
        for one in [leader, *leader.children(recursive=True)]:
            with_ended = one.cpu_times()
            total += with_ended.user + with_ended.system + with_ended.children_user + with_ended.children_system
    except psutil.NoSuchProcess:
        pass
    return total
