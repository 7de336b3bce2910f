"""A ledger of no use case: will a shop open some days later? With a small world of days in which things come true."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from brain.core.moment import Moment
from brain.warehouse.connection import transaction
from brain.warehouse.evaluation import Evaluation, evaluate
from brain.warehouse.grid import complete
from brain.warehouse.ledger import Binary, Ledger
from brain.warehouse.publish import Publication, TableRows, publish
from brain.warehouse.read import ask
from brain.warehouse.tables import Column, History, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.settings import Settings

OPENINGS = PublishedTable(
    name="openings",
    meaning="Whether a shop is likely to be open.",
    key=("shop", "ahead"),
    columns=(
        Column("shop", "text", "The shop."),
        Column("ahead", "integer", "Rows ahead."),
        Column("as_of", "date", "The last day that was known.", required=True),
        Column("probability", "double precision", "That it is open.", low=0, high=1),
        Column("base_rate", "double precision", "How often it was."),
        Column("version", "integer", "Version of the model."),
        Column("has_skill", "boolean", "Whether skill is claimed."),
        Column("stale", "boolean", "Kept."),
        Column("reason", "text", "Why."),
        Column("published_at", "timestamptz", "The moment of the run."),
    ),
    value="probability",
    history=History("openings_history", "All that was ever published."),
)
LEDGER = Ledger(
    name="openings_ledger",
    meaning="What was said first, and what came true.",
    table=OPENINGS,
    kept=("probability", "base_rate", "version", "has_skill"),
    scoring=Binary("probability", "base_rate", "the shop was open"),
    entity="shop",
    target="ahead",
    span="ahead",
    realised=(Column("takings", "double precision", "What it took."),),
    claim="has_skill",
)


def moment(day: int, hour: int = 22) -> Moment:
    """The evening of a day of January 2024, and of the months after it."""
    return Moment(datetime(2024, 1, 1, hour, tzinfo=UTC) + timedelta(days=day - 1))


def day(number: int) -> date:
    return date(2024, 1, 1) + timedelta(days=number - 1)


@dataclass
class World:
    """What is known of each shop: its takings by day; it was open where they are not lower than on the day asked of."""

    takings: dict[str, dict[date, float]] = field(default_factory=dict)

    def outcomes(self, until: Moment, ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        found = []
        for shop, ahead, first in since.itertuples(index=False):
            days = sorted(known for known in self.takings.get(shop, {}) if known <= until.day)
            start = max(sum(known < first for known in days) - 1, 0)
            for place in range(start, len(days) - ahead):
                now, later = (self.takings[shop][days[at]] for at in (place, place + ahead))
                found.append((shop, ahead, days[place], int(later >= now), days[place + ahead], later))
        return pd.DataFrame(found, columns=[*ledger.key, "outcome", "known_at", "takings"])


def rows(as_of: date, said: Mapping[tuple[str, int], float], base: float = 0.5, **others: Any) -> pd.DataFrame:
    made = [(shop, ahead, as_of, value, base, 1, value != base) for (shop, ahead), value in said.items()]
    frame = pd.DataFrame(made, columns=["shop", "ahead", "as_of", "probability", "base_rate", "version", "has_skill"])
    return frame.assign(reason=None, **others)


def say(settings: Settings, at: Moment, frame: pd.DataFrame) -> Publication:
    given = [TableRows(OPENINGS, complete(OPENINGS, frame, None))]
    return publish(settings.warehouse_url, "shops", given, [], at, [LEDGER])


def judge(settings: Settings, world: World, at: Moment, *, full: bool = False) -> Evaluation:
    def outcomes(ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        return world.outcomes(at, ledger, since)

    (found,) = evaluate(settings.warehouse_url, "shops", [LEDGER], outcomes, at, full=full)
    return found


def told(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    return ask(settings.warehouse_url, query).rows


def execute(settings: Settings, statement: str, *values: object) -> None:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
