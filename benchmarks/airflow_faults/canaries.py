"""Secrets that were planted, and everywhere that they must not turn up: Airflow's database, its answers, its logs."""

from __future__ import annotations

import base64
import io
import json
import secrets
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql
from sqlalchemy import make_url

from brain.core.errors import BrainError
from local.chain import DAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.airflow_faults.machine import Machine

# Airflow's own list of connections by task: passwords there are encrypted, and its API masks them.
CONNECTIONS = {
    "brain_source": "BRAIN_SOURCE_URL",
    "brain_warehouse": "BRAIN_WAREHOUSE_URL",
    "brain_models": "BRAIN_MONGO_URL",
}
KEYS = {"brain_signing": "BRAIN_SIGNING_KEYS", "brain_encryption": "BRAIN_ENCRYPTION_KEYS"}
LISTS = (
    *("dags", "dags/~/dagRuns", "dags/~/dagRuns/~/taskInstances", "assets", "assets/events", "eventLogs", "jobs"),
    *("connections", "variables", "pools", "importErrors", "plugins", "dagWarnings", "providers", "backfills?dag_id="),
)
PAGE = 100


def plant(machine: Machine, spoilt: Mapping[str, str] | None = None) -> None:
    """Give Airflow the connections and keys of this machine, so that tasks get every secret from it.

    Args:
        spoilt: Another password for a connection, by name.
    """
    given = machine.servers.connections()
    for name, variable in CONNECTIONS.items():
        url = make_url(given[variable])
        body = {
            "connection_id": name,
            "conn_type": "mongo" if name == "brain_models" else "postgres",
            "login": url.username,
            "password": (spoilt or {}).get(name, url.password),
            "host": url.host,
            "port": url.port,
            "schema": url.database,
            "extra": json.dumps(dict(url.query)),
        }
        machine.operator.connect(body)
    for name, variable in KEYS.items():
        machine.operator.connect({"connection_id": name, "conn_type": "generic", "password": given[variable]})


def fresh_canary() -> str:
    """A password like no other text."""
    return f"canary{secrets.token_hex(12)}"


def all_secrets(machine: Machine) -> dict[str, str]:
    """Every password and key of the machine, by name."""
    state = machine.servers.state
    return {f"password of {name}": text for name, text in state.passwords.items()} | {
        f"key {name}": text for name, text in state.keys.items()
    }


def leaks(planted: Mapping[str, str], found: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where a secret stands, as it is, quoted for a URL, or in base64."""
    told = []
    forms = {name: _forms(text) for name, text in planted.items()}
    for place, content in found:
        told += [f"{name} in {place}" for name, texts in forms.items() if any(text in content for text in texts)]
    return told


def everywhere(machine: Machine) -> Iterator[tuple[str, bytes]]:
    """Every place a person or another program can look, with what is there."""
    yield from _tables(machine)
    yield from _files(machine)
    yield from _answers(machine)
    yield from _command_lines(machine)


def _forms(text: str) -> set[bytes]:
    raw = text.encode()
    return {raw, quote(text, safe="").encode(), base64.b64encode(raw).rstrip(b"=")[:-1]}


def _tables(machine: Machine) -> Iterator[tuple[str, bytes]]:
    """Airflow's database, XCom, rendered fields, serialized DAGs and all."""
    url = make_url(machine.servers.postgres_url("airflow", "airflow")).set(drivername="postgresql")
    with (
        closing(psycopg2.connect(url.render_as_string(hide_password=False))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (name,) in cursor.fetchall():
            content = io.BytesIO()
            cursor.copy_expert(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name)), content)
            yield f"table {name}", content.getvalue()


def _files(machine: Machine) -> Iterator[tuple[str, bytes]]:
    """Logs of servers, components and tasks; progress; pages of the quality gate; what was staged."""
    for folder in ("logs", "progress", "lake"):
        for path in sorted((machine.home / folder).rglob("*")):
            if path.is_file():
                yield f"file {path.relative_to(machine.home)}", path.read_bytes()


def _answers(machine: Machine) -> Iterator[tuple[str, bytes]]:
    """What the API says to an administrator."""
    operator = machine.operator
    for path in LISTS:
        yield from _pages(machine, path)
    for dag_id in DAGS:
        for run in operator.runs(dag_id):
            where = f"dags/{dag_id}/dagRuns/{quote(run.run_id, safe='')}/taskInstances"
            for task in operator.tasks(run):
                number = f"?map_index={task.map_index}"
                yield from _answer(machine, f"{where}/{task.task_id}/xcomEntries/return_value{number}")
                for tried in range(1, task.try_number + 1):
                    yield from _answer(machine, f"{where}/{task.task_id}/logs/{tried}{number}&full_content=true")
    yield from _answer(machine, "config")


def _pages(machine: Machine, path: str) -> Iterator[tuple[str, bytes]]:
    total, offset = 1, 0
    while offset < total:
        mark = "&" if "?" in path else "?"
        try:
            answer = machine.operator.everything(f"/{path}{mark}limit={PAGE}&offset={offset}")
        except BrainError as error:
            yield f"answer of {path}", str(error).encode()
            return
        total, offset = answer.get("total_entries", 0), offset + PAGE
        yield f"answer of {path}", json.dumps(answer).encode()


def _answer(machine: Machine, path: str) -> Iterator[tuple[str, bytes]]:
    try:
        yield f"answer of {path}", json.dumps(machine.operator.everything(f"/{path}")).encode()
    except BrainError as error:
        yield f"answer of {path}", str(error).encode()


def _command_lines(machine: Machine) -> Iterator[tuple[str, bytes]]:
    for process in psutil.process_iter(["cmdline"]):
        line = "\0".join(process.info["cmdline"] or ())
        if str(machine.home) in line:
            yield f"command line of {process.pid}", line.encode()
