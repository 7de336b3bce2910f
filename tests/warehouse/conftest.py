"""A published table of no use case, to see what derives from a declaration."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from brain.core.moment import Moment
from brain.warehouse.connection import transaction
from brain.warehouse.grid import complete
from brain.warehouse.publish import Publication, TableRows, publish
from brain.warehouse.read import ask
from brain.warehouse.tables import Column, History, ModelColumns, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.core.settings import Settings
    from brain.warehouse.tables import DerivedTable

MONDAY, TUESDAY, WEDNESDAY = (Moment(datetime(2024, 1, day, 6, tzinfo=UTC)) for day in (8, 9, 10))

SALES = PublishedTable(
    name="sales",
    meaning="What a shop is likely to sell.",
    key=("shop", "day"),
    columns=(
        Column("shop", "text", "The shop's name, as its sign has it."),
        Column("day", "integer", "Days ahead.", low=1),
        Column("as_of", "date", "The last day that was known.", required=True),
        Column("pieces", "bigint", "Pieces that are likely to be sold; 100 % sure is nobody.", low=0, high=1000),
        Column("Mean Price", "double precision", "Of a piece, in francs."),
        Column("version", "integer", "Version of the model."),
        Column("stale", "boolean", "Kept from an earlier run."),
        Column("reason", "text", "Why it could not be computed."),
        Column("published_at", "timestamptz", "The moment of the run."),
    ),
    value="pieces",
    history=History("sales_history", "All that was ever published."),
    model=ModelColumns(key=("shop",), version="version"),
)
ROW_NAMES = ("shop", "day", "pieces", "Mean Price")


def frame(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of SALES: shop, day, pieces, mean price; one without pieces could not be computed."""
    made = pd.DataFrame(rows, columns=list(ROW_NAMES), dtype=object)
    made["version"] = [None if pieces is None else 3 for pieces in made["pieces"]]
    made["as_of"] = [None if pieces is None else "2024-01-05" for pieces in made["pieces"]]
    made["reason"] = ["no model" if pieces is None else None for pieces in made["pieces"]]
    return made


def show(
    settings: Settings,
    table: PublishedTable,
    rows: pd.DataFrame,
    moment: Moment = MONDAY,
    derived: Sequence[DerivedTable] = (),
) -> Publication:
    return publish(settings.warehouse_url, "shops", [TableRows(table, complete(table, rows, None))], derived, moment)


def told(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    return ask(settings.warehouse_url, query).rows


def execute(settings: Settings, statement: str) -> None:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
