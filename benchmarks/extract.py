"""Extraction: incremental against full, flat as history grows, and a first full read against ``psql \\copy``."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from benchmarks.bounds import at_least, exactly
from benchmarks.market.tables import Market, asset_frame, market
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.extract.table import extract_table
from brain.lake.lake import Lake
from brain.quality.result import GateResult
from brain.source.connect import Source, connect_source
from brain.usecases.direction.catalogue import HORIZONS, AssetSpec
from brain.usecases.direction.inputs import asset_table
from brain.usecases.direction.names import SPACE

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

    from brain.extract.report import ExtractionReport

HISTORIES, QUICK_HISTORIES = (3_000, 30_000, 100_000), (1_000, 3_000)
WIDE = 5_000
FLEET, FLEET_QUICK = 1_000, 6
CHUNKS = 10
BASELINES = {"pandas": "full read", "full": "own full extraction"}
NOW = Moment(dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
HOLDS = {"fleet_assets": at_least(FLEET_QUICK), "contents_that_differ": exactly(0)}
TIMED = ("*_ratio", "*_growth_*", "*_seconds", "*_mb")


def open_gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:  # noqa: ARG001
    """Lets everything through: the gate has a benchmark of its own."""
    return GateResult("any", len(frame), ())


def run(quick: bool) -> Report:
    repeats, histories = (3, QUICK_HISTORIES) if quick else (51, HISTORIES)
    with market() as source:
        incremental, differing = _incremental(source, histories, repeats)
        fleet = _fleet(source, FLEET_QUICK if quick else FLEET)
    rows, figures = _table(incremental, fleet)
    figures["contents_that_differ"] = differing
    return Report(
        title=f"Extraction of tables with 35 columns: median of {repeats}, sides interleaved",
        columns=("what", "rows", "seconds", "against", "ratio"),
        rows=rows,
        figures=figures,
        notes=[
            "full read: what the daily run replaces, pandas' read_sql of the whole table and to_parquet with zstd; it "
            "keeps no hash, no manifest and no history, and syncs nothing. The target is 8x against it.",
            "own full extraction: the first one into an empty lake (read, hash, Parquet with zstd, synced files, "
            "manifest), for comparison.",
            "Before each timed run the disk is brought up to date, so that a run waits for its own files only.",
            "no new row / one new row: the daily run, with the default overlap of 181 rows read again; for one new row "
            "the interval moves on by a day, so that a row appears and 11 older returns become known.",
            "psql: one session, one \\copy of each table to a file; all sides on the same chunks in turn. One "
            "worker is one process, two are two, as Airflow maps chunks.",
            "The quality gate is left out here, but for the frame it would judge; see the benchmark `gate`.",
            f"psql against extraction was run on {fleet.assets} assets x {WIDE} rows.",
        ],
    )


@dataclass
class Timings:
    """Seconds of each side for one length of history."""

    rows: int
    sides: dict[str, list[float]] = field(default_factory=dict)

    def add(self, side: str, seconds: float) -> None:
        self.sides.setdefault(side, []).append(seconds)

    def median(self, side: str) -> float:
        return statistics.median(self.sides[side])


def _incremental(source: Market, histories: tuple[int, ...], repeats: int) -> tuple[list[Timings], int]:
    """All lengths and all sides in turn, so that noise of the machine hits them alike.

    Also how many lakes, brought up day by day, have other content than one extracted in one go.

    Each length is the first of a round equally often: that one finds the caches as a full read has left them.
    """
    timings = [Timings(rows) for rows in histories]
    for rows in histories:
        source.put(f"H{rows}", _history(rows))
    with tempfile.TemporaryDirectory() as folder, closing(connect_source(source.source_url)) as reader:
        lakes = {rows: Lake(f"{folder}/{rows}") for rows in histories}
        days = {rows: _day(_history(rows), -repeats - 2) for rows in histories}
        for rows in histories:
            _extract(reader, lakes[rows], rows, days[rows])
        for repeat in range(repeats):
            for timing in _rotated(timings, repeat):
                _daily(reader, lakes[timing.rows], days, timing)
            for timing in timings if repeat < 5 else timings[:1]:
                _in_full(reader, days, timing, f"{folder}/full-{timing.rows}-{repeat}", source.source_url)
        same = [_agree(reader, lakes[rows], rows, days[rows], f"{folder}/check-{rows}") for rows in histories]
    return timings, same.count(False)


def _history(rows: int) -> pd.DataFrame:
    """Histories of all lengths end on the same day, so that their newest segments hold equally many rows."""
    return asset_frame(rows, str(np.datetime64("2026-01-01") - np.timedelta64(rows, "D")))


def _rotated(timings: list[Timings], by: int) -> list[Timings]:
    start = by % len(timings)
    return timings[start:] + timings[:start]


def _daily(reader: Source, lake: Lake, days: dict[int, dt.date], timing: Timings) -> None:
    rows = timing.rows
    timing.add("none", _timed(partial(_extract, reader, lake, rows, days[rows]), "unchanged"))
    days[rows] += dt.timedelta(days=1)
    timing.add("one", _timed(partial(_extract, reader, lake, rows, days[rows]), "appended"))


def _in_full(reader: Source, days: dict[int, dt.date], timing: Timings, fresh: str, url: str) -> None:
    rows = timing.rows
    timing.add("full", _timed(partial(_extract, reader, Lake(fresh), rows, days[rows]), "new"))
    if rows == min(days):
        timing.add("pandas", _timed(partial(_pandas, url, rows, Path(fresh)), "written"))


def _timed(work: Any, status: str) -> float:
    os.sync()
    start = time.perf_counter()
    outcome = work()
    seconds = time.perf_counter() - start
    assert outcome == status, f"{outcome}, expected {status}"
    return seconds


def _extract(reader: Source, lake: Lake, rows: int, day: dt.date) -> str:
    report = _report(reader, lake, rows, day)
    assert report.error is None, report.reason
    return report.status


def _report(reader: Source, lake: Lake, rows: int, day: dt.date) -> ExtractionReport:
    spec = AssetSpec.model_validate(
        {"name": f"H{rows}", "table": f"H{rows}", "horizons": HORIZONS, "extraction": {"full_check_days": None}}
    )
    moment = Moment(dt.datetime.combine(day, dt.time(), dt.UTC))
    return extract_table(reader, lake, asset_table(spec), moment, open_gate)


def _pandas(url: str, rows: int, folder: Path) -> str:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        frame = pd.read_sql(f'SELECT * FROM "H{rows}" ORDER BY "Date"', connection)
    engine.dispose()
    folder.mkdir(exist_ok=True)
    frame.to_parquet(folder / "pandas.parquet", compression="zstd")
    return "written"


def _agree(reader: Source, lake: Lake, rows: int, day: dt.date, fresh: str) -> bool:
    """Whether day by day and in one go gave the same content."""
    whole = _report(reader, Lake(fresh), rows, day).snapshot
    latest = lake.latest(SPACE, f"H{rows}")
    assert whole is not None
    assert latest is not None
    return whole.data_sha256 == latest.data_sha256


def _day(frame: pd.DataFrame, position: int) -> dt.date:
    return pd.Timestamp(frame["Date"].iloc[position]).date()


@dataclass
class Fleet:
    """A first full extraction of many assets, against psql."""

    assets: int
    one: float
    two: float
    psql: float
    megabytes: float
    before: float
    bytes_ours: int
    bytes_psql: int


def _fleet(source: Market, assets: int) -> Fleet:
    names = [f"A{number:04d}" for number in range(assets)]
    source.put(names[0], asset_frame(WIDE, "2005-01-01"))
    source.copies(names[0], names[1:])
    one = two = psql = 0.0
    with tempfile.TemporaryDirectory() as folder:
        step = -(-assets // CHUNKS)
        chunks = [names[start : start + step] for start in range(0, assets, step)]
        with _workers(1) as single, _workers(2) as pair:
            before = single.apply(_peak_megabytes)
            for chunk in chunks:
                psql += _psql(source, chunk, Path(folder))
                one += _extract_chunks(single, source, f"{folder}/lake", [chunk])
                two += _extract_chunks(pair, source, f"{folder}/second", [chunk[::2], chunk[1::2]])
            megabytes = single.apply(_peak_megabytes)
        _same(Lake(f"{folder}/lake"), names[-1], Path(folder))
        sizes = [_size(Path(folder) / "lake"), sum(f.stat().st_size for f in Path(folder).glob("*.csv"))]
    return Fleet(assets, one, two, psql, megabytes, before, *sizes)


def _workers(count: int) -> Pool:
    pool = multiprocessing.get_context("spawn").Pool(count)
    pool.map(_extract_chunk, [("", "", [])] * 4 * count, chunksize=1)  # imports are not part of the measurement
    return pool


def _extract_chunks(pool: Pool, source: Market, lake: str, chunks: list[list[str]]) -> float:
    """Seconds until all chunks are done, one task each, as Airflow maps them."""
    start = time.perf_counter()
    pool.map(_extract_chunk, [(source.source_url, lake, chunk) for chunk in chunks], chunksize=1)
    return time.perf_counter() - start


def _extract_chunk(task: tuple[str, str, list[str]]) -> None:
    url, lake, names = task
    if not names:
        return
    with closing(connect_source(url)) as reader:
        for name in names:
            spec = AssetSpec(name=name, table=name, horizons=HORIZONS)
            report = extract_table(reader, Lake(lake), asset_table(spec), NOW, open_gate)
            assert report.status == "new", report.reason


def _peak_megabytes() -> float:
    """Of this process since it began; `ru_maxrss` would count its parent's memory too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _psql(source: Market, names: list[str], folder: Path) -> float:
    script = folder / "copy.sql"
    script.write_text("".join(f"\\copy \"{name}\" TO '{folder / name}.csv' (FORMAT csv)\n" for name in names))
    url = sa.make_url(source.source_url)
    program = source.servers.postgres.programs / "psql"
    command = [
        str(program),
        "-qX",
        "-h",
        str(url.host),
        "-p",
        str(url.port),
        "-U",
        str(url.username),
        str(url.database),
    ]
    start = time.perf_counter()
    subprocess.run([*command, "-f", str(script)], check=True, env={**os.environ, "PGPASSWORD": str(url.password)})
    return time.perf_counter() - start


def _same(lake: Lake, name: str, folder: Path) -> None:
    snapshot = lake.latest(SPACE, name)
    assert snapshot is not None
    ours = lake.read(snapshot)
    theirs = pd.read_csv(folder / f"{name}.csv", header=None, names=list(ours.columns), parse_dates=["Date"])
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=0, atol=0)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _table(timings: list[Timings], fleet: Fleet) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    short = timings[0]
    table: list[tuple[Any, ...]] = [(BASELINES["pandas"], short.rows, short.median("pandas"), "", "")]
    table += [(BASELINES["full"], timing.rows, timing.median("full"), "", "") for timing in timings]
    figures: dict[str, Any] = {}
    for side, label in (("none", "no new row"), ("one", "one new row")):
        seconds = short.median(side)
        for other, baseline in BASELINES.items():
            ratio = short.median(other) / seconds
            figures[f"{side}_{other}_ratio"] = round(ratio, 2)
            table.append((label, short.rows, seconds, baseline, f"{ratio:.1f}x faster"))
        for timing in timings[1:]:
            growth = timing.median(side) / seconds
            figures[f"{side}_growth_{timing.rows}"] = round(growth, 3)
            table.append((label, timing.rows, timing.median(side), f"{short.rows} rows", f"{growth:.2f}x"))
    more, fleet_figures = _fleet_table(fleet)
    return [*table, *more], figures | fleet_figures


def _fleet_table(fleet: Fleet) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    rows, one, two = fleet.assets * WIDE, fleet.one / fleet.psql, fleet.two / fleet.psql
    sizes = (f"{fleet.bytes_ours / 1e6:.0f} MB", f"{fleet.bytes_psql / 1e6:.0f} MB")
    table: list[tuple[Any, ...]] = [
        (f"first extraction of {fleet.assets} assets, one worker", rows, fleet.one, "psql", f"{one:.2f}x"),
        (f"first extraction of {fleet.assets} assets, two workers", rows, fleet.two, "psql", f"{two:.2f}x"),
        (f"psql \\copy of {fleet.assets} tables", rows, fleet.psql, "", ""),
        ("peak memory of the extraction", rows, f"{fleet.megabytes:.0f} MB", "after imports", f"{fleet.before:.0f} MB"),
        ("size in the lake", rows, sizes[0], "CSV", sizes[1]),
    ]
    figures = {
        "fleet_assets": fleet.assets,
        "fleet_seconds": round(fleet.one, 2),
        "fleet_two_workers_seconds": round(fleet.two, 2),
        "psql_seconds": round(fleet.psql, 2),
        "fleet_psql_ratio": round(one, 3),
        "fleet_two_workers_psql_ratio": round(two, 3),
        "fleet_peak_mb": round(fleet.megabytes),
    }
    return table, figures
