"""Bars through a real broker into the table: seconds for a day of them, and what is left when readers are killed."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.bounds import at_least, exactly
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from benchmarks.topics.killed import Aftermath, kill_readers
from benchmarks.topics.late import REPEATS, late_bars
from brain.core.bar_settings import BarSettings
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.bars import send_bars
from brain.ingestion import read_bars
from brain.warehouse.read import ask
from local.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Mapping

SYMBOLS, MINUTES, QUICK_SYMBOLS, QUICK_MINUTES = 770, 390, 20, 50
KILLS, QUICK_KILLS = 200, 20
SEED = 7
HOLDS = {"bars_missing": exactly(0), "bars_read_twice": exactly(0), "kills": at_least(QUICK_KILLS)}
HOLDS |= {"lost": exactly(0), "doubled": exactly(0), "wrong": exactly(0), "advanced": at_least(QUICK_KILLS // 2)}
HOLDS |= {"late_counted_rows": at_least(1_000), "late_looked_up_rows": exactly(1)}
HOLDS |= {"corrected_counted_seen": exactly(0), "corrected_looked_up_seen": exactly(1)}
HOLDS |= {"other_rows_than_anew": exactly(0)}
TIMED = ("*_seconds", "*_megabytes", "interrupted", "late_times")


def run(quick: bool) -> Report:
    """A day of minute bars of many symbols, sent and read, once as new bars and once as known ones; then the kills."""
    with benchmark_servers() as variables:
        broker = Broker(Path(variables["BRAIN_HOME"]) / "topics")
        try:
            url = Broker.url(broker.start(9092))
            return _measured(variables, url, quick)
        finally:
            broker.stop()


def _measured(variables: dict[str, str], url: str, quick: bool) -> Report:
    symbols, minutes = (QUICK_SYMBOLS, QUICK_MINUTES) if quick else (SYMBOLS, MINUTES)
    day, bars = _settings(variables, url), BarSettings(topic="DAY_{symbol}")
    clock = datetime.now(UTC)
    frame = _day(symbols, minutes)
    start = time.perf_counter()
    send_bars(day, bars, frame)
    sent = time.perf_counter()
    read_bars(day, bars, Moment(clock), clock)
    new = time.perf_counter()
    again = read_bars(day, bars, Moment(clock), clock)
    nothing = time.perf_counter()
    send_bars(day, bars, frame)
    resent = time.perf_counter()
    known = read_bars(day, bars, Moment(clock), clock)
    repeated = time.perf_counter()
    late = late_bars(day, bars, frame, clock)
    began = time.perf_counter()
    ((there,),) = ask(day.warehouse_url, "SELECT count(*) FROM bars").rows
    kills = QUICK_KILLS if quick else KILLS
    after = kill_readers(_settings(variables, url), kills, SEED)
    killed = time.perf_counter()
    seconds = {
        "send_seconds": sent - start,
        "read_seconds": new - sent,
        "nothing_new_seconds": nothing - new,
        "repeated_seconds": repeated - resent,
        "kill_seconds": killed - began,
    }
    figures = {
        **{name: round(value, 2) for name, value in seconds.items()},
        "memory_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        **{name: round(value, 4) if isinstance(value, float) else value for name, value in late.items()},
        "bars_missing": len(frame) + REPEATS - int(there),
        "bars_read_twice": again.written.new + again.written.repeated + known.written.new + known.written.corrected,
        "kills": after.kills,
        "interrupted": after.interrupted,
        "advanced": after.advanced,
        "lost": after.lost,
        "doubled": after.doubled,
        "wrong": after.wrong,
    }
    return Report(
        title=f"Bars: {len(frame):,} bars of {symbols} symbols through a broker, and {kills} kills",
        columns=("what", "s", "a second"),
        rows=[
            (told, seconds[name], len(frame) / seconds[name])
            for name, told in (
                ("send_seconds", "written to the topics"),
                ("read_seconds", "read into the table"),
                ("repeated_seconds", "read, where the table has them all"),
            )
        ],
        figures=figures,
        notes=_notes(symbols, kills, after, figures),
    )


def _notes(symbols: int, kills: int, after: Aftermath, figures: Mapping[str, Any]) -> list[str]:
    return [
        f"A topic a symbol, a message a bar. Looking at {symbols} topics without anything new:"
        f" {figures['nothing_new_seconds']} s.",
        f"A bar that comes an hour late costs the next extraction {figures['late_counted_seconds']:.2f} s where older"
        f" bars are counted and all are read again, {figures['late_looked_up_seconds']:.2f} s where it is looked up by"
        f" `arrived_at` (1 : {figures['late_times']:.0f}). The first bar of the day, corrected, is not seen by the"
        " first way before the next full check; by the second at once, in"
        f" {figures['corrected_looked_up_seconds']:.2f} s: all files of the lake behind it are compared.",
        f"Kills: a reader that is killed (kill -9), {kills} times, while bars, corrections"
        f" and messages that are no bars come in; {after.advanced} had written something,"
        f" {after.interrupted} had not read all there was. Then every bar, value, refusal and count is compared.",
        "The broker is the embedded one; the bars are made up.",
    ]


def _settings(variables: dict[str, str], url: str) -> Settings:
    return Settings.model_validate({**fresh(variables).model_dump(by_alias=True), "BRAIN_KAFKA_URL": url})


def _day(symbols: int, minutes: int) -> pd.DataFrame:
    """A trading day of minute bars: random walks."""
    generator = np.random.default_rng(SEED)
    closes = 100 * np.exp(np.cumsum(generator.normal(0, 0.001, (minutes, symbols)), axis=0))
    spread = np.abs(generator.normal(0, 0.05, (2, minutes, symbols)))
    at = pd.date_range("2026-01-05T14:30", periods=minutes, freq="min", tz="UTC")
    figures = {"open": closes, "high": closes + spread[0], "low": closes - spread[1], "close": closes}
    volumes = generator.integers(1, 10_000, closes.shape).astype("float64")
    return pd.DataFrame(
        {
            "symbol": np.tile([f"S{number:03d}" for number in range(symbols)], minutes),
            "at": np.repeat(at, symbols),
            **{name: values.ravel() for name, values in {**figures, "volume": volumes}.items()},
        }
    )
