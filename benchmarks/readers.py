"""Readers while tables are published without a break and columns are added: what each sees, and how long it waits."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psycopg2
from psycopg2 import sql

from benchmarks.bounds import at_least, exactly
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.usecases.direction.names import NAME, probability_column
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.warehouse.publish import TableRows, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812
    from pydantic import SecretStr

START = Moment(datetime(2024, 1, 8, 6, tzinfo=UTC))
GROWS = 5  # publications after which the catalogue gains a horizon
OPEN_SECONDS = 3.0  # for which a reader keeps its transaction open, once in a while
OPEN_EVERY = 20.0
WHOLE = """
SELECT *, (SELECT min(probability) FROM probability_details), (SELECT max(probability) FROM probability_details)
FROM Probabilities
"""
STEPS = 997  # different values, a publication each
HOLDS = {
    "torn": exactly(0),
    "polls": at_least(500),
    "publications": at_least(GROWS),
    "columns_added": at_least(1),
    "values_seen": at_least(2),
}
TIMED = ("p99_*", "largest_ms")


@dataclass
class Polls:
    """What a phase gave.

    Args:
        seconds: Of each question.
        checks: Polls of whole tables, which are not timed.
        seen: The values found.
        columns: How many columns the wide table had.
    """

    seconds: list[float] = field(default_factory=list)
    checks: int = 0
    torn: int = 0
    seen: set[float] = field(default_factory=set)
    columns: set[int] = field(default_factory=set)

    def share(self, percentile: float) -> float:
        return float(np.percentile(self.seconds, percentile)) * 1e3


def run(quick: bool) -> Report:
    """The questions of one reader: alone, then beside a publisher and a reader who keeps transactions open."""
    assets, horizons, polls = (50, 5, 1_000) if quick else (1_000, 20, 100_000)
    with benchmark_servers() as variables:
        settings = fresh(variables)
        assert settings.reader_url is not None
        publish_turn(settings.warehouse_url, assets, horizons, 0)
        idle = ask_often(settings.reader_url, assets, horizons, polls // 5)
        context = multiprocessing.get_context("spawn")
        stop, published = context.Event(), context.Value("i", 0)
        beside = [
            context.Process(target=_publish, args=(settings.warehouse_url, assets, horizons, stop, published)),
            context.Process(target=_keep_open, args=(settings.reader_url, stop)),
        ]
        for process in beside:
            process.start()
        try:
            while published.value < 1:
                time.sleep(0.1)
            before = published.value
            grown = lambda: published.value - before > GROWS  # noqa: E731 - a column was added meanwhile
            busy = ask_often(settings.reader_url, assets, horizons, polls, grown)
            turns = published.value - before
        finally:
            stop.set()
            for process in beside:
                process.join()
        assert [process.exitcode for process in beside] == [0, 0]
        after = ask_often(settings.reader_url, assets, horizons, polls // 5)
    torn = idle.torn + busy.torn + after.torn
    phases = {"before": idle, "while published": busy, "afterwards": after}
    return Report(
        title=f"{polls:,} polls while {assets:,} assets at {horizons} horizons are published without a break",
        columns=("phase", "polls", "publications", "columns seen", "torn", "p50 ms", "p99 ms", "largest ms"),
        rows=[_row(name, found, turns if found is busy else 0) for name, found in phases.items()],
        figures={
            "torn": torn,
            "values_seen": len(busy.seen),
            "polls": len(busy.seconds) + busy.checks,
            "publications": turns,
            "columns_added": len(busy.columns) - 1,
            "p99_ratio": busy.share(99) / idle.share(99),
            "p99_ms": busy.share(99),
            "largest_ms": busy.share(100),
        },
        notes=[
            "A publication gives every cell one value, another than the one before: a poll is torn where one statement"
            " finds two. Half of the polls read the row of an asset, half the first five assets; one in a hundred reads"
            " the whole wide table beside the details, and is not timed.",
            f"Every {GROWS} publications the catalogue gains a horizon, so that a column is added. Another reader keeps"
            f" a transaction open on both tables for {OPEN_SECONDS:g} s every {OPEN_EVERY:g} s: the column waits.",
            "Publisher, its part of the server, reader and its part share the machine's cores.",
            "Targets: no torn read; p99 at most twice that of a reader alone.",
        ],
    )


def _row(name: str, found: Polls, publications: int) -> tuple[object, ...]:
    times = (found.share(percentile) for percentile in (50, 99, 100))
    return name, len(found.seconds) + found.checks, publications, len(found.columns), found.torn, *times


def publish_turn(url: SecretStr, assets: int, horizons: int, turn: int) -> None:
    """Publish the turn's value in every cell."""
    cells = pd.MultiIndex.from_product([_names(assets), range(1, horizons + 1)], names=["asset", "horizon"])
    frame = cells.to_frame(index=False).assign(
        as_of=START.day - timedelta(days=1),
        probability=value_of(turn),
        base_rate=0.5,
        model_version=1,
        data_sha256="ab" * 32,
    )
    rows = TableRows(PROBABILITY_DETAILS, frame.reindex(columns=list(PROBABILITY_DETAILS.row_names)))
    moment = Moment(START.at + timedelta(minutes=turn))
    publish(url, NAME, [rows], [probabilities(range(1, horizons + 1))], moment)


def value_of(turn: int) -> float:
    return (turn % STEPS) / STEPS


def ask_often(
    url: SecretStr, assets: int, horizons: int, polls: int, enough: Callable[[], bool] = lambda: True
) -> Polls:
    """Ask as `bi_reader`, one question after the other, at least `polls` and until it is `enough`."""
    found, questions = Polls(), _questions(assets, horizons)
    with closing(_login(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for number in itertools.count():
            if number >= polls and enough():
                break
            query, values, timed = next(questions)
            start = time.perf_counter()
            cursor.execute(query, values)
            rows = cursor.fetchall()
            if timed:
                found.seconds.append(time.perf_counter() - start)
            else:
                found.checks += 1
                found.columns.add(len(cursor.description or ()))
            seen = {value for row in rows for value in row if isinstance(value, float)}
            found.torn += len(seen) != 1
            found.seen |= seen
    return found


def _questions(assets: int, horizons: int) -> Iterator[tuple[Any, tuple[object, ...], bool]]:
    draw, names = random.Random(0), _names(assets)
    columns = [sql.Identifier(probability_column(number + 1)) for number in range(horizons)]
    five = sql.SQL("SELECT assetname, {column} FROM Probabilities ORDER BY {column} ASC LIMIT 5")
    while True:
        kind = draw.random()
        if kind < 0.01:
            yield WHOLE, (), False
        elif kind < 0.5:
            yield five.format(column=draw.choice(columns)), (), True
        else:
            yield "SELECT * FROM Probabilities WHERE AssetName = %s", (draw.choice(names),), True


def _names(assets: int) -> list[str]:
    return [f"ASSET{number:04}" for number in range(assets)]


def _login(url: SecretStr) -> Connection:
    return psycopg2.connect(url.get_secret_value().replace("+psycopg2", ""))


def _publish(url: SecretStr, assets: int, horizons: int, stop: Event, published: Any) -> None:
    turn = 0
    while not stop.is_set():
        turn += 1
        publish_turn(url, assets, horizons + turn // GROWS, turn)
        published.value = turn


def _keep_open(url: SecretStr, stop: Event) -> None:
    while not stop.wait(OPEN_EVERY - OPEN_SECONDS):
        with closing(_login(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM Probabilities, (SELECT 1 FROM probability_details LIMIT 1) AS one")
            stop.wait(OPEN_SECONDS)
