"""The whole pipeline over the demo catalogue: seconds and peak memory per step, and what Airflow itself costs."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from psycopg2 import sql
from rich.console import Console

from benchmarks.bounds import at_least, exactly
from benchmarks.fleet.memory import watched
from benchmarks.report import Report
from brain import steps
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.pipeline import train_all
from brain.store.connection import database
from brain.usecases.direction.catalogue import assets_of
from brain.warehouse.connection import transaction
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace
from local import chain, one_machine, servers
from local.walkthrough import run_pipeline, start_airflow, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servers import Servers

CATALOGUE = Path(__file__).parents[1] / "catalogue.yaml"
STEPS = ("extract", "train", "judge", "score", "publish")
NUMBERS = "SELECT asset, horizon, as_of, probability FROM probability_details ORDER BY asset, horizon"
SAMPLE_SECONDS = 1.0
HOLDS = {"assets": at_least(1), "models": at_least(1), "repeats": at_least(1), "numbers_that_differ": exactly(0)}
TIMED = ("*_seconds", "*_mb", "airflow_share")


@dataclass
class Measured:
    """Seconds and peak megabytes of one side, by step."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    megabytes: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block, and watch the memory of this process and its children."""
        with watched(SAMPLE_SECONDS) as peak:
            start = time.perf_counter()
            yield
            self.seconds.setdefault(name, []).append(time.perf_counter() - start)
        self.megabytes.setdefault(name, []).append(peak[0])


def run(quick: bool) -> Report:
    """Both sides from an empty lake, store and warehouse; each repeat does the same work again."""
    folder = Path(tempfile.mkdtemp(prefix="brain-bench-"))
    folder.chmod(0o711)
    home = folder / ".brain"
    running = servers.up(home)
    try:
        os.environ.update(BRAIN_HOME=str(home), BRAIN_CATALOGUE=str(_catalogue(folder, quick)))
        workspace = open_workspace(Settings.load())
        load_demo(running.connections()["BRAIN_DEMO_URL"], assets=assets_of(workspace.catalogue).names)
        return _compare(workspace, running, home, repeats=1 if quick else 5)
    finally:
        one_machine.clean(home)
        shutil.rmtree(folder, ignore_errors=True)


def _compare(workspace: Workspace, running: Servers, home: Path, repeats: int) -> Report:
    airflow = one_machine.airflow_of(home)
    client = start_airflow(airflow, running)
    wait_until_ready(airflow, running, client)
    chain.await_dags(client)
    direct, through_airflow, differing = Measured(), Measured(), 0
    for _ in range(repeats):
        _empty(workspace)
        _run_direct(workspace, direct)
        expected = ask(workspace.settings.warehouse_url, NUMBERS).rows
        _empty(workspace)
        with through_airflow.step("all"):
            ran = run_pipeline(Console(), client, home)
        assert not ran.failed, ran.failed
        found = ask(workspace.settings.warehouse_url, NUMBERS).rows
        differing += len({*found} ^ {*expected})
    return _report(workspace, direct, through_airflow, repeats, differing)


def _run_direct(workspace: Workspace, measured: Measured) -> None:
    moment = Moment(datetime.now(UTC))
    run = workspace.run("direction", moment)
    names = [unit.name for unit in run.units]
    with measured.step("extract"):
        steps.extract(run, names)
    with measured.step("train"):
        train_all(workspace, moment, force=False)
    with measured.step("judge"):
        steps.judge(run)
    with measured.step("score"):
        steps.score(run, names)
    with measured.step("publish"):
        steps.publish(run, [names])


def _empty(workspace: Workspace) -> None:
    models = database(workspace.settings.mongo_url)
    models.client.drop_database(models.name)
    shutil.rmtree(workspace.settings.lake_url, ignore_errors=True)
    with transaction(workspace.settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (name,) in cursor.fetchall():  # also what remembers the newest moment: the next side's may be an older one
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(name)))


def _catalogue(folder: Path, quick: bool) -> Path:
    if not quick:
        return CATALOGUE
    small = {
        "defaults": {"horizons": [5, 21], "training": {"trials": 1, "folds": 3}},
        "assets": ["VIX"],
    }
    path = folder / "catalogue.yaml"
    path.write_text(yaml.safe_dump(small))
    return path


def _report(workspace: Workspace, direct: Measured, through_airflow: Measured, repeats: int, differing: int) -> Report:
    cells = sum(len(asset.horizons) for asset in assets_of(workspace.catalogue).assets)
    alone = sum(statistics.median(direct.seconds[step]) for step in STEPS)
    together = statistics.median(through_airflow.seconds["all"])
    share = (together - alone) / together
    rows: list[tuple[object, ...]] = [
        (step, statistics.median(direct.seconds[step]), statistics.median(direct.megabytes[step])) for step in STEPS
    ]
    rows += [
        ("all, without Airflow", alone, ""),
        ("all, through Airflow", together, ""),
        ("Airflow's share", share, ""),
    ]
    return Report(
        title=f"The pipeline over {len(assets_of(workspace.catalogue).assets)} assets, {cells} models, from nothing",
        columns=("step", "seconds (median)", "peak MB, all processes"),
        rows=rows,
        figures={
            "assets": len(assets_of(workspace.catalogue).assets),
            "models": cells,
            "repeats": repeats,
            "numbers_that_differ": differing,
            **{f"{step}_seconds": statistics.median(direct.seconds[step]) for step in STEPS},
            "train_peak_mb": statistics.median(direct.megabytes["train"]),
            "airflow_seconds": together,
            "airflow_share": share,
        },
        notes=[
            "Without Airflow: the same steps in this process, training dealt over one process a core.",
            "Through Airflow: from triggering extract_assets to the end of publish_probabilities, Airflow already up.",
            f"Both sides start from an empty lake, store and warehouse; {differing} of their published numbers differ.",
        ],
    )
