"""The same day the usual way, by MLflow's registry, and the floor: the same bytes read and written, nothing between.

Each on a few assets, as CPU seconds a model of the process and of the servers: what they cost does not depend on how
many assets there are.
"""

from __future__ import annotations

import io
import pickle
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from psycopg2 import sql
from pymongo import MongoClient
from sqlalchemy import create_engine, text

from benchmarks.fleet.mlflow import mlflow_side
from benchmarks.fleet.models import MIX, PARAMETERS
from benchmarks.working_day.market import FEATURES, asset_name
from brain.learning.search_space import build
from brain.store.connection import database
from brain.usecases.direction.names import target_name
from brain.warehouse.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.working_day.world import World

ASSETS = 2
DATABASE = "usual"
FETCHED = 40  # models that MLflow is asked for


def rivals(world: World, servers_cpu: Callable[[], float]) -> dict[str, float]:
    """CPU seconds a model, by who: ``usual``, ``usual_refitted``, ``mlflow`` and ``floor``.

    Args:
        servers_cpu: CPU seconds of PostgreSQL and MongoDB so far.
    """
    names = [asset_name(number) for number in range(ASSETS)]
    models = len(names) * len(world.shape.horizons)
    fitted = _prepare(world, names)

    def each(do: Callable[[], object]) -> float:
        start = time.process_time() + servers_cpu()
        do()
        return (time.process_time() + servers_cpu() - start) / models

    found = {
        "usual": each(lambda: _usual_loop(world, names, refit=False)),
        "usual_refitted": each(lambda: _usual_loop(world, names, refit=True)),
        "floor": each(lambda: _floor(world, names)),
    }
    return {**found, "mlflow": _mlflow(world, fitted)}


def _prepare(world: World, names: Sequence[str]) -> dict[str, Any]:
    """A collection an asset with a pickled pipeline a horizon; one fitted pipeline of each kind."""
    kinds: dict[str, Any] = {}
    store = _models(world)
    engine = create_engine(world.market_url)
    for name in names:
        frame = _all_rows(engine, name)
        store[name].drop()
        for place, horizon in enumerate(world.shape.horizons):
            kind = MIX[place % len(MIX)]
            kinds[kind] = _fit(kind, frame, horizon)
            store[name].insert_one({"name": target_name(horizon), "kind": kind, "model": pickle.dumps(kinds[kind])})
    engine.dispose()
    return kinds


def _models(world: World) -> Any:
    client: MongoClient[dict[str, Any]] = world.servers.mongo.administrator(world.servers.mongo_port)
    return client[DATABASE]


def _all_rows(engine: Any, name: str) -> pd.DataFrame:
    with engine.connect() as connection:
        return pd.read_sql(text(f'SELECT * FROM "{name}" ORDER BY "Date"'), connection)


def _fit(kind: str, frame: pd.DataFrame, horizon: int) -> Any:
    known = frame.dropna(subset=[target_name(horizon)])
    matrix, outcome = known[list(FEATURES)].to_numpy(), (known[target_name(horizon)] >= 0).to_numpy(np.int64)
    return build({**PARAMETERS[kind], "seed": 0}, len(matrix), len(FEATURES)).fit(matrix, outcome)


def _usual_loop(world: World, names: Sequence[str], *, refit: bool) -> None:
    """A query, a connection and a pickle for each model, and a table by pandas at the end."""
    found: dict[tuple[str, int], float] = {}
    for name in names:
        for horizon in world.shape.horizons:
            engine, store = create_engine(world.market_url), _models(world)
            frame = _all_rows(engine, name)
            document = store[name].find_one({"name": target_name(horizon)})
            pipeline = _fit(document["kind"], frame, horizon) if refit else pickle.loads(document["model"])
            if refit:
                store[name].update_one({"_id": document["_id"]}, {"$set": {"model": pickle.dumps(pipeline)}})
            found[name, horizon] = float(pipeline.predict_proba(frame[list(FEATURES)].to_numpy()[-1:])[0, 1])
            store.client.close()
            engine.dispose()
    engine = create_engine(world.settings.warehouse_url.get_secret_value())
    pd.Series(found).unstack().to_sql("usual_probabilities", engine, if_exists="replace")
    engine.dispose()


def _mlflow(world: World, fitted: dict[str, Any]) -> float:
    """CPU seconds a model: from the registry by name, and one row predicted."""
    row = np.zeros((1, len(FEATURES)))
    folder = world.folder / f"mlflow_{time.time_ns()}"
    with mlflow_side(folder, fitted, row) as side:
        count = len(MIX)
        for kind in MIX:
            side.ask(f"save {kind}")
        side.ask(f"fetch {count} 1 {count}")  # what the first ones pay is not compared
        return float(side.ask(f"fetch {FETCHED} 1 {count}")["cpu_seconds"]) / FETCHED


def _floor(world: World, names: Sequence[str]) -> None:
    """The rows that a day reads, the documents that it reads and writes, and what it publishes, as bare bytes."""
    overlap = max(world.shape.horizons) + len(world.shape.horizons)
    settings = world.settings
    store = database(settings.mongo_url)
    with world.market() as connection, connection.cursor() as cursor:
        for name in names:
            newest = sql.SQL('COPY (SELECT * FROM {} ORDER BY "Date" DESC LIMIT {}) TO STDOUT (FORMAT binary)')
            rows = io.BytesIO()
            cursor.copy_expert(newest.format(sql.Identifier(name), sql.Literal(overlap)), rows)
            (world.folder / "floor.bin").write_bytes(rows.getvalue())
            read = store.get_collection("models").find({"entity": name}).sort("version", -1)
            documents = [{**one, "_id": n} for n, one in enumerate(read.limit(len(world.shape.horizons)))]
            store["floor"].drop()
            store["floor"].insert_many(documents)
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        for table in ("probability_details", "probability_reasons"):
            copied = io.BytesIO()
            chosen = sql.SQL("COPY (SELECT * FROM {} WHERE asset = ANY({})) TO STDOUT (FORMAT binary)")
            cursor.copy_expert(chosen.format(sql.Identifier(table), sql.Literal(list(names))), copied)
            copied.seek(0)
            made = sql.SQL("CREATE TEMPORARY TABLE floor_rows (LIKE {}) ON COMMIT DROP").format(sql.Identifier(table))
            cursor.execute(made)
            cursor.copy_expert("COPY floor_rows FROM STDIN (FORMAT binary)", copied)
            cursor.execute("DROP TABLE floor_rows")
    store["floor"].drop()
