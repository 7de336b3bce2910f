"""The table `reliability_pools`, declared."""

from __future__ import annotations

from brain.warehouse.tables import Column, Layout

_OVER_ALL = "over all scored rows of the target, and the same in each of its pools"

POOLS = Layout(
    name="reliability_pools",
    meaning="A row per target and pool of probabilities, lowest first: what was said in it and how often it came true."
    " Pools are those of an isotonic regression, so nobody has chosen them. Brier score = miscalibration -"
    " discrimination + uncertainty.",
    key=("use_case", "ledger", "target", "hindcast", "pool"),
    columns=(
        Column("use_case", "text", "The use case."),
        Column("ledger", "text", "The ledger."),
        Column("target", "text", "What was forecast, such as the number of rows ahead; `all` is over all of them."),
        Column("hindcast", "boolean", "As in the ledger."),
        Column("pool", "integer", "Counts the pools from 1, the lowest probabilities first."),
        Column("low", "double precision", "Least probability said in the pool.", required=True),
        Column("high", "double precision", "Largest one.", required=True),
        Column("said", "double precision", "Their mean.", required=True),
        Column("forecasts", "bigint", "How many.", required=True),
        Column("came_true", "double precision", "Share that came true: what should have been said.", required=True),
        Column("brier", "double precision", f"Brier score {_OVER_ALL}.", required=True),
        Column(
            "miscalibration",
            "double precision",
            f"How much better it would be if came_true had been said, {_OVER_ALL}.",
            required=True,
        ),
        Column(
            "discrimination",
            "double precision",
            f"How much that would be better than always saying the overall share, {_OVER_ALL}.",
            required=True,
        ),
        Column("uncertainty", "double precision", f"Brier score of that share, {_OVER_ALL}.", required=True),
    ),
)
