"""The watch on live probabilities: where each bet against them stands, and the alarms that training answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg2 import sql
from psycopg2.extras import execute_values

from brain.learning.policy import Alarm as Reason
from brain.learning.watch import BETS, LIMIT, Outcomes, Wealth, bet, grouped
from brain.warehouse.bulk import copy_in, copy_out
from brain.warehouse.connection import transaction
from brain.warehouse.ledger import HINDCAST, KNOWN_AT, OUTCOME, RESOLVED_AT, Binary
from brain.warehouse.ledger_statements import ALL
from brain.warehouse.statements import COMMA, identifiers, key_identifiers
from brain.warehouse.tables import Column, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.learning.watch import Alarm
    from brain.warehouse.ledger import Ledger

EVERY = ""  # the entity of a feed that is all entities together

_FEED = (
    Column("use_case", "text", "The use case."),
    Column("ledger", "text", "The ledger whose rows are watched."),
    Column("entity", "text", "The unit, such as an asset; empty for all of them together."),
    Column(
        "target", "text", "What is forecast, such as the number of rows ahead; `all` where there is no more to say."
    ),
)
_STAKES = tuple(
    Column(f"bet_{number}", "double precision", f"What 1 has become that was bet on: the numbers are {name}.", True)
    for number, name in enumerate(BETS, 1)
)
WATCH = Layout(
    name="calibration_watch",
    meaning="A row per model, and per target over all of them: what bets against its live probabilities have become."
    f" All of {LIMIT:g} times the start raises an alarm.",
    key=("use_case", "ledger", "entity", "target"),
    columns=(
        *_FEED,
        *_STAKES,
        Column("started", "timestamptz", "Day of the first bet that counts; the bets start anew after a year."),
        Column("settled", "timestamptz", "When the outcome of the last bet was known: the next is not made before."),
        Column("bets", "bigint", "Outcomes bet on since the start: those that do not overlap.", required=True),
        Column("seen", "bigint", "Outcomes bet on since the last alarm.", required=True),
        Column("sums_1", "double precision", "Sum over them of mean errors.", required=True),
        Column("sums_2", "double precision", "The same, weighted by how bold the numbers were.", required=True),
        Column("squares_1", "double precision", "Sum over them of squared mean errors.", required=True),
        Column("squares_2", "double precision", "Sum over them of squared weighted errors.", required=True),
        Column("evaluated_at", "timestamptz", "The moment of the run that bet last, in UTC.", required=True),
    ),
    filled=frozenset({"evaluated_at"}),
    rewritten=True,
)
ALARMS = Layout(
    name="model_alarms",
    meaning="A row per alarm: live probabilities that their outcomes refute. Training searches these models anew.",
    key=("use_case", "ledger", "entity", "target", "raised_at"),
    columns=(
        *_FEED,
        Column("raised_at", "timestamptz", "The moment of the run that raised it, in UTC."),
        Column("kind", "text", "What the numbers were: " + ", ".join(BETS) + ".", required=True),
        Column("evidence", "double precision", f"How many times the bets' start was reached, at least {LIMIT:g}."),
        Column("since", "date", "Day of the first number that counts."),
        Column("bets", "bigint", "Outcomes that do not overlap, since then."),
        Column("reason", "text", "The same as a sentence, for people.", required=True),
    ),
    filled=frozenset({"kind", "reason"}),
)


@dataclass(frozen=True)
class Feed:
    """Whose numbers are watched; `entity` is `EVERY` for all entities together."""

    entity: str
    target: str


def watch(cursor: Cursor, use_case: str, ledger: Ledger, moment: Moment) -> None:
    """Bet on what the run of `moment` has scored, and note the alarms; a rerun bets on nothing.

    Bets that were decided are on older days than `Wealth.settled`, so that none is made again.
    """
    if not isinstance(ledger.scoring, Binary):
        return
    scored = _scored(cursor, ledger, ledger.scoring, moment)
    if scored.empty:
        return
    known = _read(cursor, use_case, ledger)
    for alone in (True, False):
        rows = scored if alone else scored.assign(entity=EVERY)
        rows = rows.sort_values(["as_of", "entity", "target"], kind="stable")
        codes, names = pd.factorize(pd.MultiIndex.from_frame(rows[["entity", "target"]]))
        feeds = [Feed(*name) for name in names]
        wealth = _wealth(known, feeds)
        given = Outcomes(
            codes.astype(np.int64), *(rows[name].to_numpy() for name in ("as_of", "known", "said", "base", "outcome"))
        )
        alarms = bet(wealth, grouped(given, around_base=alone))
        _write(cursor, use_case, ledger, feeds, wealth, moment)
        _record(cursor, use_case, ledger, [(feeds[alarm.feed], alarm) for alarm in alarms], moment)


def last_alarms(url: SecretStr, use_case: str, before: Moment) -> dict[Feed, Reason]:
    """The last alarm of each feed that was raised before a moment; none where nothing was evaluated yet."""
    query = (
        "SELECT DISTINCT ON (entity, target) entity, target, raised_at, reason FROM model_alarms"
        " WHERE use_case = %s AND raised_at < %s ORDER BY entity, target, raised_at DESC"
    )
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (ALARMS.name,))
        if cursor.fetchall() == [(False,)]:
            return {}
        cursor.execute(query, (use_case, before.at))
        return {Feed(entity, target): Reason(at, reason) for entity, target, at, reason in cursor.fetchall()}


def alarms_of(url: SecretStr, use_case: str, moment: Moment) -> dict[Feed, str]:
    """The alarms that the run of a moment raised, each with its reason."""
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (ALARMS.name,))
        if cursor.fetchall() == [(False,)]:
            return {}
        query = "SELECT entity, target, reason FROM model_alarms WHERE use_case = %s AND raised_at = %s ORDER BY 1, 2"
        cursor.execute(query, (use_case, moment.at))
        return {Feed(entity, target): reason for entity, target, reason in cursor.fetchall()}


def alarms_by_target(cursor: Cursor, use_case: str, ledger: Ledger, moment: Moment) -> dict[str, int]:
    """How many alarms the run of `moment` raised, by target."""
    query = (
        "SELECT target, count(*) FROM model_alarms WHERE use_case = %s AND ledger = %s AND raised_at = %s GROUP BY 1"
    )
    cursor.execute(query, (use_case, ledger.name, moment.at))
    return dict(cursor.fetchall())


def take_back_alarms(cursor: Cursor, use_case: str, ledger: Ledger, after: Moment) -> None:
    """Forget the bets of runs later than `after`, and their alarms: feeds that they bet on start anew."""
    own = (use_case, ledger.name, after.at)
    cursor.execute("DELETE FROM calibration_watch WHERE use_case = %s AND ledger = %s AND evaluated_at > %s", own)
    cursor.execute("DELETE FROM model_alarms WHERE use_case = %s AND ledger = %s AND raised_at > %s", own)


def _scored(cursor: Cursor, ledger: Ledger, scoring: Binary, moment: Moment) -> pd.DataFrame:
    """What the run scored for the first time: entity, target, as_of, known, said, base and outcome."""
    times = [
        sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint").format(sql.Identifier(name))
        for name in (ledger.as_of, KNOWN_AT)
    ]
    parts = [*times, *(sql.Identifier(name) for name in (scoring.value, scoring.base, OUTCOME))]
    target = sql.Identifier(ledger.target) if ledger.target else sql.Literal(ALL)
    query = sql.SQL(
        "COPY (SELECT {entity}, {target}, {parts} FROM {ledger} WHERE {resolved_at} = {moment} AND outcome IS NOT NULL"
        " AND NOT {hindcast}) TO STDOUT WITH (FORMAT csv)"
    ).format(
        entity=sql.Identifier(ledger.entity),
        target=target,
        parts=COMMA.join(parts),
        ledger=sql.Identifier(ledger.layout.identifier),
        resolved_at=sql.Identifier(RESOLVED_AT),
        moment=sql.Literal(moment.at),
        hindcast=sql.Identifier(HINDCAST),
    )
    types = {
        **dict.fromkeys(("entity", "target"), pa.string()),
        **dict.fromkeys(("as_of", "known"), pa.int64()),
        **dict.fromkeys(("said", "base", "outcome"), pa.float64()),
    }
    frame: pd.DataFrame = copy_out(cursor, query, types).to_pandas()
    return frame.assign(**{name: frame[name].astype("datetime64[us]") for name in ("as_of", "known")})


def _read(cursor: Cursor, use_case: str, ledger: Ledger) -> dict[Feed, tuple[Any, ...]]:
    columns = [column.name for column in WATCH.columns if column.name not in WATCH.key]
    query = sql.SQL("SELECT entity, target, {} FROM calibration_watch WHERE use_case = %s AND ledger = %s")
    cursor.execute(query.format(COMMA.join(map(sql.Identifier, columns))), (use_case, ledger.name))
    return {Feed(entity, target): tuple(rest) for entity, target, *rest in cursor.fetchall()}


def _wealth(known: dict[Feed, tuple[Any, ...]], feeds: Sequence[Feed]) -> Wealth:
    wealth, stakes = Wealth.fresh(len(feeds)), len(BETS)
    for place, feed in enumerate(feeds):
        if feed in known:
            bets, (started, settled, count, seen, *moments, _) = known[feed][:stakes], known[feed][stakes:]
            wealth.bets[place] = bets
            wealth.started[place], wealth.settled[place] = (_time(started), _time(settled))
            wealth.count[place], wealth.seen[place] = count, seen
            wealth.sums[place], wealth.squares[place] = moments[:2], moments[2:]
    return wealth


def _time(value: Any) -> np.datetime64:
    return np.datetime64("NaT", "us") if value is None else np.datetime64(value.replace(tzinfo=None), "us")


def _write(
    cursor: Cursor, use_case: str, ledger: Ledger, feeds: Sequence[Feed], wealth: Wealth, moment: Moment
) -> None:
    frame = pd.DataFrame(
        {
            "use_case": use_case,
            "ledger": ledger.name,
            "entity": [feed.entity for feed in feeds],
            "target": [feed.target for feed in feeds],
            **{column.name: wealth.bets[:, place] for place, column in enumerate(_STAKES)},
            "started": wealth.started,
            "settled": wealth.settled,
            "bets": wealth.count,
            "seen": wealth.seen,
            **{f"sums_{place + 1}": wealth.sums[:, place] for place in range(2)},
            **{f"squares_{place + 1}": wealth.squares[:, place] for place in range(2)},
            "evaluated_at": moment.at.isoformat(),
        }
    )
    staged = sql.Identifier("staged_watch")
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} (LIKE calibration_watch) ON COMMIT DROP").format(staged))
    names = COMMA.join(identifiers(WATCH.columns))
    copied = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv)").format(staged, names)
    copy_in(cursor, copied, pa.Table.from_pandas(frame, preserve_index=False))
    updates = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column.name))
        for column in WATCH.columns
        if column.name not in WATCH.key
    ]
    upsert = (
        "INSERT INTO calibration_watch ({names}) SELECT {names} FROM {staged} ON CONFLICT ({key}) DO UPDATE SET {set}"
    )
    key = COMMA.join(key_identifiers(WATCH))
    cursor.execute(sql.SQL(upsert).format(names=names, staged=staged, key=key, set=COMMA.join(updates)))
    cursor.execute(sql.SQL("DROP TABLE {}").format(staged))


def _record(
    cursor: Cursor, use_case: str, ledger: Ledger, alarms: Sequence[tuple[Feed, Alarm]], moment: Moment
) -> None:
    """One line a feed: of several alarms in one run the last one."""
    rows = {
        feed: (
            *(use_case, ledger.name, feed.entity, feed.target, moment.at, alarm.kind, alarm.evidence),
            *(alarm.since.astype("datetime64[D]").item(), alarm.bets, _told(alarm)),
        )
        for feed, alarm in alarms
    }
    if rows:
        names = COMMA.join(identifiers(ALARMS.columns))
        insert = sql.SQL("INSERT INTO model_alarms ({}) VALUES %s ON CONFLICT DO NOTHING").format(names)
        execute_values(cursor, insert, list(rows.values()))


def _told(alarm: Alarm) -> str:
    since, day = (when.astype("datetime64[D]") for when in (alarm.since, alarm.day))
    return (
        f"its numbers were {alarm.kind}: {alarm.bets} outcomes from {since} to {day} speak {alarm.evidence:.0f} to 1"
        f" against them, and {LIMIT:.0f} is the limit"
    )
