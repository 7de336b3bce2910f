"""Direction's ledger: every published probability, with what came true N rows later."""

from __future__ import annotations

from brain.usecases.direction.tables import PROBABILITY_DETAILS
from brain.warehouse.ledger import Binary, Ledger
from brain.warehouse.tables import Column

REALISED_RETURN = "realised_return"

PROBABILITY_LEDGER = Ledger(
    name="probability_ledger",
    meaning="A row for every asset, horizon and as_of ever published: what was said first, and what came true of it.",
    table=PROBABILITY_DETAILS,
    kept=("probability", "base_rate", "model_version", "has_skill"),
    scoring=Binary("probability", "base_rate", "Close was not lower so many rows (horizon) after as_of"),
    entity="asset",
    target="horizon",
    span="horizon",
    realised=(
        Column(
            REALISED_RETURN,
            "double precision",
            "Close so many rows (horizon) after as_of / Close of as_of - 1; empty until it is known.",
        ),
    ),
    claim="has_skill",
)
