"""Two Celery workers that share everything by URL, one killed in the middle of a chunk, beside one process.

The settings are those of `docker-compose.yaml`, the broker is Valkey, the lake lies on an S3 server.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.airflow_faults.market import write_tables
from benchmarks.bounds import at_least, at_most, exactly
from benchmarks.fleet.servers import fresh
from benchmarks.machines.team import Team, Worker, running_team
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.pipeline import run_all
from brain.warehouse.read import ask
from brain.workspace import open_workspace
from local.chain import ALL, DAGS

if TYPE_CHECKING:
    from brain.core.settings import Settings

HORIZONS, LAGS = (1, 5, 20), (1, 5, 10, 20)
ROWS = 900
ASSETS, QUICK_ASSETS = 12, 12
WORKERS = 2
HISTORY = "SELECT t::text FROM probability_history t ORDER BY 1"
TRIES = """
SELECT min(start_date), count(*) FROM task_instance
WHERE dag_id = 'train_models' AND task_id = 'train' AND try_number > 1
"""
CHUNKS = "SELECT count(*) FROM task_instance WHERE dag_id = 'train_models' AND task_id = 'train'"
COMMITS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'airflow'"
TASKS = "SELECT count(*) FROM task_instance WHERE start_date > '{}'"
HOLDS = {
    "assets": at_least(QUICK_ASSETS),
    "models": at_least(QUICK_ASSETS * len(HORIZONS)),
    "chunks": exactly(3 * WORKERS),
    "told_before_the_kill": at_least(1),
    "chunks_tried_again": at_least(1),
    "runs_failed": exactly(0),
    "workers_that_worked": exactly(WORKERS),
    "published_lines": at_least(QUICK_ASSETS * len(HORIZONS)),
    "lines_that_differ_from_one_process": exactly(0),
    "models_trained_twice": exactly(0),
    "tasks_of_a_day": at_most(60),
}
TIMED = ("seconds", "*_seconds", "*_transactions")
_LIMIT = 900.0


def run(quick: bool) -> Report:
    """One day with a worker killed, and the next one undisturbed."""
    began = time.monotonic()
    assets = [f"A{number:02}" for number in range(QUICK_ASSETS if quick else ASSETS)]
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=1), today]

    def fill(url: str) -> None:
        write_tables(url, assets, today.date(), ROWS, lags=LAGS, horizons=HORIZONS)

    with running_team(_catalogue(assets), fill, workers=WORKERS) as team:
        figures: dict[str, Any] = {"assets": len(assets), "models": len(assets) * len(HORIZONS)}
        alone = _alone(team)  # a copy of the warehouse, made while that is empty
        figures |= _disturbed_day(team, days[0])
        figures |= _measured_day(team, days[1])
        figures |= _compared(team, alone, days)
    return Report(
        title=f"{len(assets)} assets by {WORKERS} Celery workers, one of them killed in the middle of a chunk",
        columns=("what", "figure"),
        rows=[*figures.items()],
        figures={**figures, "seconds": round(time.monotonic() - began)},
        notes=[
            "Each worker has a folder of its own and shares broker (Valkey), PostgreSQL, MongoDB and lake (SeaweedFS,"
            " by S3's protocol) by URL. All of Airflow's settings but addresses, logins and a worker's one slot are"
            " those of docker-compose.yaml, and so is the command of a worker.",
            "Killed: every process of a worker at once, when it had told of its first models of a chunk. Noticed: until"
            " the first chunk was begun anew, Airflow's delay of 30 s before a second try included.",
            "The day after has one new row an asset and both workers: Airflow's CPU seconds are those of scheduler, API"
            " server, DAG processor and triggerer; the workers' those of Celery and all tasks.",
        ],
    )


def _disturbed_day(team: Team, moment: datetime) -> dict[str, Any]:
    team.operator.trigger(DAGS[0], moment)
    worker = _first_in_the_middle(team)
    told = worker.tasks_told("train")
    killed_at = datetime.now(UTC)
    worker.kill()
    team.operator.await_quiet(_LIMIT, expected=1)
    ((again_at, again),) = team.ask_airflow(TRIES)
    ((chunks,),) = team.ask_airflow(CHUNKS)
    return {
        "chunks": chunks,
        "told_before_the_kill": told,
        "chunks_tried_again": again,
        "noticed_seconds": round((again_at - killed_at).total_seconds()) if again_at else None,
        "workers_that_worked": sum(1 for one in team.workers if one.tasks_told("train")),
        "disturbed_day_seconds": round((datetime.now(UTC) - killed_at).total_seconds()),
    }


def _first_in_the_middle(team: Team) -> Worker:
    """The second worker to have told of a model that it has trained."""
    deadline = time.monotonic() + _LIMIT
    while time.monotonic() < deadline:
        at_work = [worker for worker in team.workers if worker.tasks_told("train")]
        if len(at_work) == len(team.workers):
            return min(at_work, key=lambda worker: worker.tasks_told("train"))
        time.sleep(0.05)
    raise TimeoutError("the workers did not train")


def _measured_day(team: Team, moment: datetime) -> dict[str, Any]:
    """The next day, with both workers and nothing in the way."""
    lost = next(worker for worker in team.workers if not _lives(worker))
    team.workers.remove(lost)
    team.start_worker(lost.home.parent, "worker3")
    before = team.airflow_seconds(), team.worker_seconds(), team.ask_airflow(COMMITS)[0][0]
    began, started = time.monotonic(), datetime.now(UTC)
    team.operator.trigger(DAGS[0], moment)
    team.operator.await_quiet(_LIMIT, expected=2)
    _await_evaluated(team, 2)
    airflow, workers, commits = team.airflow_seconds(), team.worker_seconds(), team.ask_airflow(COMMITS)[0][0]
    ((tasks,),) = team.ask_airflow(TASKS.format(started.isoformat()))
    failed = [run for dag_id in ALL for run in team.operator.runs(dag_id) if run.state == "failed"]
    return {
        "runs_failed": max(0, len(failed) - 1),  # the one that `skip_what_is_due` made
        "tasks_of_a_day": tasks,
        "day_seconds": round(time.monotonic() - began, 1),
        "airflow_cpu_seconds": round(airflow - before[0], 1),
        "worker_cpu_seconds": round(workers - before[1], 1),
        "metadata_transactions": commits - before[2],
    }


def _await_evaluated(team: Team, expected: int) -> None:
    deadline = time.monotonic() + _LIMIT
    while sum(run.finished for run in team.operator.runs(ALL[-1])) < expected:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _lives(worker: Worker) -> bool:
    from local import process

    return process.is_running(worker.pid, worker.home)


def _compared(team: Team, alone: Settings, days: list[datetime]) -> dict[str, Any]:
    """The same days by one process with a lake in a folder, and how many published lines are not the same."""
    for moment in days:
        results = run_all(open_workspace(alone), Moment(moment), workers=1)
        assert all(result.ok for result in results), results
    expected, found = ask(alone.warehouse_url, HISTORY).rows, team.ask(HISTORY)
    return {
        "published_lines": len(found),
        "lines_that_differ_from_one_process": len({*expected} ^ {*found}),
        "models_trained_twice": _versions_beyond(team, len(days)),
    }


def _versions_beyond(team: Team, days: int) -> int:
    """Models that have more versions than there were days."""
    from brain.store.connection import database

    groups = {"$group": {"_id": ["$entity", "$target"], "count": {"$sum": 1}}}
    return sum(1 for one in database(team.settings.mongo_url)["models"].aggregate([groups]) if one["count"] > days)


def _alone(team: Team) -> Settings:
    home = team.airflow.home
    return fresh(
        {
            **team.running.connections(),
            "BRAIN_HOME": str(home),
            "BRAIN_CATALOGUE": str(team.settings.catalogue_path),
            "BRAIN_LAKE_URL": str(home / "alone"),
        }
    )


def _catalogue(assets: list[str]) -> str:
    training = "{trials: 4, folds: 3, classifiers: [logistic]}"
    return f"defaults: {{horizons: {[*HORIZONS]}, training: {training}}}\nassets: [{', '.join(assets)}]\n"
