"""Why each number of the demo is what it is: whether the reasons add up, and what telling them costs beside scoring."""

from __future__ import annotations

import math
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.bounds import at_least, at_most, exactly
from benchmarks.fleet.servers import benchmark_servers
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.pipeline import run_all
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key
from brain.usecases.direction.scoring import score_cells, score_tables
from brain.usecases.direction.tables import PROBABILITY_DETAILS, PROBABILITY_REASONS, probabilities
from brain.warehouse.grid import complete
from brain.warehouse.publish import TableRows, publish
from brain.warehouse.read import ask
from brain.workspace import open_workspace

if TYPE_CHECKING:
    import pandas as pd

    from brain.usecases.protocol import Run

MOMENT = Moment(datetime(2023, 1, 2, 6, tzinfo=UTC))  # after the last day of the demo
QUICK = "defaults: {horizons: [1, 5], training: {trials: 3, folds: 3}}\nassets: [VIX]\n"
TOLERANCE = 1e-9
CELLS = "SELECT asset, horizon, probability, has_skill FROM probability_details WHERE probability IS NOT NULL"
REASONS = "SELECT asset, horizon, kind, part, probability FROM probability_reasons ORDER BY asset, horizon, position"
HOLDS = {
    "cells": at_least(2),
    "cells_with_skill": at_least(0),
    "cells_with_skill_when_all_claim_it": at_least(2),
    "not_adding_up*": exactly(0),
    "largest_difference*": at_most(TOLERANCE),
    "usual_mean*": at_most(0.1),
}
TIMED = ("*_ms", "*_cost")


def run(quick: bool) -> Report:
    """Both sides take turns in one run, on the same champions and rows."""
    with benchmark_servers() as variables, tempfile.TemporaryDirectory() as folder:
        if quick:
            path = Path(folder) / "catalogue.yaml"
            path.write_text(QUICK)
            variables["BRAIN_CATALOGUE"] = str(path)
        workspace = open_workspace(Settings.load({}, variables))
        direction = workspace.run("direction", MOMENT)
        load_demo(variables["BRAIN_DEMO_URL"], assets=direction.section.names)
        failed = [result for result in run_all(workspace, MOMENT, workers=1 if quick else None) if not result.ok]
        assert not failed, failed
        rows, figures = _costs(direction, 1 if quick else 5, 1 if quick else 8)
        figures |= _sums(direction, "")
        _claim_skill(direction)
        _publish(direction, score_tables(direction.store, direction.lake, direction.section.assets, MOMENT))
        figures |= _sums(direction, "_when_all_claim_it")
    return Report(
        title="Why a number is what it is: seconds with and without reasons, and whether they add up",
        columns=("what", "models", "without, ms a model", "with, ms a model", "cost"),
        rows=rows,
        figures=figures,
        notes=[
            "Scoring: the champions of the whole grid are read, verified and evaluated on the newest rows; with"
            " reasons, their records are read and verified, too, and every number is taken apart.",
            "Publishing: the tables are replaced in one transaction, without and with probability_reasons.",
            "A cell adds up where its parts differ from the log-odds of the published probability by less than 1e-9 and"
            " its last reason ends on that probability to the last bit, as read from the warehouse.",
            "When all claim it: the same after a verdict that every model has skill, so that every model is taken apart"
            " by feature. usual_mean is the mean size of what the models say of a usual row beyond their mean.",
        ],
    )


def _costs(of: Run, rounds: int, times: int) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Rows of the table, and figures."""
    assets = of.section.assets
    seconds: dict[str, list[float]] = {name: [] for name in ("cells", "told", "published", "both published")}
    tables = score_tables(of.store, of.lake, assets, MOMENT)  # the first one of a process pays for its imports
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            score_cells(of.store, of.lake, assets, MOMENT)
        seconds["cells"].append(time.perf_counter() - start)
        start = time.perf_counter()
        for _ in range(times):
            tables = score_tables(of.store, of.lake, assets, MOMENT)
        seconds["told"].append(time.perf_counter() - start)
        start = time.perf_counter()
        _publish(of, {PROBABILITY_DETAILS.name: tables[PROBABILITY_DETAILS.name]})
        seconds["published"].append(time.perf_counter() - start)
        start = time.perf_counter()
        _publish(of, tables)
        seconds["both published"].append(time.perf_counter() - start)
    models = len(tables[PROBABILITY_DETAILS.name])
    without, told = (statistics.median(seconds[name]) / models / times * 1e3 for name in ("cells", "told"))
    alone, both = (statistics.median(seconds[name]) / models * 1e3 for name in ("published", "both published"))
    figures = {"score_ms": without, "score_with_reasons_ms": told, "publish_ms": alone, "publish_with_reasons_ms": both}
    figures |= {"score_cost": told / without - 1, "publish_cost": both / alone - 1}
    rows = [
        ("score", models * times, without, told, f"{told / without - 1:+.1%}"),
        ("publish", models, alone, both, f"{both / alone - 1:+.1%}"),
        ("score and publish", models, without + alone, told + both, f"{(told + both) / (without + alone) - 1:+.1%}"),
    ]
    return rows, figures


def _publish(of: Run, tables: dict[str, pd.DataFrame]) -> None:
    declared = [table for table in (PROBABILITY_DETAILS, PROBABILITY_REASONS) if table.name in tables]
    given = [TableRows(table, complete(table, tables[table.name], None)) for table in declared]
    publish(of.settings.warehouse_url, "direction", given, [probabilities(of.section.horizons)], MOMENT)


def _sums(of: Run, when: str) -> dict[str, Any]:
    """Figures of what the warehouse shows."""
    cells = {cell[:2]: cell[2:] for cell in ask(of.settings.warehouse_url, CELLS).rows}
    parts: dict[tuple[Any, ...], list[float]] = {cell: [] for cell in cells}
    ends, usual = {}, []
    for asset, horizon, kind, part, probability in ask(of.settings.warehouse_url, REASONS).rows:
        parts[asset, horizon].append(part)
        ends[asset, horizon] = probability
        usual += [abs(part)] if kind == "usual" else []
    apart = {cell: abs(math.fsum(parts[cell]) - math.log(p / (1 - p))) for cell, (p, _) in cells.items()}
    wrong = [cell for cell, (p, _) in cells.items() if not apart[cell] < TOLERANCE or ends.get(cell) != p]
    with_skill = sum(bool(has_skill) for _, has_skill in cells.values())
    return {
        **({} if when else {"cells": len(cells)}),
        f"cells_with_skill{when}": with_skill,
        f"not_adding_up{when}": len(wrong),
        f"largest_difference{when}": max(apart.values()),
        f"usual_mean{when}": sum(usual) / max(with_skill, 1),
    }


def _claim_skill(of: Run) -> None:
    cells = ask(of.settings.warehouse_url, "SELECT asset, horizon, model_version FROM probability_details").rows
    verdicts = [Verdict(model_key(asset, horizon), version, True, 0.0, MOMENT.at) for asset, horizon, version in cells]
    assert of.store.record_verdicts(verdicts) == len(cells)
