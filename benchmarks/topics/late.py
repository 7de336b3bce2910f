"""What one late or corrected bar costs the next run: older bars counted and all read again, or looked up by arrival."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from brain.core.moment import Moment
from brain.demo.bars import send_bars
from brain.extract.table import extract_table
from brain.ingestion import read_bars
from brain.lake.lake import Lake
from brain.quality.result import GateResult
from brain.source.connect import connect_source
from brain.usecases.anomalies.catalogue import AnomaliesSection
from brain.usecases.anomalies.inputs import feed_inputs

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from brain.core.bar_settings import BarSettings
    from brain.core.settings import Settings
    from brain.core.source_table import SourceTable
    from brain.extract.report import ExtractionReport

SECTION = AnomaliesSection.model_validate({"feeds": [{"table": "bars", "database": "warehouse", "volume": "volume"}]})
REPEATS = 3


def late_bars(settings: Settings, bars: BarSettings, frame: pd.DataFrame, clock: datetime) -> dict[str, Any]:
    """Seconds and lines read, of a table that has all bars of `frame`; `counted` is how it was, `looked_up` how it is.

    The late bars are an hour late, the corrected one is the first of the day. Of several late bars the quickest counts.
    """
    looked_up = feed_inputs(SECTION, SECTION.feeds[0])[0].table
    ways = {"counted": replace(looked_up, changed=None), "looked_up": looked_up}
    lakes = {name: Lake(f"{settings.lake_url}_{name}") for name in ways}
    for name, table in ways.items():
        _extract(settings, lakes[name], table, clock)
    late, first = frame.iloc[[-1 - len(frame) // 6]], frame.iloc[[0]]
    figures: dict[str, Any] = {f"late_{name}_seconds": float("inf") for name in ways}
    for number in range(REPEATS):
        seconds = timedelta(seconds=number + 1)
        send_bars(settings, bars, late.assign(at=late["at"] + seconds))
        read_bars(settings, bars, Moment(clock), clock)
        for name, table in ways.items():
            start = time.perf_counter()
            report = _extract(settings, lakes[name], table, clock + seconds)
            figures[f"late_{name}_seconds"] = min(figures[f"late_{name}_seconds"], time.perf_counter() - start)
            figures[f"late_{name}_rows"] = report.rows_read
            assert report.status == "corrected", report.reason
    figures["late_times"] = figures["late_counted_seconds"] / figures["late_looked_up_seconds"]
    send_bars(settings, bars, first.assign(close=first["low"]))
    read_bars(settings, bars, Moment(clock), clock)
    for name, table in ways.items():
        start = time.perf_counter()
        report = _extract(settings, lakes[name], table, clock + timedelta(seconds=REPEATS + 1))
        figures[f"corrected_{name}_seconds"] = time.perf_counter() - start
        figures[f"corrected_{name}_seen"] = report.rows_changed
    anew = _extract(settings, Lake(f"{settings.lake_url}_anew"), looked_up, clock).snapshot
    grown = lakes["looked_up"].latest(looked_up.space, looked_up.name)
    assert anew is not None and grown is not None
    figures["other_rows_than_anew"] = int(anew.data_sha256 != grown.data_sha256)
    return figures


def _extract(settings: Settings, lake: Lake, table: SourceTable, at: datetime) -> ExtractionReport:
    with contextlib.closing(connect_source(settings.warehouse_url.get_secret_value())) as source:
        return extract_table(source, lake, table, Moment(at), _gate)


def _gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:  # noqa: ARG001
    return GateResult("bars", len(frame), ())
