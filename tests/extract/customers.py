"""Customers and orders in real databases, for the tests of keyed tables."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from brain.core.moment import Moment
from brain.core.source_table import KeyKind, SourceTable
from brain.extract.report import ExtractionReport
from brain.extract.table import extract_table
from brain.lake.lake import Lake
from tests.extract.conftest import Market, open_gate

CUSTOMERS = SourceTable(
    use_case="segments",
    space="shop",
    name="customers",
    table="customers",
    key=("customer",),
    kind=KeyKind.NAMES,
    required=("country",),
)
ORDERS = replace(CUSTOMERS, name="orders", table="orders", key=("shop", "number"), required=("customer",))
DAY = dt.date(2024, 5, 1)
LARGE = 2**53 + 1
TYPES: dict[str, Any] = {
    "customer": sa.Text(),
    "country": sa.Text(),
    "points": sa.BigInteger(),
    "spent": sa.Double(),
    "member": sa.Boolean(),
    "born": sa.Date(),
    "seen": sa.DateTime(),
}
ROWS: list[tuple[Any, ...]] = [
    ("Zoë", "SE", LARGE, 12.5, True, dt.date(1970, 1, 2), dt.datetime(2024, 4, 30, 23, 59, 59, 999_999)),  # noqa: DTZ001
    ("anna", "", -LARGE, -0.0, False, dt.date(1899, 12, 31), dt.datetime(1999, 1, 1)),  # noqa: DTZ001
    ("Anna", None, None, None, None, None, None),
    ("金", "CN", 0, 1e300, True, dt.date(2024, 2, 29), dt.datetime(2024, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001
]
ORDER = ("Anna", "Zoë", "anna", "金")  # by the bytes of UTF-8, whatever the collation of the source


def put(
    market: Market, rows: list[tuple[Any, ...]], types: dict[str, Any] | None = None, name: str = "customers"
) -> None:
    """Create the table anew with these rows."""
    kinds = types or TYPES
    engine = sa.create_engine(market.url)
    table = sa.Table(name, sa.MetaData(), *(sa.Column(column, kind) for column, kind in kinds.items()))
    with engine.begin() as connection:
        connection.execute(sa.schema.DropTable(table, if_exists=True))
        connection.execute(sa.schema.CreateTable(table))
        if rows:
            connection.execute(sa.insert(table), [dict(zip(kinds, row, strict=True)) for row in rows])
    engine.dispose()


def many(count: int = 1000) -> list[tuple[Any, ...]]:
    """Customers with every column filled but some."""
    seen = dt.datetime(2024, 4, 1)  # noqa: DTZ001
    return [
        (f"c{i * 7919 % 100_003:06d}", "SE" if i % 3 else None, i, i / 4, i % 2 == 0, DAY, seen + dt.timedelta(hours=i))
        for i in range(count)
    ]


def on(day: int = 0) -> Moment:
    return Moment(dt.datetime.combine(DAY, dt.time(6), dt.UTC) + dt.timedelta(days=day))


def read(
    market: Market,
    lake: Lake,
    day: int = 0,
    table: SourceTable = CUSTOMERS,
    *,
    full: bool = False,
    gate: Any = open_gate,
) -> ExtractionReport:
    with contextlib.closing(market.source()) as source:
        return extract_table(source, lake, table, on(day), gate, full=full)


def snapshot_rows(lake: Lake, report: ExtractionReport) -> list[tuple[Any, ...]]:
    assert report.snapshot is not None, report.reason
    table = lake.read_table(report.snapshot)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
