"""The published tables: what they look like, and how they grow a column for a new horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.usecases.direction.names import probability_column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

READER_ROLE = "bi_reader"
PUBLISHED_TABLES = ("probabilities", "probability_details", "probability_history")

CREATE = """
CREATE TABLE Probabilities (AssetName text PRIMARY KEY, {horizons}, As_Of date, Published_At timestamptz);
COMMENT ON TABLE Probabilities IS
    'A row per asset; "N_Day_Probability" is the probability that Close is not lower N rows after As_Of.';

CREATE TABLE probability_details (
    asset text NOT NULL,
    horizon integer NOT NULL CHECK (horizon > 0),
    as_of date,
    probability double precision CHECK (probability BETWEEN 0 AND 1),
    base_rate double precision CHECK (base_rate BETWEEN 0 AND 1),
    skill double precision,
    has_skill boolean,
    model_version integer,
    trained_at timestamptz,
    stale boolean NOT NULL,
    reason text,
    data_sha256 text,
    published_at timestamptz,
    PRIMARY KEY (asset, horizon)
);
COMMENT ON TABLE probability_details IS
    'A row per published cell: where its number comes from and how far to trust it.';

CREATE TABLE probability_history (
    asset text NOT NULL,
    horizon integer NOT NULL,
    as_of date NOT NULL,
    published_at timestamptz NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    base_rate double precision NOT NULL,
    skill double precision,
    has_skill boolean,
    model_version integer NOT NULL,
    trained_at timestamptz,
    data_sha256 text NOT NULL,
    PRIMARY KEY (asset, horizon, as_of, published_at)
);
COMMENT ON TABLE probability_history IS
    'Every number ever published; a row is added only where something changed.';
"""


def prepare(cursor: Cursor, horizons: Iterable[int]) -> None:
    """Create what is missing: the tables, a column per horizon, the reader's grants.

    Columns are added only when they are missing, because adding one locks readers out until the commit.
    """
    existing = _columns(cursor)
    missing = [_column(horizon) for horizon in horizons if probability_column(horizon) not in existing]
    if not existing:
        cursor.execute(sql.SQL(CREATE).format(horizons=sql.SQL(", ").join(missing)))
        grant_read(cursor, PUBLISHED_TABLES)
    elif missing:
        additions = sql.SQL(", ").join(sql.SQL("ADD COLUMN {}").format(column) for column in missing)
        cursor.execute(sql.SQL("ALTER TABLE Probabilities {}").format(additions))


def probability_columns(cursor: Cursor) -> list[str]:
    """The wide table's probability columns, whether or not the catalogue still names their horizon."""
    return sorted(column for column in _columns(cursor) if column.endswith("_Day_Probability"))


def _column(horizon: int) -> sql.Composed:
    return sql.SQL("{} double precision").format(sql.Identifier(probability_column(horizon)))


def _columns(cursor: Cursor) -> set[str]:
    cursor.execute(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = to_regclass('probabilities') AND attnum > 0 AND NOT attisdropped"
    )
    return {name for (name,) in cursor.fetchall()}


def grant_read(cursor: Cursor, tables: Iterable[str]) -> None:
    """Let the reader role read `tables`, where a role of that name exists."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER_ROLE,))
    if cursor.fetchone() is None:
        return
    role = sql.Identifier(READER_ROLE)
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(_schema(cursor)), role))
    for table in tables:
        cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(table), role))


def _schema(cursor: Cursor) -> str:
    cursor.execute("SELECT current_schema()")
    (name,) = cursor.fetchone()
    return str(name)
