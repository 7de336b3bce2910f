"""Two days of the pipeline: a shop, bars, an asset that is well, one quarantined, one without a table."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import psycopg2

from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.demo.market_bars import make_feedback
from brain.pipeline import run_all
from brain.steps import document
from brain.store.champions import Move
from brain.store.waiting import waiting_before, write_waiting
from brain.usecases.direction.names import model_key
from brain.warehouse.notices import Place, Problem, note
from brain.workspace import open_workspace
from tests.databases import fresh_connections, fresh_models
from tests.usecases.anomalies import bars
from tests.usecases.segments.orders import START, order_lines, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brain.usecases.protocol import Run
    from local.servers import Servers

ODD = '<img src=x onerror="document.title=1">/../%2F&#?"'
DAYS = (date(2018, 6, 28), date(2018, 6, 29))
CATALOGUE = """
defaults:
  horizons: [1, 5]
  training: {trials: 2, folds: 3}
use_cases:
  recommendations: {shop: {orders: {table: orders, quantity: quantity, value: value}}}
  segments: {bootstraps: 3}
  anomalies:
    feeds: [{table: bars, database: warehouse, volume: volume}]
    feedback: anomaly_feedback
    detectors: [jump, stuck, gap]
assets:
  SP500:
  VIX:
"""
QUOTED = "o'neil \"; --"


@contextmanager
def world(servers: Servers, folder: Path) -> Iterator[dict[str, str]]:
    """The BRAIN_* variables of a brain with a past.

    SP500 is as it should be. VIX was quarantined on the second day, so that its cells are stale. The third asset has a
    name that is markup, and no table. Of the shop's customers one has a name that is markup, and one quotes. Bars of
    two symbols have faults; the name of one is markup.
    """
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text(f"{CATALOGUE}  {yaml_text(ODD)}: {{table: nowhere}}\n")
    with fresh_models(servers) as models, fresh_connections(servers, models) as connections:
        variables = {
            **connections,
            "BRAIN_HOME": str(folder / ".brain"),
            "BRAIN_LAKE_URL": str(folder / "lake"),
            "BRAIN_CATALOGUE": str(catalogue),
        }
        for day in DAYS:
            load_demo(connections["BRAIN_DEMO_URL"], as_of=day, assets=("SP500", "VIX"))
            if day == DAYS[1]:
                spoil(connections["BRAIN_DEMO_URL"])
            put(connections["BRAIN_DEMO_URL"], orders_until(day))
            bars.load(connections["BRAIN_WAREHOUSE_URL"], bars_until(day))
            make_feedback(connections["BRAIN_DEMO_URL"])
            run = open_workspace(Settings.load({}, variables))
            moment = Moment(datetime(day.year, day.month, day.day, 22, tzinfo=UTC))
            run_all(run, moment, workers=1)
            document(run.run("direction", moment))
        ask_and_tell(run.run("direction", moment))
        yield variables


def ask_and_tell(run: Run) -> None:
    """People were told of VIX, and the older version of SP500 waits to be approved."""
    place, told = Place("direction", "extract", "VIX"), ("one price is not above zero", "the others", "Correct the row")
    link = "http://airflow.example/dags/extract_assets/runs/manual__1"
    note(run.settings.warehouse_url, run.moment, [Problem(place, "quarantined", *told, link)])
    key = model_key("SP500", 1)
    pointer = run.store.pointer(key)
    assert pointer is not None
    older = run.store.load(key, 1)
    move = Move(key, 1, older.trained_at, run.moment.at, "refresh", older.document["identity"])
    write_waiting(run.store.backend, [waiting_before(pointer, move, "v2 has proven skill; the new version has none")])


def orders_until(day: date) -> pd.DataFrame:
    """The lines of a shop that were known at the end of a day."""
    lines = order_lines(customers=120)
    lines["time"] += pd.Timestamp(DAYS[-1]) - pd.Timestamp(START + timedelta(days=400))
    lines["customer"] = lines["customer"].replace({"c0000": ODD, "c0001": QUOTED})
    return lines[lines["time"] < pd.Timestamp(day) + pd.Timedelta(days=1)]


def bars_until(day: date) -> pd.DataFrame:
    """Bars with faults, of GOLD and of a symbol whose name is markup, as they were known at the end of a day."""
    found = bars.frame(*(bars.spoiled(bars.series(name, seed=seed)) for seed, name in enumerate(("GOLD", ODD))))
    until = pd.Timestamp(DAYS[-1], tz="UTC") + pd.Timedelta(hours=20)
    found["at"] += until - found["at"].max()
    return found[found["at"] < pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)]


def spoil(url: str) -> None:
    """Give the newest row of VIX a Close that no rule lets through."""
    with psycopg2.connect(url.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute('UPDATE "VIX" SET "Close" = -1 WHERE "Date" = (SELECT max("Date") FROM "VIX")')


def yaml_text(text: str) -> str:
    """In YAML's single quotes."""
    return "'" + text.replace("'", "''") + "'"
