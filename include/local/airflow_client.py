"""Airflow's public REST API, as far as running the pipeline needs it: start runs, follow them, say why they failed."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from brain.core.errors import EmbeddedServerError, ServerUnreachable

ACTIVE = frozenset({"queued", "running"})
REQUEST_SECONDS = 30.0
QUEUED_SECONDS = 120.0
QUEUED_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Dag:
    """A DAG as the scheduler knows it."""

    dag_id: str
    is_paused: bool
    next_run_after: datetime | None


@dataclass(frozen=True)
class DagRun:
    """A DAG run at the moment of asking.

    Args:
        moment: What it is about; None where Airflow does not say it.
    """

    dag_id: str
    run_id: str
    state: str
    moment: datetime | None

    @property
    def finished(self) -> bool:
        return self.state not in ACTIVE


@dataclass(frozen=True)
class TaskRun:
    """A task instance at the moment of asking; a mapped one has a number and, once it runs, a label."""

    task_id: str
    map_index: int
    label: str | None
    state: str | None
    try_number: int

    @property
    def name(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.label or self.map_index}]"


@dataclass(frozen=True)
class AirflowClient:
    """A logged-in client.

    Args:
        url: Of the API server, without a path.
        user: Login of the simple auth manager.
        password: Its password.
    """

    url: str
    user: str
    password: str

    def health(self) -> dict[str, str | None]:
        """State by component: healthy, unhealthy or None; empty while the API server does not answer."""
        try:
            answer = self._send("GET", "/api/v2/monitor/health", token="")
        except ServerUnreachable:
            return {}
        return {component: found["status"] for component, found in answer.items()}

    def dag(self, dag_id: str) -> Dag | None:
        """The DAG, or None while it has not been parsed yet."""
        try:
            found = self._get(f"/dags/{dag_id}")
        except EmbeddedServerError as error:
            if "404" in error.found:
                return None
            raise
        return Dag(dag_id, found["is_paused"], _moment(found["next_dagrun_run_after"]))

    def import_errors(self) -> dict[str, str]:
        """The last line of every DAG file's import error, by file."""
        found = self._get("/importErrors")["import_errors"]
        return {error["filename"]: error["stack_trace"].strip().splitlines()[-1] for error in found}

    def unpause(self, dag_id: str) -> None:
        self._send("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, moment: datetime, params: Mapping[str, Any] | None = None) -> DagRun:
        """Start a run about the interval that ends at `moment`."""
        body = {"logical_date": moment.isoformat(), "conf": dict(params or {})}
        return dag_run(self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", body))

    def run(self, dag_id: str, run_id: str) -> DagRun:
        return dag_run(self._get(f"/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}"))

    def active_run(self, dag_id: str) -> DagRun | None:
        """The oldest run of the DAG that is queued or running."""
        found = self._get(f"/dags/{dag_id}/dagRuns", state=sorted(ACTIVE), order_by="run_after", limit=1)["dag_runs"]
        return dag_run(found[0]) if found else None

    def started_by(self, run: DagRun) -> list[tuple[str, str]]:
        """DAG and run ids of the runs that `run` started by updating a dataset."""
        return [(made["dag_id"], made["run_id"]) for event in self._updates(run) for made in event["created_dagruns"]]

    def updated_a_dataset(self, run: DagRun) -> bool:
        """Whether `run` updated any dataset, so that a run downstream is to be expected."""
        return bool(self._updates(run))

    def tasks(self, run: DagRun) -> list[TaskRun]:
        """Every task instance of the run."""
        path = f"/dags/{run.dag_id}/dagRuns/{urllib.parse.quote(run.run_id, safe='')}/taskInstances"
        found: list[TaskRun] = []
        while True:
            page = self._get(path, limit=100, offset=len(found))
            found += [
                TaskRun(t["task_id"], t["map_index"], t["rendered_map_index"], t["state"], t["try_number"])
                for t in page["task_instances"]
            ]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    @cached_property
    def _token(self) -> str:
        login = {"username": self.user, "password": self.password}
        return str(self._send("POST", "/auth/token", login, token="")["access_token"])

    def _updates(self, run: DagRun) -> list[dict[str, Any]]:
        """The updates of datasets that `run` made.

        Airflow 3.3 answers with an error of its own while a run that an update started is queued: such a run has no
        start date, and the answer's model demands one. So the question is asked again until that run has started.
        """
        deadline = time.monotonic() + QUEUED_SECONDS
        while True:
            try:
                found = self._get("/assets/events", source_dag_id=run.dag_id, source_run_id=run.run_id)
            except EmbeddedServerError as error:
                if "HTTP 500" not in error.found or time.monotonic() > deadline:
                    raise
                time.sleep(QUEUED_POLL_SECONDS)
            else:
                return list(found["asset_events"])

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        suffix = f"?{urllib.parse.urlencode(query, doseq=True)}" if query else ""
        return self._send("GET", f"/api/v2{path}{suffix}")

    def _send(self, method: str, path: str, body: object = None, *, token: str | None = None) -> dict[str, Any]:
        token = self._token if token is None else token
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 - our own URL
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:  # noqa: S310 - our own URL
                content = answer.read()
                return dict(json.loads(content)) if content else {}
        except urllib.error.HTTPError as error:
            raise EmbeddedServerError(
                f"{method} {path}",
                found=f"HTTP {error.code}: {error.read(500).decode(errors='replace')}",
                expected="an answer of Airflow's API",
                remedy="Read .brain/logs/airflow-api-server.log.",
            ) from None
        except OSError as error:
            raise ServerUnreachable(
                self.url,
                found=f"no answer ({getattr(error, 'reason', error)})",
                expected="Airflow's API server",
                remedy="Run `make status`, and read .brain/logs/airflow-api-server.log.",
            ) from None


def dag_run(found: Mapping[str, Any]) -> DagRun:
    """What the API says of a run."""
    moment = found["partition_key"] or found["data_interval_end"]
    return DagRun(found["dag_id"], found["dag_run_id"], found["state"], _moment(moment))


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:  # a partition key that somebody made up
        return None
