"""The tidy twin of the wide table: a row per asset and horizon, whose columns no catalogue changes."""

from __future__ import annotations

from psycopg2 import sql

from brain.usecases.direction.ledger import PROBABILITY_LEDGER, REALISED_RETURN
from brain.usecases.direction.tables import PROBABILITY_DETAILS
from brain.warehouse.ledger import KNOWN_AT
from brain.warehouse.tables import DAYS_BEHIND, PUBLISHED_AT, REASON, STALE, Column
from brain.warehouse.views import View

_EDGE = Column(
    "edge", "double precision", "probability - base_rate: what the model adds; 0 where no skill is proven, or nearly."
)
_DUE = Column(
    "due",
    "date",
    "About the day on which it will be known: as many weekdays (horizon) after as_of. Holidays make it later, trading"
    " at weekends earlier. Of rows that are not daily it is far too early: 4 weekly rows take four weeks, not 4"
    " weekdays.",
)
_TOLD = ("asset", "horizon", "probability", "base_rate", "skill", "has_skill", "as_of")
_ALSO = ("model_version", "trained_at", DAYS_BEHIND, STALE, REASON, PUBLISHED_AT)
_KNOWN = ("outcome", KNOWN_AT, REALISED_RETURN)

# Whole weeks first; the days left pass a weekend where they would reach beyond Friday. A Saturday counts as its Friday.
_DUE_SQL = sql.SQL(
    "said.as_of - greatest(extract(isodow FROM said.as_of)::integer - 5, 0) + (said.horizon / 5) * 7 + said.horizon % 5"
    " + CASE WHEN least(extract(isodow FROM said.as_of)::integer, 5) + said.horizon % 5 > 5 THEN 2 ELSE 0 END"
)


def _told(name: str) -> Column:
    return PROBABILITY_DETAILS.column(name)


def _known(name: str) -> Column:
    return next(column for column in PROBABILITY_LEDGER.layout.columns if column.name == name)


def _of(table: str, names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}.{}").format(sql.SQL(table), sql.Identifier(name)) for name in names)


PROBABILITIES_LONG = View(
    name="probabilities_long",
    meaning="A row per asset and horizon: the numbers of Probabilities one below the other, each with what to think of"
    " it. A horizon that the catalogue no longer has has no rows, and breaks no question.",
    columns=(*map(_told, _TOLD[:4]), _EDGE, *map(_told, _TOLD[4:]), _DUE, *map(_known, _KNOWN), *map(_told, _ALSO)),
    select=sql.SQL(
        "SELECT {first}, said.probability - said.base_rate, {second}, {due}, {known}, {also}"
        " FROM {details} AS said LEFT JOIN {ledger} AS noted USING (asset, horizon, as_of)"
    ).format(
        first=_of("said", _TOLD[:4]),
        second=_of("said", _TOLD[4:]),
        due=_DUE_SQL,
        known=_of("noted", _KNOWN),
        also=_of("said", _ALSO),
        details=sql.Identifier(PROBABILITY_DETAILS.layout.identifier),
        ledger=sql.Identifier(PROBABILITY_LEDGER.layout.identifier),
    ),
    needs=(PROBABILITY_DETAILS.layout.identifier, PROBABILITY_LEDGER.layout.identifier),
)
