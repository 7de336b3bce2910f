"""The gate as extraction calls it: judge the rows, and keep the results in the lake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from brain.extract.lake import folder_of
from brain.quality.asset_table import check_asset
from brain.quality.engine import prepare

if TYPE_CHECKING:
    from brain.core.catalog import AssetSpec
    from brain.core.keys import Interval
    from brain.extract.gate import Gate
    from brain.extract.lake import Lake
    from brain.extract.rows import Rows
    from brain.quality.report import GateReport

RESULTS = "quality"


def asset_gate(lake: Lake, spec: AssetSpec, interval: Interval) -> Gate:
    """The gate to pass to `extract_asset`; every verdict is kept as ``quality/<interval>/<asset>.json`` in the lake."""
    prepare()

    def gate(rows: Rows, /, *, total_rows: int, unchanged: bool) -> GateReport:
        report = check_asset(rows.to_frame(), spec, interval, total_rows=total_rows, unchanged=unchanged)
        keep_results(lake, interval, report)
        return report

    return gate


def keep_results(lake: Lake, interval: Interval, report: GateReport) -> str:
    """Write the verdict with Great Expectations' own results; returns the address."""
    content = {**report.to_json(), "interval_end": interval.end.isoformat(), "validation": report.validation}
    name = f"{results_folder(interval)}/{folder_of(report.subject).rpartition('/')[2]}.json"
    lake.storage.write(name, json.dumps(content, default=str).encode())
    return lake.storage.describe(name)


def results_folder(interval: Interval) -> str:
    """Where the lake keeps the verdicts of an interval."""
    return f"{RESULTS}/{interval.slug}"
