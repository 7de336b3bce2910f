"""The DAGs as one run: start the first, or take up what is under way, and follow the datasets to the last."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from brain.core.errors import EmbeddedServerError
from local.airflow_client import AirflowClient, DagRun, TaskRun

DAGS = ("extract_assets", "train_models", "publish_probabilities")
PUBLISHES = DAGS[-1]
AFTERWARDS = "evaluate_probabilities"  # starts when the last has published
ALL = (*DAGS, AFTERWARDS)
PARSE_SECONDS = 90.0
APPEAR_SECONDS = 60.0
POLL_SECONDS = 1.0

Watch = Callable[[DagRun, Sequence[TaskRun]], None]


@dataclass(frozen=True)
class Failure:
    """A task that failed: which, why, and the log to read."""

    dag_id: str
    task: str
    reason: str
    log: Path

    def __str__(self) -> str:
        return f"{self.dag_id}.{self.task}: {self.reason} (log: {self.log})"


def await_dags(client: AirflowClient, dag_ids: Sequence[str] = ALL) -> None:
    """Wait until the scheduler knows the DAGs.

    Raises:
        EmbeddedServerError: A DAG file cannot be imported, or the DAGs do not appear.
    """
    deadline = time.monotonic() + PARSE_SECONDS
    while missing := [dag_id for dag_id in dag_ids if client.dag(dag_id) is None]:
        broken = "; ".join(f"{file}: {reason}" for file, reason in client.import_errors().items())
        if broken or time.monotonic() > deadline:
            raise EmbeddedServerError(
                ", ".join(missing),
                found=f"DAG files that cannot be imported ({broken})"
                if broken
                else f"nothing in {PARSE_SECONDS:.0f} s",
                expected="a parsed DAG",
                remedy="Correct the file, or read .brain/logs/airflow-dag-processor.log.",
            )
        time.sleep(POLL_SECONDS)


def begin(client: AirflowClient, now: datetime) -> DagRun:
    """The run to follow: one that is under way, or the scheduled one that is due, or a new one about `now`.

    Unpausing the first DAG makes the scheduler start the newest interval by itself, so a new run is only started when
    that one has been made already.
    """
    due = client.dag(DAGS[0])
    if due is None:
        raise EmbeddedServerError(
            DAGS[0], found="no such DAG", expected="a parsed DAG", remedy="Run `make run` again once it is parsed."
        )
    _unpause(client)
    for dag_id in DAGS:
        if under_way := client.active_run(dag_id):
            return under_way
    if due.next_run_after is not None and due.next_run_after <= now:
        return _await_run(lambda: client.active_run(DAGS[0]), DAGS[0])
    return client.trigger(DAGS[0], now)


def begin_anew(client: AirflowClient, now: datetime) -> DagRun:
    """A new run about `now`, whatever else is due."""
    _unpause(client)
    return client.trigger(DAGS[0], now)


def follow(client: AirflowClient, first: DagRun, watch: Watch) -> list[DagRun]:
    """Watch `first` and each run it leads to until they have finished.

    Raises:
        EmbeddedServerError: A run ends without having updated its dataset, so that the next one never starts.
    """
    finished = [_await_end(client, first, watch)]
    while finished[-1].dag_id != ALL[-1]:
        current = finished[-1]
        if not client.updated_a_dataset(current):
            break  # its failures say why
        downstream = ALL[ALL.index(current.dag_id) + 1]
        following = _await_run(lambda: _started(client, current, downstream), downstream)  # noqa: B023 - called at once
        finished.append(_await_end(client, following, watch))
    return finished


def settle(client: AirflowClient, watch: Watch) -> None:
    """Follow whatever is under way to its end."""
    while under_way := next(filter(None, map(client.active_run, ALL)), None):
        follow(client, under_way, watch)


def failures(client: AirflowClient, run: DagRun, log_folder: Path) -> list[Failure]:
    """The tasks of `run` that failed by themselves, with the last error of their logs."""
    failed = [task for task in client.tasks(run) if task.state == "failed"]
    return [_failure(run, task, log_folder) for task in failed]


def now_utc() -> datetime:
    """The present, for the interval of a run started by hand."""
    return datetime.now(UTC)


def _unpause(client: AirflowClient) -> None:
    for dag_id in reversed(ALL):
        client.unpause(dag_id)


def _started(client: AirflowClient, run: DagRun, downstream: str) -> DagRun | None:
    made = [run_id for dag_id, run_id in client.started_by(run) if dag_id == downstream]
    return client.run(downstream, made[0]) if made else None


def _await_run(find: Callable[[], DagRun | None], dag_id: str) -> DagRun:
    deadline = time.monotonic() + APPEAR_SECONDS
    while (found := find()) is None:
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                dag_id,
                found=f"no run within {APPEAR_SECONDS:.0f} s",
                expected="the scheduler to start one",
                remedy="Read .brain/logs/airflow-scheduler.log.",
            )
        time.sleep(POLL_SECONDS)
    return found


def _await_end(client: AirflowClient, run: DagRun, watch: Watch) -> DagRun:
    while True:
        run = client.run(run.dag_id, run.run_id)
        watch(run, client.tasks(run))
        if run.finished:
            return run
        time.sleep(POLL_SECONDS)


def _failure(run: DagRun, task: TaskRun, log_folder: Path) -> Failure:
    folder = log_folder / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task.task_id}"
    if task.map_index >= 0:
        folder /= f"map_index={task.map_index}"
    log = folder / f"attempt={task.try_number}.log"
    return Failure(run.dag_id, task.name, _last_error(log), log)


def _last_error(log: Path) -> str:
    """The exception in a task's log (JSON lines), or its last error line."""
    reason = "no error in its log; it may have been killed"
    for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue  # output that the task printed
        if event.get("level") in ("error", "critical"):
            details = event.get("error_detail") or []
            reason = f"{details[0]['exc_type']}: {details[0]['exc_value']}" if details else str(event.get("event"))
    return reason
