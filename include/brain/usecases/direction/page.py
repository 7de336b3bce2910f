"""Direction on the Brain page: assets and horizons, and Close beside each probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.usecases.direction.ledger import PROBABILITY_LEDGER
from brain.usecases.direction.names import CLOSE, DATE, SPACE
from brain.usecases.direction.tables import CHECKED, PROBABILITY_DETAILS
from brain.usecases.direction.views import CLAIMS, SCORECARD, SKILL_OVER_TIME
from brain.usecases.page import Grid, Series, Words

if TYPE_CHECKING:
    from datetime import date

    from brain.lake.lake import Lake
    from brain.usecases.page import Days

LONGEST = 1_500  # rows that are drawn: about six years


def closes(lake: Lake, asset: str, since: date) -> Days:
    """Close of an asset by its newest snapshot."""
    snapshot = lake.latest(SPACE, asset)
    if snapshot is None or CLOSE not in snapshot.columns:
        return (), ()
    rows = lake.read(snapshot, [CLOSE], last=LONGEST)
    rows = rows[rows[DATE].dt.date >= since]
    values = [None if value != value else float(value) for value in rows[CLOSE]]
    return tuple(rows[DATE].dt.date), values


PAGE = Grid(
    title="Probabilities",
    words=Words("asset", "asset", "horizon", "d", "probability", "base rate"),
    table=PROBABILITY_DETAILS,
    checked=CHECKED,
    unit="asset",
    target="horizon",
    base="base_rate",
    claim="has_skill",
    skill="skill",
    ledger=PROBABILITY_LEDGER,
    scorecard=SCORECARD,
    progress=SKILL_OVER_TIME,
    claims=CLAIMS,
    reasons="probability_reasons",
    series=Series(CLOSE, closes),
)
