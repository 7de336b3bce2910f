"""The gate as extraction calls it: judge the rows, and keep the results in the lake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from brain.lake.lake import folder_of
from brain.quality.engine import prepare
from brain.usecases.direction.asset_check import check_asset

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.extract.gate import Gate
    from brain.lake.lake import Lake
    from brain.lake.rows import Rows
    from brain.quality.result import GateResult
    from brain.usecases.direction.catalogue import AssetSpec

RESULTS = "quality"


def asset_gate(lake: Lake, spec: AssetSpec, moment: Moment) -> Gate:
    """The gate to pass to `extract_asset`; every verdict is kept as ``quality/<interval>/<asset>.json`` in the lake."""
    prepare()

    def gate(rows: Rows, /, *, total_rows: int, unchanged: bool) -> GateResult:
        report = check_asset(rows.to_frame(), spec, moment, total_rows=total_rows, unchanged=unchanged)
        keep_results(lake, moment, report)
        return report

    return gate


def keep_results(lake: Lake, moment: Moment, report: GateResult) -> str:
    """Write the verdict with Great Expectations' own results; returns the address."""
    content = {**report.to_json(), "interval_end": moment.at.isoformat(), "validation": report.validation}
    name = f"{results_folder(moment)}/{folder_of(report.subject).rpartition('/')[2]}.json"
    lake.storage.write(name, json.dumps(content, default=str).encode())
    return lake.storage.describe(name)


def results_folder(moment: Moment) -> str:
    """Where the lake keeps the verdicts of an interval."""
    return f"{RESULTS}/{moment.slug}"
