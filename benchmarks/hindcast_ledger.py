"""Ten years replayed into the ledger, month by month; killed on the way, it gives the same rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.bounds import at_least, exactly
from benchmarks.report import Report
from brain import steps
from brain.comparing import said
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.hindcasting import STEP, days_between, hindcasts
from brain.usecases.direction.catalogue import assets_of
from brain.warehouse.read import ask
from brain.workspace import open_workspace
from local import one_machine, servers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.hindcasting import Hindcast
    from brain.workspace import Workspace

CATALOGUE = Path(__file__).parents[1] / "catalogue.yaml"
QUICK_CATALOGUE = """
defaults:
  horizons: [5, 20]
  training: {trials: 1, folds: 3, classifiers: [logistic]}
assets: [VIX, SP500]
"""
FIRST, QUICK_FIRST, LAST, QUICK_LAST = date(2012, 12, 31), date(2018, 3, 30), date(2022, 11, 30), date(2018, 8, 30)
KILLED_ON, COMPARED = 3, 5  # days: on which it is killed, and of which an undisturbed one gives the rows to compare
KEY = ["asset", "horizon", "as_of"]
SAID = ["probability", "base_rate", "model_version", "has_skill"]
HOLDS = {
    "days": at_least(COMPARED),
    "models": at_least(20),
    "numbers": at_least(18),
    "resolved": at_least(18),
    "rows_compared": at_least(18),
    "rows_that_differ": exactly(0),
    "days_done_again": exactly(0),
}
TIMED = ("*_seconds", "*_mb", "milliseconds_a_model")


def run(quick: bool) -> Report:
    """Killed once, started again, and compared with what an undisturbed one says of the first days."""
    folder = Path(tempfile.mkdtemp(prefix="brain-bench-"))
    folder.chmod(0o711)
    home = folder / ".brain"
    running = servers.up(home, durable=False)
    try:
        catalogue = folder / "catalogue.yaml"
        catalogue.write_text(QUICK_CATALOGUE if quick else CATALOGUE.read_text())
        os.environ.update(BRAIN_HOME=str(home), BRAIN_CATALOGUE=str(catalogue))
        workspace = open_workspace(Settings.load())
        names = assets_of(workspace.catalogue).names
        load_demo(running.connections()["BRAIN_DEMO_URL"], assets=names)
        now = Moment(datetime.now(UTC))
        steps.extract(workspace.run("direction", now), names)
        days = days_between(QUICK_FIRST if quick else FIRST, QUICK_LAST if quick else LAST, "month")
        return _report(workspace, days, now, folder)
    finally:
        one_machine.clean(home)
        shutil.rmtree(folder, ignore_errors=True)


def _report(workspace: Workspace, days: tuple[date, ...], now: Moment, folder: Path) -> Report:
    (one,) = hindcasts(workspace, days, now)
    units = len(one.work.names)
    first = _run(one, killed_after=(KILLED_ON - 1) * units + units // 2)
    second = _run(one)
    step = one.progress.read()[STEP]
    columns = ", ".join((*KEY, *SAID))
    rows = ask(workspace.settings.warehouse_url, f"SELECT {columns} FROM probability_ledger WHERE hindcast").rows
    known = "SELECT count(*) FROM probability_ledger WHERE hindcast AND outcome IS NOT NULL"
    ((resolved,),) = ask(workspace.settings.warehouse_url, known).rows
    expected = _undisturbed(workspace, days[:COMPARED], now, folder / "undisturbed")
    compared = [row for row in rows if row[: len(KEY)] in {row[: len(KEY)] for row in expected}]
    models, seconds = len(days) * one.work.models, first.seconds + second.seconds
    return Report(
        title=f"Hindcast of {units} assets, {one.work.models} models, {len(days)} days, on {os.cpu_count()} cores",
        columns=("what", "days", "seconds", "peak MB, all processes"),
        rows=[
            ("until it was killed", KILLED_ON - 1, round(first.seconds, 1), round(first.megabytes)),
            ("started again", len(days) - KILLED_ON + 1, round(second.seconds, 1), round(second.megabytes)),
        ],
        figures={
            "days": len(days),
            "models": models,
            "numbers": len(rows),
            "resolved": resolved,
            "rows_compared": len(expected),
            "rows_that_differ": len({*compared} ^ {*expected}),
            "days_done_again": max(0, -(-(step.total or 0) // units) - (len(days) - KILLED_ON + 1)),
            "whole_seconds": round(seconds, 1),
            "milliseconds_a_model": round(seconds / models * 1e3, 1),
            "peak_mb": round(max(first.megabytes, second.megabytes)),
        },
        notes=[
            "Each model is searched, refitted or skipped as the catalogue's `training` says, judged with all others, "
            "exported, and evaluated on the newest row known; rows are noted and scored. Seconds count all of it, the "
            "start of Python included.",
            f"Killed (SIGKILL) on day {KILLED_ON}; the rows of the first {COMPARED} days are compared bit for bit with "
            "those of an undisturbed hindcast.",
            "Numbers are fewer than models where an asset had no new row since the day before.",
        ],
    )


class _Measured:
    def __init__(self, seconds: float, megabytes: float) -> None:
        self.seconds, self.megabytes = seconds, megabytes


def _run(one: Hindcast, killed_after: int | None = None) -> _Measured:
    """`brain hindcast`, as a person would start it; killed when so many of its items are done.

    Raises:
        RuntimeError: It ended otherwise than it should.
    """
    options = ["--from", str(one.days[0]), "--to", str(one.days[-1])]
    start, peak = time.perf_counter(), 0.0
    process = psutil.Popen(
        [sys.executable, "-m", "brain.cli", "hindcast", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.append(process.stdout.read()))
    reader.start()
    while process.poll() is None:
        peak = max(peak, _megabytes(process))
        step = one.progress.read().get(STEP)
        if killed_after is not None and step is not None and step.done >= killed_after:
            process.kill()
        time.sleep(0.2)
    reader.join()
    if killed_after is None and process.returncode:
        raise RuntimeError(b"".join(output).decode())
    if killed_after is not None and process.returncode != -9:
        raise RuntimeError("it had ended before it could be killed")
    return _Measured(time.perf_counter() - start, peak)


def _megabytes(process: psutil.Process) -> float:
    try:
        return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))) / 2**20
    except psutil.Error:
        return 0.0


def _undisturbed(workspace: Workspace, days: Sequence[date], now: Moment, home: Path) -> list[tuple[Any, ...]]:
    other = open_workspace(workspace.settings.model_copy(update={"home": home}))
    (one,) = hindcasts(other, tuple(days), now)
    frame = said(one)["probability_details"]
    return [tuple(row) for row in frame[[*KEY, *SAID]].itertuples(index=False)]
