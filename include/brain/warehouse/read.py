"""Reading what was published, the way any SQL client would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brain.warehouse.connection import transaction

if TYPE_CHECKING:
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


def ask(url: SecretStr, query: str) -> Answer:
    """Run one query in a read-only transaction.

    Raises:
        psycopg2.ProgrammingError: The query is wrong, or the role may not read what it asks for.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(query)
        if cursor.description is None:
            return Answer((), [])
        return Answer(tuple(column.name for column in cursor.description), cursor.fetchall())
