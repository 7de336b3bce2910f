"""Some assets made again the slow way: rows read from the source, every model refitted from its recipe alone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from psycopg2 import sql

from brain.core.keys import Sha256
from brain.learning.candidate import Candidate, ChampionSummary, DataReference
from brain.portable.evaluate import read_model
from brain.portable.export import export
from brain.portable.preparation import PREPARATIONS
from brain.usecases.direction.names import DATE, SPACE, horizon_of, model_key
from brain.usecases.direction.peer_shares import up_counts
from brain.usecases.direction.trainer import History, train_asset
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.working_day.world import World
    from brain.learning.candidate import TrainingResult
    from brain.usecases.protocol import Run

PUBLISHED = "SELECT asset, horizon, probability, has_skill, model_version FROM probability_details"


def differing(world: World, run: Run, names: Sequence[str]) -> tuple[int, list[str]]:
    """How many published numbers were compared, and which are not, bit for bit, what the slow way gives.

    The slow way knows of the version before the published one only its recipe. It reads the table itself instead of the
    lake, fits every fold and the whole again, exports the model, and evaluates it on the newest row.
    """
    rows = ask(run.settings.warehouse_url, PUBLISHED).rows
    shown = {(asset, int(horizon)): told for asset, horizon, *told in rows}
    compared, wrong = 0, []
    for name in names:
        frame = _table(world, name)
        for result in _refitted(run, name, frame):
            assert isinstance(result, Candidate), f"{result.key} is not refitted: {result}"
            horizon = horizon_of(result.key.target)
            if run.store.load(result.key).document["decision"]["action"] != "refresh":
                continue  # an alarm had it searched anew: there is no recipe to begin with
            value, has_skill, _ = shown[name, horizon]
            evaluator = read_model(export(result.pipeline, result.check_rows, "slow").content, "slow")
            newest = PREPARATIONS[result.preparation](frame[list(result.features)].to_numpy()[-1:])
            compared += 1
            if float(result.head.apply(evaluator.outputs(newest), has_skill)[-1]) != value:
                wrong.append(str(result.key))
    return compared, wrong


def _refitted(run: Run, name: str, frame: pd.DataFrame) -> Sequence[TrainingResult]:
    spec = run.section.asset(name)
    snapshot = run.lake.as_of(SPACE, name, run.moment)
    assert snapshot is not None
    counts = up_counts(run.lake, run.section.names, run.section.horizons, run.moment.day)
    classes = {asset.name: asset.asset_class for asset in run.section.assets}
    peers = replace(counts, classes=classes).without(name)
    data = DataReference(snapshot.data_sha256, snapshot.watermark, snapshot.source_tables)
    before = {horizon: _before(run, name, horizon) for horizon in spec.horizons}
    return train_asset(History(frame, data, peers), spec, before, moment=run.moment)


def _before(run: Run, name: str, horizon: int) -> ChampionSummary:
    key = model_key(name, horizon)
    document = run.store.load(key, run.store.champion_version(key) - 1).document
    return ChampionSummary(
        version=document["version"],
        parameters=document["hyper_parameters"],
        features=tuple(column["name"] for column in document["schema"]),
        searched_at=document["searched_at"],
        trained_at=document["trained_at"],
        data_sha256=Sha256(document["data"]["snapshot"]),
    )


def _table(world: World, name: str) -> pd.DataFrame:
    """A source table as it is, with the types of the lake."""
    with closing(world.market()) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL('SELECT * FROM {} ORDER BY "Date"').format(sql.Identifier(name)))
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    days = np.array(columns.pop(DATE), dtype="datetime64[us]")
    values = {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    return pd.DataFrame({DATE: days, **values})
