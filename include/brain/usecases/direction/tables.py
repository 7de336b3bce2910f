"""What direction publishes: a row per asset and horizon, their history, and one wide row per asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.usecases.direction.names import DIGITS, probability_column
from brain.usecases.protocol import Overview
from brain.warehouse.tables import (
    DAYS_BEHIND,
    PUBLISHED_AT,
    REASON,
    STALE,
    Column,
    DerivedTable,
    History,
    ModelColumns,
    PublishedTable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def _label(column: str) -> str:
    """``5d`` for ``5_Day_Probability``: the whole table fits 80 columns."""
    return "" if column == PUBLISHED_AT else column.replace("_Day_Probability", "d")


def _place(column: str) -> int:
    """Horizons by their number, between the name and the day: the table has later ones behind the day."""
    number = column.removesuffix("_Day_Probability")
    if number != column:
        return int(number)
    return 0 if column == "assetname" else 10**DIGITS


OVERVIEW = Overview("Probabilities", "SELECT * FROM Probabilities ORDER BY AssetName", _label, _place)

CHECKED = "Probabilities"  # how the gate in front of the tables calls them

PROBABILITY_DETAILS = PublishedTable(
    name="probability_details",
    meaning="A row per asset and horizon: where its probability comes from and how far to trust it.",
    key=("asset", "horizon"),
    columns=(
        Column("asset", "text", "Name of the asset, as the catalogue has it."),
        Column("horizon", "integer", "How many rows (trading days) after as_of the probability is about.", low=1),
        Column(
            "as_of", "date", "Date of the newest row of data that the probability was computed from.", required=True
        ),
        Column(
            "probability",
            "double precision",
            "Probability, from 0 to 1, that Close is not lower so many rows (horizon) after as_of. Where has_skill is"
            " false it is the base rate.",
            low=0,
            high=1,
        ),
        Column(
            "base_rate",
            "double precision",
            "What one would say without a model, from 0 to 1: the share of past rows after which Close was not lower,"
            " drawn toward that of other assets where there are few. Compare the probability with it, not with 0.5.",
            required=True,
            low=0,
            high=1,
        ),
        Column(
            "skill",
            "double precision",
            "How much better than the base rate the model was on rows it had not seen: 1 - its log loss / that of the"
            " base rate. 0.01 is 1 % better, below 0 is worse; empty where it was not measured.",
        ),
        Column(
            "has_skill",
            "boolean",
            "Whether the skill is proven over the whole grid of assets and horizons; empty where nobody has tested it.",
        ),
        Column(
            "model_version",
            "integer",
            "Version of the model behind it, in the model store.",
            required=True,
        ),
        Column("trained_at", "timestamptz", "The moment for which the model was trained, in UTC."),
        Column(
            DAYS_BEHIND,
            "integer",
            "Calendar days from as_of to the day of the newest run: how old the newest row of data was then.",
        ),
        Column(
            STALE,
            "boolean",
            "True where the newest run could not compute the row, which then shows an earlier one, or computed it from"
            " old data because the asset's last extraction failed.",
        ),
        Column(REASON, "text", "Why the row is stale; empty where it is not."),
        Column(
            "data_sha256",
            "text",
            "SHA-256 of the asset's rows; the newest was scored.",
            required=True,
        ),
        Column(
            "left_out",
            "text",
            "Features that training left out because they know the future, each with the evidence; empty where there"
            " are none.",
        ),
        Column(PUBLISHED_AT, "timestamptz", "The moment of the run that computed the row, in UTC."),
    ),
    value="probability",
    history=History(
        "probability_history",
        "Every probability ever published; a row is added only where something changed.",
    ),
    unscored="keep",
    model=ModelColumns(key=("asset", "horizon"), version="model_version"),
)

PROBABILITY_REASONS = PublishedTable(
    name="probability_reasons",
    meaning="A row per asset, horizon and reason: what the probability is made of, from the share of past ups to each"
    " feature. The parts of a probability add up to its log-odds, ln(p / (1 - p)).",
    key=("asset", "horizon", "position"),
    columns=(
        Column("asset", "text", "Name of the asset, as the catalogue has it."),
        Column("horizon", "integer", "How many rows (trading days) after as_of the probability is about.", low=1),
        Column("position", "integer", "Where the reason stands, from 1: in this order they make sense.", low=1),
        Column(
            "kind",
            "text",
            "share (of past rows), peers (the share of other assets), recent (the newest rows), base_rate (all three,"
            " where the model does not say more), feature, together (what no single feature accounts for), usual (what"
            " the model says of a usual row, beyond its mean) or limit (no probability beyond one in a million).",
            required=True,
        ),
        Column("feature", "text", "Name of the feature that the reason is about; empty where it is about none."),
        Column("value", "double precision", "The feature on as_of, or the share that the reason is about."),
        Column("words", "text", "The reason in a sentence.", required=True),
        Column("part", "double precision", "What it adds to the log-odds; below 0 it speaks for a fall."),
        Column(
            "probability",
            "double precision",
            "The probability with this reason and those before it, from 0 to 1; behind the last the published one.",
            required=True,
            low=0,
            high=1,
        ),
        Column("as_of", "date", "Date of the newest row of data, as in probability_details.", required=True),
        Column("model_version", "integer", "Version of the model behind it, in the model store.", required=True),
        Column(PUBLISHED_AT, "timestamptz", "The moment of the run that computed the row, in UTC."),
    ),
    value="part",
    unscored="drop",
    of=PROBABILITY_DETAILS,
)


def probabilities(horizons: Iterable[int]) -> DerivedTable:
    """The wide table with a column for each of `horizons`."""
    horizons = tuple(horizons)
    return DerivedTable(
        name="Probabilities",
        meaning='A row per asset; "N_Day_Probability" is the probability that Close is not lower N rows after As_Of,'
        " for each horizon N of the catalogue. probability_details says how far to trust each, and why an asset that is"
        " not here has none.",
        key=("AssetName",),
        columns=(
            Column("AssetName", "text", "Name of the asset, as the catalogue has it."),
            *map(_probability, horizons),
            Column(
                "As_Of",
                "date",
                "Date of the oldest row of data behind any probability of this row: a stale one cannot pass for fresh.",
            ),
            Column("Published_At", "timestamptz", "The moment of the newest run that computed any of them, in UTC."),
        ),
        select=_one_row_per_asset(horizons),
    )


def _probability(horizon: int) -> Column:
    return Column(
        probability_column(horizon),
        "double precision",
        f"Probability, from 0 to 1, that Close is not lower {horizon} {'row' if horizon == 1 else 'rows'} (trading"
        f" {'day' if horizon == 1 else 'days'}) after As_Of; empty where the asset has no such horizon, or none yet"
        " (in ORDER BY … DESC these come first, unless it says NULLS LAST).",
    )


def _one_row_per_asset(horizons: tuple[int, ...]) -> sql.Composed:
    values = [
        sql.SQL("max(probability) FILTER (WHERE horizon = {})").format(sql.Literal(horizon)) for horizon in horizons
    ]
    columns = [sql.SQL("asset"), *values, sql.SQL("min(as_of)"), sql.SQL("max(published_at)")]
    selection = sql.SQL("SELECT {} FROM probability_details WHERE probability IS NOT NULL GROUP BY asset")
    return selection.format(sql.SQL(", ").join(columns))
