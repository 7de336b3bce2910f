"""Synthetic asset tables of the standard schema, 35 columns wide: only their size matters here, not their prices."""

from __future__ import annotations

import io
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psycopg2
import sqlalchemy as sa
from psycopg2 import sql

from brain.usecases.direction.catalogue import HORIZONS
from local import servers as embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812

    from local.servers import Servers

FEATURES = 18


@dataclass(frozen=True)
class Market:
    """A source database with rights to write it.

    Args:
        source_url: As extraction reads it.
    """

    servers: Servers
    connection: Connection
    source_url: str

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Create the table `name` with the rows of `frame`."""
        columns = [sql.SQL("{} double precision").format(sql.Identifier(str(column))) for column in frame.columns[1:]]
        table = sql.Identifier(name)
        buffer = io.StringIO()
        frame.to_csv(buffer, index=False, header=False)
        buffer.seek(0)
        with self.connection.cursor() as cursor:
            create = sql.SQL('CREATE UNLOGGED TABLE {} ("Date" date PRIMARY KEY, {})')
            cursor.execute(create.format(table, sql.SQL(", ").join(columns)))
            cursor.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table), buffer)
            cursor.execute(sql.SQL("ANALYZE {}").format(table))

    def copies(self, name: str, others: list[str]) -> None:
        """The same table under other names."""
        with self.connection.cursor() as cursor:
            for other in others:
                names = {"new": sql.Identifier(other), "old": sql.Identifier(name)}
                cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {new} (LIKE {old} INCLUDING ALL)").format(**names))
                cursor.execute(sql.SQL("INSERT INTO {new} SELECT * FROM {old}").format(**names))


def asset_frame(rows: int, start: str = "1700-01-01") -> pd.DataFrame:
    """Date, OHLCV, 18 features and 11 forward returns that are empty where the future is unknown."""
    random = np.random.default_rng(rows)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
    frame = pd.DataFrame(
        {"Date": np.datetime64(start) + np.arange(rows).astype("timedelta64[D]"), "Open": close, "High": close * 1.01}
    )
    frame = frame.assign(Low=close * 0.99, Close=close, Volume=random.integers(1, 10**6, rows))
    for number in range(FEATURES):
        frame[f"feature_{number}"] = random.normal(size=rows)
    for horizon in HORIZONS:
        frame[f"RETURNS{horizon}"] = frame["Close"].shift(-horizon) / frame["Close"] - 1
    return frame


@contextmanager
def market() -> Iterator[Market]:
    """An empty source database on a server that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="brain-bench-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL runs under another account when this runs as root
        home = Path(folder) / ".brain"
        servers = embedded.up(home, durable=False)
        try:
            urls = servers.connections()
            owner = sa.make_url(urls["BRAIN_DEMO_URL"]).set(drivername="postgresql")
            with closing(psycopg2.connect(owner.render_as_string(hide_password=False))) as connection:
                connection.autocommit = True
                yield Market(servers, connection, urls["BRAIN_SOURCE_URL"])
        finally:
            embedded.remove(home)
