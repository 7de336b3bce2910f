"""PostgreSQL, MongoDB and Airflow in a folder of their own, on the made-up market; removed afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.airflow_faults.market import CATALOGUE, make_market
from benchmarks.airflow_faults.operator import Operator, started
from benchmarks.fleet.servers import fresh
from brain.core.settings import CATALOGUE_VARIABLE, HOME_VARIABLE, Settings
from brain.warehouse.read import ask
from local import chain, one_machine, servers
from local.airflow import Airflow
from local.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_DAY = 6  # o'clock, UTC: when the first DAG is due


@dataclass(frozen=True)
class Machine:
    """One that runs.

    Args:
        today: The newest moment at which the first DAG was due.
        untouched: Settings on empty databases and an empty lake of the same servers, and on the same market.
    """

    home: Path
    airflow: Airflow
    servers: Servers
    operator: Operator
    settings: Settings
    today: datetime
    untouched: Settings

    def moment(self, days_ago: int) -> datetime:
        """A moment at which the first DAG was due."""
        return self.today - timedelta(days=days_ago)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return ask(self.settings.warehouse_url, query).rows

    def ask_airflow(self, query: str) -> list[tuple[Any, ...]]:
        """Airflow's own records."""
        from pydantic import SecretStr

        return ask(SecretStr(self.servers.postgres_url("airflow", "airflow")), query).rows


@contextmanager
def running_machine(project: Path = one_machine.PROJECT) -> Iterator[Machine]:
    """A machine whose DAGs are switched on and of which nothing is due.

    Args:
        project: The folder whose `dags` and `plugins` it runs.
    """
    folder = Path(tempfile.mkdtemp(prefix="brain-airflow-faults-"))
    folder.chmod(0o711)  # PostgreSQL runs under another account when started as root
    home = folder / ".brain"
    (folder / "catalogue.yaml").write_text(CATALOGUE)
    given = {HOME_VARIABLE: str(home), CATALOGUE_VARIABLE: str(folder / "catalogue.yaml")}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield _start(home, project)
    finally:
        one_machine.clean(home)
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _start(home: Path, project: Path) -> Machine:
    running = servers.up(home, durable=False)
    today = _newest_due(datetime.now(UTC))
    make_market(running.connections()["BRAIN_DEMO_URL"], today.date())
    untouched = fresh(
        {
            **running.connections(),
            HOME_VARIABLE: str(home),
            CATALOGUE_VARIABLE: os.environ[CATALOGUE_VARIABLE],
            "BRAIN_LAKE_URL": str(home / "untouched"),
        }
    )
    airflow = Airflow(home, project)
    operator = started(airflow, running, chain.DAGS)
    return Machine(home, airflow, running, operator, Settings.load(os.environ), today, untouched)


def _newest_due(now: datetime) -> datetime:
    due = now.replace(hour=EVERY_DAY, minute=0, second=0, microsecond=0)
    return due if due <= now else due - timedelta(days=1)
