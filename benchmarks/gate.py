"""The quality gate: seconds for each asset of the demo catalogue, of growing length, and many at once."""

from __future__ import annotations

import datetime as dt
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bounds import at_least, exactly
from benchmarks.market.tables import asset_frame
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.quality.engine import judge
from brain.quality.together import judge_together
from brain.usecases.direction.asset_check import asset_facts, check_asset
from brain.usecases.direction.catalogue import HORIZONS, AssetSpec, parse_assets

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from brain.quality.facts import Facts
    from brain.quality.result import GateResult
    from brain.usecases.direction.catalogue import Assets

CATALOGUE = Path(__file__).parents[1] / "catalogue.yaml"
LENGTHS = (300, 3_000, 30_000)
QUICK_ASSETS = 4
NOW = Moment(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
NEWEST = 182  # rows that a day's run sees of an asset whose longest horizon is 161 rows ahead
HOLDS = {
    "assets": at_least(QUICK_ASSETS),
    "refused": exactly(0),
    "not_called_overdue": exactly(0),
    "findings_that_differ": exactly(0),
}
TIMED = ("*_seconds", "*_cpu_ms", "together_ratio")


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
    alone, together, differing = _at_once(catalogue, frames, repeats)
    rows += [
        (f"newest {NEWEST} rows, a suite an asset, CPU", NEWEST, alone),
        (f"newest {NEWEST} rows, a suite for all, CPU", NEWEST, together),
    ]
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
            "alone_cpu_ms": round(alone * 1e3, 2),
            "together_cpu_ms": round(together * 1e3, 2),
            "together_ratio": round(alone / together, 1),
            "findings_that_differ": differing,
        },
        notes=[
            "Every demo asset passes; each of them is overdue, which the demo's age makes a warning.",
            f"The newest {NEWEST} rows are what a day's run sees: CPU seconds an asset of computing its facts and "
            f"judging them, by itself and with the {len(seconds) - 1} others; {differing} results differ.",
        ],
    )


def _at_once(catalogue: Assets, frames: dict[str, pd.DataFrame], repeats: int) -> tuple[float, float, int]:
    """CPU seconds an asset by itself and with all others, medians of both in turn, and how many results differ."""
    newest = {name: frame.iloc[-NEWEST:].reset_index(drop=True) for name, frame in frames.items()}

    def facts(name: str) -> Facts:
        return asset_facts(newest[name], catalogue.asset(name), NOW, total_rows=len(frames[name]))

    alone, together, differing = [], [], 0
    for _ in range(repeats):
        start = time.process_time()
        singly = [judge(facts(name)) for name in newest]
        between = time.process_time()
        at_once = judge_together([facts(name) for name in newest])
        alone.append((between - start) / len(newest))
        together.append((time.process_time() - between) / len(newest))
        differing = sum(_told(one) != _told(other) for one, other in zip(singly, at_once, strict=True))
    return statistics.median(alone), statistics.median(together), differing


def _told(result: GateResult | Exception) -> object:
    """What is kept of a result, but for when and on which batch it was validated."""
    if isinstance(result, Exception):
        return str(result)
    suites = {
        name: {key: value for key, value in suite.items() if key != "meta"} for name, suite in result.validation.items()
    }
    return json.dumps([result.to_json(), suites], default=str)


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
