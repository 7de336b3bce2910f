"""What an operator does to Airflow beyond what `make run` needs: backfill, clear, look at everything."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from brain.core.errors import EmbeddedServerError
from local.airflow import USER, Airflow
from local.airflow_client import AirflowClient, DagRun, dag_run
from local.chain import DAGS, await_dags
from local.servers import Servers
from local.walkthrough import start_airflow, wait_until_ready

POLL_SECONDS = 0.5
PAGE = 100
BACKFILL_SECONDS = 120.0


def started(airflow: Airflow, running: Servers, dags: Sequence[str]) -> Operator:
    """Start Airflow, wait until it has read its DAGs, and switch those on, of which nothing is due."""
    client = start_airflow(airflow, running)
    wait_until_ready(airflow, running, client)
    operator = Operator(airflow.url(running.state), USER, airflow.password(running.state))
    await_dags(operator)
    operator.skip_what_is_due()
    for dag_id in reversed(dags):
        operator.unpause(dag_id)
    return operator


@dataclass(frozen=True)
class Operator(AirflowClient):
    """A client that may do more."""

    def backfill(self, first: datetime, last: datetime) -> None:
        """Extract every day from `first` to `last`, one after the other."""
        body = {"dag_id": DAGS[0], "from_date": first.isoformat(), "to_date": last.isoformat(), "max_active_runs": 1}
        deadline = time.monotonic() + BACKFILL_SECONDS
        while True:
            try:
                self._send("POST", "/api/v2/backfills", body)
            except EmbeddedServerError as error:  # the one before is noticed to have ended a while later
                if "HTTP 409" not in error.found or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def clear(self, dag_id: str, run_id: str) -> None:
        """Let every task of a run that has ended run again."""
        body = {"dry_run": False, "only_failed": False}
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/clear", body)

    def skip_what_is_due(self) -> None:
        """Keep the scheduler from starting the newest day by itself when the first DAG is switched on."""
        due = self.dag(DAGS[0])
        assert due is not None
        if due.next_run_after is not None:
            made = self.trigger(DAGS[0], due.next_run_after)
            path = f"/api/v2/dags/{DAGS[0]}/dagRuns/{quote(made.run_id, safe='')}"
            self._send("PATCH", path, {"state": "failed"})

    def runs(self, dag_id: str) -> list[DagRun]:
        """Every run of a DAG, the oldest first."""
        found: list[DagRun] = []
        while True:
            page = self._get(f"/dags/{dag_id}/dagRuns", order_by="id", limit=PAGE, offset=len(found))
            found += [dag_run(one) for one in page["dag_runs"]]
            if not page["dag_runs"] or len(found) >= page["total_entries"]:
                return found

    def await_quiet(self, seconds: float, expected: int = 0) -> None:
        """Wait until no run of any DAG is queued or running, and the last DAG has had `expected` runs.

        Raises:
            EmbeddedServerError: It is not so within `seconds`.
        """
        deadline, quiet = time.monotonic() + seconds, 0
        while quiet < 3:  # between two DAGs there is a moment at which nothing runs
            runs = {dag_id: self.runs(dag_id) for dag_id in DAGS}
            still = [run for found in runs.values() for run in found if not run.finished]
            quiet = 0 if still or len(runs[DAGS[-1]]) < expected else quiet + 1
            if time.monotonic() > deadline:
                told = ", ".join(f"{run.dag_id} {run.run_id} {run.state}" for run in still) or "none"
                raise EmbeddedServerError(
                    "Airflow",
                    found=f"after {seconds:.0f} s, still running: {told}; {len(runs[DAGS[-1]])} runs of {DAGS[-1]}",
                    expected=f"{expected} runs, all ended",
                    remedy="Read the logs of the home folder.",
                )
            time.sleep(POLL_SECONDS)

    def follow_to_end(self, run: DagRun) -> DagRun:
        while not run.finished:
            time.sleep(POLL_SECONDS)
            run = self.run(run.dag_id, run.run_id)
        return run

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Keep a connection, in place of one of the same name."""
        name = quote(str(connection["connection_id"]), safe="")
        try:
            self._send("PATCH", f"/api/v2/connections/{name}", dict(connection))
        except EmbeddedServerError as error:
            if "HTTP 404" not in error.found:
                raise
            self._send("POST", "/api/v2/connections", dict(connection))

    def everything(self, path: str) -> Any:
        """The answer of any address of the API."""
        return self._get(path)
