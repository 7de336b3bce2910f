"""Ways to spoil an asset table, and sources that fail in the middle of a read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from brain.lake.lake import Lake
from brain.lake.snapshot import folder_of
from brain.source.batches import Batch
from brain.source.postgres import PostgresSource
from local.servers import Servers
from tests.extract.conftest import HORIZONS, Market, asset_frame, last_dates

ROWS = 160
DAYS = last_dates(asset_frame(ROWS), ROWS)
TODAY = DAYS[-1]


@dataclass
class Bench:
    """Where a case is played."""

    market: Market
    lake: Lake
    servers: Servers

    def put(self, frame: pd.DataFrame, types: dict[str, Any] | None = None, key: str | None = "Date") -> None:
        self.market.put("GOLD", frame, types, key)

    def sql(self, *statements: str) -> None:
        for statement in statements:
            self.market.execute(statement)


Spoil = Callable[[Bench], None]


def good() -> pd.DataFrame:
    return asset_frame(ROWS)


def values(column: str, value: Any, rows: slice = slice(150, 151)) -> Spoil:
    """Overwrite some values of one column."""

    def spoil(bench: Bench) -> None:
        frame = good()
        frame.loc[frame.index[rows], column] = value
        bench.put(frame)

    return spoil


def rows(change: Callable[[pd.DataFrame], pd.DataFrame], **options: Any) -> Spoil:
    """Put another frame in place of the good one."""
    return lambda bench: bench.put(change(good()), **options)


def sql(*statements: str) -> Spoil:
    return lambda bench: bench.sql(*statements)


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    returns = {f"RETURNS{horizon}": frame[f"RETURNS{horizon}"] * 0 for horizon in HORIZONS}
    return frame.assign(Open=5.0, High=5.0, Low=5.0, Close=5.0, **returns)


def backward(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(RETURNS5=frame["Close"] / frame["Close"].shift(5) - 1)


def log_percent(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(RETURNS5=100 * np.log1p(frame["RETURNS5"]))


def clairvoyant(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{f"RETURNS{horizon}": frame[f"RETURNS{horizon}"].fillna(0.5) for horizon in HORIZONS})


def with_row(day: str) -> Spoil:
    fives = ", ".join(["5"] * (len(good().columns) - 1))
    return sql(f"INSERT INTO \"GOLD\" VALUES ('{day}', {fives})")


def many_columns(bench: Bench) -> None:
    """As many columns as PostgreSQL takes; real numbers, since 1,600 doubles do not fit on a page."""
    required = ["Close", *(f"RETURNS{horizon}" for horizon in HORIZONS)]
    names = required + [f"f{number}" for number in range(1599 - len(required))]
    bench.sql(
        'DROP TABLE "GOLD"',
        f'CREATE TABLE "GOLD" ("Date" date PRIMARY KEY, {", ".join(f"""{chr(34)}{n}{chr(34)} real""" for n in names)})',
        f"INSERT INTO \"GOLD\" SELECT date '2020-01-01' + i, 5, {', '.join(['i * 7 % 5 - 2'] * (len(names) - 1))}"
        " FROM generate_series(0, 150) i",
    )


def half_written_manifest(bench: Bench) -> None:
    path = Path(bench.lake.storage.root) / folder_of("assets", "GOLD") / "manifest.json"
    path.write_bytes(path.read_bytes()[:-300])


class DroppingSource(PostgresSource):
    """The real source; the table is dropped between the look at its columns and the read of its rows."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(sa.make_url(bench.market.read_url), None)
        self._bench = bench

    def read(self, *arguments: Any, **options: Any) -> Iterator[Batch]:
        self._bench.sql('DROP TABLE IF EXISTS "GOLD"')
        return super().read(*arguments, **options)


class CutSource(PostgresSource):
    """The real source; an administrator ends its session between two batches of a read."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(sa.make_url(bench.market.read_url), None)
        self._servers = bench.servers
        self._cut = False

    def read(self, *arguments: Any, **options: Any) -> Iterator[Batch]:
        batches = super().read(*arguments, **options)
        if not self._cut:
            self._cut = True
            end_sessions(self._servers, self.url.database)
        yield from batches


def end_sessions(servers: Servers, database: str | None) -> None:
    """End, as an administrator, the sessions in which extraction reads `database`."""
    with closing(servers.postgres.connect("postgres", servers.postgres_port)) as connection:
        connection.cursor().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'brain' AND datname = %s",
            (database,),
        )
