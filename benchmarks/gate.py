"""The quality gate: seconds for each asset of the demo catalogue, and for assets of growing length."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bounds import at_least, exactly
from benchmarks.market.tables import asset_frame
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.usecases.direction.asset_check import check_asset
from brain.usecases.direction.catalogue import HORIZONS, AssetSpec, parse_assets

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from brain.usecases.direction.catalogue import Assets

CATALOGUE = Path(__file__).parents[1] / "catalogue.yaml"
LENGTHS = (300, 3_000, 30_000)
QUICK_ASSETS = 4
NOW = Moment(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
HOLDS = {"assets": at_least(QUICK_ASSETS), "refused": exactly(0), "not_called_overdue": exactly(0)}
TIMED = ("*_seconds",)


def run(quick: bool) -> Report:
    catalogue, repeats = parse_assets(CATALOGUE.read_text()), 1 if quick else 5
    if quick:
        catalogue = catalogue.model_copy(update={"assets": catalogue.assets[:QUICK_ASSETS]})
    start = time.perf_counter()
    import great_expectations.expectations  # noqa: F401

    imported = time.perf_counter() - start
    frames = {asset.name: demo_frame(asset.name) for asset in catalogue.assets}
    start = time.perf_counter()
    _check(catalogue, frames, catalogue.names[0])
    first = time.perf_counter() - start
    seconds = {name: _median(catalogue, frames, name, repeats) for name in catalogue.names}
    rows = [("import, once a process", "", imported), ("first asset, once a process", len(frames["GOLD"]), first)]
    rows += [(name, len(frames[name]), spent) for name, spent in seconds.items()]
    rows.append((f"all {len(seconds)} assets", sum(map(len, frames.values())), sum(seconds.values())))
    rows += _by_length(LENGTHS[:2] if quick else LENGTHS, repeats)
    judged = [check_asset(frames[name], catalogue.asset(name), NOW) for name in catalogue.names]
    return Report(
        title=f"Quality gate: seconds per asset, median of {repeats}",
        columns=("what", "rows", "seconds"),
        rows=rows,
        figures={
            "import_seconds": round(imported, 2),
            "assets": len(seconds),
            "refused": sum(not result.passed for result in judged),
            "not_called_overdue": sum("overdue" not in {one.rule for one in result.findings} for result in judged),
            "total_seconds": round(sum(seconds.values()), 2),
            "median_seconds": round(statistics.median(seconds.values()), 4),
            "slowest_seconds": round(max(seconds.values()), 4),
        },
        notes=["Every demo asset passes; each of them is overdue, which the demo's age makes a warning."],
    )


def _median(catalogue: Assets, frames: dict[str, pd.DataFrame], name: str, repeats: int) -> float:
    return statistics.median(_check(catalogue, frames, name) for _ in range(repeats))


def _check(catalogue: Assets, frames: dict[str, pd.DataFrame], name: str) -> float:
    start = time.perf_counter()
    check_asset(frames[name], catalogue.asset(name), NOW)
    return time.perf_counter() - start


def _by_length(lengths: Iterable[int], repeats: int) -> list[tuple[str, int, float]]:
    spec = AssetSpec(name="A", table="A", horizons=HORIZONS)
    found = []
    for rows in lengths:
        frame = asset_frame(rows, "1900-01-01")
        frame["Date"] = frame["Date"].astype("datetime64[us]")
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            assert check_asset(frame, spec, NOW).passed
            seconds.append(time.perf_counter() - start)
        found.append(("synthetic, 35 columns", rows, statistics.median(seconds)))
    return found
