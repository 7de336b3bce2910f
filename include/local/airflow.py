"""Airflow on one machine: its configuration, its metadata schema, its four processes.

The four components are started by themselves rather than through ``airflow standalone``, which would keep a fifth
process, start seconds later, and serve task logs to the network on two fixed ports (8793, 8794) that a second checkout
could not have.
"""

from __future__ import annotations

import configparser
import importlib.metadata
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brain.core.errors import EmbeddedServerError
from brain.core.settings import CATALOGUE_VARIABLE, HOME_VARIABLE, find_catalogue
from local import ports, process
from local.servers import Servers
from local.state import State, write_private

USUAL_PORT = 8080
USER = "admin"
START_SECONDS = 120.0
STOP_SECONDS = 10.0
# Serving the tasks' logs over the network is for workers on other machines.
COMPONENTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}


@dataclass(frozen=True)
class Airflow:
    """The Airflow of one project.

    Args:
        home: The project's `.brain`.
        project: The folder that holds `dags` and `plugins`.
    """

    home: Path
    project: Path

    @property
    def folder(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    def log(self, component: str) -> Path:
        return self.home / "logs" / f"airflow-{component}.log"

    def url(self, state: State) -> str:
        return f"http://{ports.LOOPBACK}:{state.ports['airflow']}"

    def password(self, state: State) -> str:
        """Of the user `admin` of the UI."""
        return state.password("airflow_admin")

    def configure(self, servers: Servers) -> None:
        """Write ``airflow.cfg`` and the login; `servers.state` gains what had to be made up."""
        state = servers.state
        if not self.running(state):
            state.ports["airflow"] = ports.choose(state.ports.get("airflow", USUAL_PORT))
        self.folder.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        parser = configparser.RawConfigParser()
        parser.read_dict(self._configuration(servers))
        parser.write(text)
        write_private(self.folder / "airflow.cfg", text.getvalue())
        write_private(self.folder / "passwords.json", f'{{"{USER}": "{self.password(state)}"}}\n')

    def migrate(self, state: State) -> None:
        """Bring the metadata schema to the installed version; nothing is done when it is there already.

        Raises:
            EmbeddedServerError: The migration failed.
        """
        version = importlib.metadata.version("apache-airflow-core")
        if state.versions.get("airflow") == version:
            return
        log = self.log("migrate")
        with log.open("ab") as output:
            done = subprocess.run(  # noqa: S603 - every argument is ours
                [_program(), "db", "migrate"], env=self.environ(), cwd=self.folder, stdout=output, stderr=output
            )
        if done.returncode != 0:
            raise EmbeddedServerError(
                "Airflow",
                found=f"`airflow db migrate` ended with {done.returncode}",
                expected="the metadata schema in PostgreSQL",
                remedy=f"Read {log}.",
            )
        state.versions["airflow"] = version

    def start(self, state: State) -> None:
        """Start the components that do not run; `wait` says when they are ready."""
        for component, options in COMPONENTS.items():
            if not process.is_running(state.pids.get(component), self.folder):
                command: list[str | Path] = [*_program_of(component), component, *options]
                log = self.log(component)
                state.pids[component] = process.spawn(command, log, environ=self.environ(), folder=self.folder)

    def running(self, state: State) -> list[str]:
        """Names of the components that run."""
        return [name for name in COMPONENTS if process.is_running(state.pids.get(name), self.folder)]

    def stop(self, state: State) -> bool:
        """Stop every component with its descendants; running tasks are told to end.

        Returns:
            Whether any was running.
        """
        was_running = bool(self.running(state))
        leaders = [state.pids.pop(name) for name in COMPONENTS if name in state.pids]
        process.stop_sessions(leaders, self.folder, seconds=STOP_SECONDS)
        return was_running

    def environ(self) -> dict[str, str]:
        """What the components run with; Airflow variables of the calling shell do not leak into it."""
        # Without bytecode files every task would compile Airflow anew.
        unwanted = "PYTHONDONTWRITEBYTECODE"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_") and k != unwanted}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return inherited | {
            "AIRFLOW_HOME": str(self.folder),
            HOME_VARIABLE: str(self.home),
            CATALOGUE_VARIABLE: str(find_catalogue(os.environ, self.home)),  # no path relative to this folder
            "PATH": path,
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def _configuration(self, servers: Servers) -> Mapping[str, Mapping[str, object]]:
        state = servers.state
        address = self.url(state)
        database = servers.postgres_url("airflow", "airflow")
        return {
            "core": {
                "executor": "LocalExecutor",
                # Training fills a core a task; more at once would only take memory.
                "parallelism": max(2, os.cpu_count() or 2),
                "dags_folder": self.project / "dags",
                "plugins_folder": self.project / "plugins",
                "load_examples": False,
                "dags_are_paused_at_creation": True,
                "min_serialized_dag_update_interval": 5,
                "fernet_key": state.fernet_key("airflow_fernet"),
                "simple_auth_manager_users": f"{USER}:admin",
                "simple_auth_manager_passwords_file": self.folder / "passwords.json",
                "execution_api_server_url": f"{address}/execution/",
            },
            "database": {
                "sql_alchemy_conn": database,
                "sql_alchemy_conn_async": database.replace("psycopg2", "asyncpg"),
                "sql_alchemy_pool_size": 3,
            },
            "api": {
                "host": ports.LOOPBACK,
                "port": state.ports["airflow"],
                "base_url": address,
                "workers": 1,
                "secret_key": state.secret("airflow_api"),
                "expose_config": False,
            },
            "api_auth": {"jwt_secret": state.secret("airflow_jwt")},
            # A finished task is noticed at the next heartbeat; 100 tiny ones took 48 s with the default 5, 19 s with 1.
            "workers": {"min_heartbeat_interval": 1},
            "scheduler": {
                "job_heartbeat_sec": 5,
                "scheduler_idle_sleep_time": 0.5,
                "enable_health_check": False,
                # What a killed scheduler had in hand is taken up by the next one: after 5 minutes with the default.
                "orphaned_tasks_check_interval": 20,
            },
            "dag_processor": {"refresh_interval": 10, "min_file_process_interval": 60, "parsing_processes": 1},
            "logging": {"base_log_folder": self.home / "logs" / "airflow", "colored_console_log": False},
        }


def _program_of(component: str) -> list[str | Path]:
    return [sys.executable, "-m", "local.preloaded"] if component == "scheduler" else [_program()]


def _program() -> Path:
    """The `airflow` command beside the running Python.

    Raises:
        EmbeddedServerError: It is not installed there.
    """
    program = Path(sys.executable).parent / "airflow"
    if not program.exists():
        raise EmbeddedServerError(
            "Airflow",
            found=f"no `airflow` in {program.parent}",
            expected="Airflow installed in this environment",
            remedy="Run `make setup`.",
        )
    return program
