"""The usual form of this pattern, as the baseline: a query, a connection and a pickle a model."""

from __future__ import annotations

import pickle
from typing import Any

import pandas as pd
from pymongo import MongoClient
from sqlalchemy import create_engine, text

from benchmarks.fleet.models import FEATURES, fitted, rows
from brain.core.settings import Settings


def prepare(settings: Settings, assets: list[str], models: int, kinds: tuple[str, ...], table_rows: int) -> None:
    """One table an asset in PostgreSQL, one collection an asset in MongoDB with a pickled blob a model."""
    engine = create_engine(settings.warehouse_url.get_secret_value())
    client: MongoClient[dict[str, Any]] = MongoClient(settings.mongo_url.get_secret_value())
    for place, asset in enumerate(assets):
        matrix, _ = rows(place % 4, table_rows)
        frame = pd.DataFrame(matrix, columns=list(FEATURES))
        frame.insert(0, "Date", pd.bdate_range(end="2024-01-05", periods=table_rows))
        frame.to_sql(f"usual_{asset}", engine, if_exists="replace", index=False, method="multi", chunksize=200)
        collection = client.get_default_database()[f"usual_{asset}"]
        for number in range(models):
            index = place * models + number
            model = fitted(kinds[index % len(kinds)], index % 4)
            blob = pickle.dumps(model.pipeline)
            collection.insert_one({"name": f"RETURNS{number + 1}", "model": blob, "schema": list(FEATURES)})
    client.close()
    engine.dispose()


def run(settings: Settings, assets: list[str], models: int) -> dict[tuple[str, int], float]:
    """Score and publish; the probabilities by asset and number of the model."""
    found: dict[tuple[str, int], float] = {}
    for asset in assets:
        for number in range(models):
            engine = create_engine(settings.warehouse_url.get_secret_value())
            with engine.connect() as connection:
                frame = pd.read_sql(text(f'SELECT * FROM "usual_{asset}" ORDER BY "Date"'), connection)
            client: MongoClient[dict[str, Any]] = MongoClient(settings.mongo_url.get_secret_value())
            document = client.get_default_database()[f"usual_{asset}"].find_one({"name": f"RETURNS{number + 1}"})
            assert document
            pipeline = pickle.loads(document["model"])
            newest = frame[document["schema"]].tail(1).to_numpy()
            found[asset, number + 1] = float(pipeline.predict_proba(newest)[0, 1])
            client.close()
            engine.dispose()
    engine = create_engine(settings.warehouse_url.get_secret_value())
    wide = pd.Series(found).unstack()
    wide.to_sql("usual_probabilities", engine, if_exists="replace")
    engine.dispose()
    return found
