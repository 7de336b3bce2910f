"""Reading what was published, the way any SQL client would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors as pg

from brain.core.errors import QueryRefused
from brain.core.keys import ModelKey
from brain.scoring.replay import Published
from brain.usecases.direction.names import model_key
from brain.warehouse.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from pydantic import SecretStr

    from brain.core.settings import Settings

WIDE_TABLE = "SELECT * FROM Probabilities ORDER BY AssetName"
GOLD_ANSWER = """SELECT "5_Day_Probability", "20_Day_Probability", "161_Day_Probability"
FROM Probabilities WHERE AssetName = 'GOLD'"""
FALL_ANSWER = """SELECT AssetName, "21_Day_Probability"
FROM Probabilities ORDER BY "21_Day_Probability" ASC LIMIT 5"""


@dataclass(frozen=True)
class Answer:
    """A query's result: column names and rows of plain values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def reader_url(settings: Settings) -> SecretStr:
    """The read-only login where one is set, else the publisher's own."""
    return settings.reader_url or settings.warehouse_url


def ask(url: SecretStr, query: str, values: Sequence[object] | None = None) -> Answer:
    """Run one query in a read-only transaction, `values` bound by the driver.

    Raises:
        QueryRefused: The query is wrong, or the role may not do what it asks for.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        try:
            cursor.execute(query, values)
        except (psycopg2.ProgrammingError, psycopg2.DataError, psycopg2.InternalError) as error:
            raise _refused(error) from error
        if cursor.description is None:
            return Answer((), [])
        return Answer(tuple(column.name for column in cursor.description), cursor.fetchall())


def _refused(error: psycopg2.Error) -> QueryRefused:
    missing = isinstance(error, pg.UndefinedTable)
    return QueryRefused(
        "SQL",
        found=str(error).strip().splitlines()[0],
        expected="one query on the published tables",
        remedy="Nothing may have been published yet: `make run` or `brain run` does." if missing else "Correct it.",
    )


def published(url: SecretStr, asset: str, horizon: int, as_of: date) -> Published | None:
    """The number last published for that cell and day, with what it takes to replay it; None if there was none."""
    query = """
        SELECT asset, horizon, as_of, published_at, probability, has_skill, model_version, data_sha256
        FROM probability_history WHERE asset = %s AND horizon = %s AND as_of = %s
        ORDER BY published_at DESC LIMIT 1
    """
    found = ask(url, query, (asset, horizon, as_of)).rows
    return Published(model_key(asset, horizon), *found[0][2:]) if found else None


def referenced_versions(url: SecretStr, since: datetime) -> set[tuple[ModelKey, int]]:
    """Model versions behind a number that is shown now or was published after `since`."""
    query = """
        SELECT asset, horizon, model_version FROM probability_details WHERE model_version IS NOT NULL
        UNION SELECT asset, horizon, model_version FROM probability_history WHERE published_at >= %s
    """
    return {(model_key(asset, horizon), version) for asset, horizon, version in ask(url, query, (since,)).rows}
