"""One transaction from scored cells to the published tables: readers see all of the old or all of the new."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.core.errors import PublishError
from brain.scoring.batch import CELL_COLUMNS
from brain.usecases.direction.names import probability_column
from brain.warehouse.connection import transaction
from brain.warehouse.schema import prepare, probability_columns

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.usecases.direction.catalogue import Assets

PUBLISH_LOCK = 0x42524149  # "BRAI": one publisher at a time

STAGE = """
CREATE TEMPORARY TABLE scored (
    asset text, horizon integer, as_of date, probability double precision, base_rate double precision,
    skill double precision, has_skill boolean, model_version integer, trained_at timestamptz,
    data_sha256 text, reason text, PRIMARY KEY (asset, horizon)
) ON COMMIT DROP
"""

UPSERT_SCORED = """
INSERT INTO probability_details AS kept
    (asset, horizon, as_of, probability, base_rate, skill, has_skill, model_version, trained_at,
     stale, reason, data_sha256, published_at)
SELECT asset, horizon, as_of, probability, base_rate, skill, has_skill, model_version, trained_at,
       false, reason, data_sha256, %(published_at)s
FROM scored WHERE probability IS NOT NULL
ON CONFLICT (asset, horizon) DO UPDATE SET
    as_of = excluded.as_of, probability = excluded.probability, base_rate = excluded.base_rate,
    skill = excluded.skill, has_skill = excluded.has_skill, model_version = excluded.model_version,
    trained_at = excluded.trained_at, stale = false, reason = excluded.reason,
    data_sha256 = excluded.data_sha256, published_at = excluded.published_at
"""

KEEP_UNSCORED = """
INSERT INTO probability_details AS kept (asset, horizon, stale, reason)
SELECT asset, horizon, true, reason FROM scored WHERE probability IS NULL
ON CONFLICT (asset, horizon) DO UPDATE SET stale = true, reason = excluded.reason
"""

DROP_DEPARTED = """
DELETE FROM probability_details kept
WHERE NOT EXISTS (SELECT FROM scored WHERE scored.asset = kept.asset AND scored.horizon = kept.horizon)
"""

APPEND_HISTORY = """
INSERT INTO probability_history
    (asset, horizon, as_of, published_at, probability, base_rate, skill, has_skill, model_version, trained_at,
     data_sha256)
SELECT asset, horizon, as_of, %(published_at)s, probability, base_rate, skill, has_skill, model_version, trained_at,
       data_sha256
FROM scored WHERE probability IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM probability_history past
        WHERE past.asset = scored.asset AND past.horizon = scored.horizon AND past.as_of = scored.as_of
            AND past.published_at <> %(published_at)s
            AND past.probability = scored.probability AND past.base_rate = scored.base_rate
            AND past.has_skill IS NOT DISTINCT FROM scored.has_skill AND past.model_version = scored.model_version
            AND past.data_sha256 = scored.data_sha256
    )
ON CONFLICT (asset, horizon, as_of, published_at) DO UPDATE SET
    probability = excluded.probability, base_rate = excluded.base_rate, skill = excluded.skill,
    has_skill = excluded.has_skill, model_version = excluded.model_version, trained_at = excluded.trained_at,
    data_sha256 = excluded.data_sha256
"""


@dataclass(frozen=True)
class Publication:
    """What one publication did, in cells."""

    published_at: datetime
    assets: int
    fresh: int
    stale: int
    departed: int
    without_skill: int


def publish(url: SecretStr, catalogue: Assets, cells: pd.DataFrame, published_at: datetime) -> Publication:
    """Replace what readers see, in one transaction.

    A cell of the catalogue without a probability keeps its last published one, marked stale with the reason; a cell
    that left the catalogue leaves the tables.

    Args:
        url: The warehouse.
        catalogue: Decides which assets and horizons are shown.
        cells: A row per (asset, horizon) of the catalogue with `CELL_COLUMNS`; probability is NaN where scoring failed.
        published_at: The end of the data interval; a rerun with the same one gives the same rows.

    Raises:
        PublishError: `cells` is not exactly the catalogue's grid.
    """
    _require_grid(catalogue, cells)
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (PUBLISH_LOCK,))
        prepare(cursor, catalogue.horizons)
        _stage(cursor, cells)
        moment = {"published_at": published_at}
        cursor.execute(UPSERT_SCORED, moment)
        cursor.execute(KEEP_UNSCORED)
        cursor.execute(DROP_DEPARTED)
        departed = cursor.rowcount
        _widen(cursor, catalogue)
        cursor.execute(APPEND_HISTORY, moment)
        return _summary(cursor, published_at, departed)


def _require_grid(catalogue: Assets, cells: pd.DataFrame) -> None:
    expected = {(asset.name, horizon) for asset in catalogue.assets for horizon in asset.horizons}
    found = list(zip(cells["asset"], cells["horizon"].astype(int), strict=True))
    if len(found) == len(expected) and set(found) == expected:
        return
    strange = sorted(set(found) ^ expected)[:5] or sorted({cell for cell in found if found.count(cell) > 1})[:5]
    raise PublishError(
        "Probabilities",
        found=f"{len(found)} cells, among them missing, unknown or repeated ones: {strange}",
        expected=f"each of the catalogue's {len(expected)} cells once",
        remedy="Nothing was published. Score the whole catalogue again.",
    )


def _stage(cursor: Cursor, cells: pd.DataFrame) -> None:
    cursor.execute(STAGE)
    buffer = io.StringIO()
    frame = cells.loc[:, list(CELL_COLUMNS)].astype({"model_version": "Int64"})
    frame.to_csv(buffer, index=False, header=False, na_rep="", float_format="%.17g")
    buffer.seek(0)
    cursor.copy_expert("COPY scored FROM STDIN WITH (FORMAT csv)", buffer)


def _widen(cursor: Cursor, catalogue: Assets) -> None:
    """Bring the wide table in line with the details.

    As_Of is the oldest date behind any number of the row, so that a stale cell cannot pass for a fresh one.
    """
    names = {probability_column(horizon): horizon for horizon in catalogue.horizons}
    columns = probability_columns(cursor)
    values = sql.SQL(", ").join(
        sql.SQL("max(probability) FILTER (WHERE horizon = {})").format(sql.Literal(names.get(column)))
        for column in columns
    )
    identifiers = [sql.Identifier(column) for column in columns]
    cursor.execute(
        sql.SQL(
            "INSERT INTO Probabilities (AssetName, {columns}, As_Of, Published_At)"
            " SELECT asset, {values}, min(as_of), max(published_at) FROM probability_details GROUP BY asset"
            " ON CONFLICT (AssetName) DO UPDATE SET {updates},"
            " As_Of = excluded.As_Of, Published_At = excluded.Published_At"
        ).format(
            columns=sql.SQL(", ").join(identifiers),
            values=values,
            updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in identifiers),
        )
    )
    cursor.execute("DELETE FROM Probabilities WHERE AssetName NOT IN (SELECT asset FROM probability_details)")


def _summary(cursor: Cursor, published_at: datetime, departed: int) -> Publication:
    cursor.execute(
        "SELECT count(DISTINCT asset), count(*) FILTER (WHERE NOT stale), count(*) FILTER (WHERE stale),"
        " count(*) FILTER (WHERE NOT has_skill) FROM probability_details"
    )
    assets, fresh, stale, without_skill = cursor.fetchone()
    return Publication(published_at, assets, fresh, stale, departed, without_skill)
