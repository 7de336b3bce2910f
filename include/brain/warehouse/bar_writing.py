"""Bars into their table, and how far the topics were read, in one transaction: each message counts exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from psycopg2 import sql

from brain.core.errors import TableBusy
from brain.core.topics import Place
from brain.warehouse import fence
from brain.warehouse.bars import BAR_DEAD_LETTERS, BAR_OFFSETS, BARS, TABLES
from brain.warehouse.bulk import copy_in
from brain.warehouse.connection import transaction
from brain.warehouse.partitions import make_parts, month
from brain.warehouse.refusal import explained
from brain.warehouse.statements import COMMA
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment


class ReadBar(NamedTuple):
    """A row to be: what `BARS` says, and the message that it comes from."""

    symbol: str
    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    place: Place
    offset: int


class Refused(NamedTuple):
    """A row of `BAR_DEAD_LETTERS` to be."""

    place: Place
    offset: int
    reason: str
    key: str | None
    message: str
    size: int
    sent_at: datetime | None


@dataclass(frozen=True)
class Mark:
    """How far a partition was read.

    Args:
        next_offset: What is read next.
        last_offset: Of the last message; None if there was none.
        last_sha256: Of that message.
        topic_id: None where the broker gives none.
    """

    next_offset: int
    last_offset: int | None = None
    last_sha256: str | None = None
    topic_id: str | None = None


@dataclass(frozen=True)
class Step:
    """How much further a partition was read.

    Args:
        found: What the table said when reading began; None if the partition was new.
        lost: Messages that the broker no longer had.
    """

    found: Mark | None
    mark: Mark
    messages: int = 0
    refused: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Written:
    """What became of a batch of bars.

    Args:
        new: Rows that were not there.
        corrected: Rows whose values are other ones now.
        repeated: Messages that said what was known, or less than what is known now.
    """

    new: int = 0
    corrected: int = 0
    repeated: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.new + other.new, self.corrected + other.corrected, self.repeated + other.repeated)


def make_bar_tables(url: SecretStr) -> None:
    """Make the tables what this release declares.

    Raises:
        PublishError: A table cannot be brought to that; nothing was changed.
    """
    with explained():
        upgrade(url, BARS.name, TABLES)


def marks(url: SecretStr) -> dict[Place, Mark]:
    """How far each partition was read."""
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (BAR_OFFSETS.name,))
        return _marks(cursor) if cursor.fetchall() == [(True,)] else {}


def write(
    url: SecretStr,
    moment: Moment,
    bars: Sequence[ReadBar],
    refused: Sequence[Refused],
    steps: Mapping[Place, Step],
) -> Written:
    """Write a batch, all of it or nothing.

    Args:
        bars: In the order in which they were read: of two of one symbol and time, the later one counts.
        steps: By partition, also of those that gave nothing.

    Raises:
        TableBusy: Another reader was faster; nothing was written.
        ServerUnreachable: The connection was cut; nothing was written.
    """
    last = {(bar.symbol, bar.at): bar for bar in bars}
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, BARS.name)
        _require_unchanged(_marks(cursor), steps)
        arrived_at = _arrival(cursor, moment)
        origins = _origins(cursor, steps)
        written = _write_bars(cursor, list(last.values()), origins, arrived_at) if bars else Written()
        if refused:
            _write_refused(cursor, refused, origins, arrived_at)
        for place, step in steps.items():
            cursor.execute(_ADVANCE, _advanced(place, step, origins[place], arrived_at))
    return written + _within(bars, last)


def _within(bars: Sequence[ReadBar], last: Mapping[tuple[str, datetime], ReadBar]) -> Written:
    """What the messages of the batch itself say twice."""
    doubles = [(bar, last[bar.symbol, bar.at]) for bar in bars] if len(last) < len(bars) else []
    others = [bar[2:7] == kept[2:7] for bar, kept in doubles if bar is not kept]
    return Written(corrected=others.count(False), repeated=others.count(True))


def _marks(cursor: Cursor) -> dict[Place, Mark]:
    cursor.execute(
        "SELECT topic, partition, next_offset, last_offset, last_sha256, topic_id FROM bar_offsets"
        " ORDER BY topic, partition"
    )
    return {Place(topic, partition): Mark(*told) for topic, partition, *told in cursor.fetchall()}


def _require_unchanged(found: Mapping[Place, Mark], steps: Mapping[Place, Step]) -> None:
    moved = [place for place, step in steps.items() if found.get(place) != step.found]
    if moved:
        topic, partition = moved[0]
        raise TableBusy(
            BAR_OFFSETS.name,
            found=f"{topic}, partition {partition}, read further by somebody else meanwhile",
            expected="one reader at a time",
            remedy="Nothing was written twice, nothing was lost: read again.",
        )


def _arrival(cursor: Cursor, moment: Moment) -> datetime:
    """The moment, or a microsecond after the last arrival: what comes later is also later for those who read it."""
    cursor.execute("SELECT max(arrived_at) FROM bar_offsets")
    ((last,),) = cursor.fetchall()
    return moment.at if last is None else max(moment.at, last + timedelta(microseconds=1))


def _origins(cursor: Cursor, steps: Mapping[Place, Step]) -> dict[Place, int]:
    """The number that stands for each partition."""
    cursor.execute("SELECT topic, partition, origin FROM bar_offsets")
    known = {Place(topic, partition): origin for topic, partition, origin in cursor.fetchall()}
    start = max(known.values(), default=0) + 1
    fresh = sorted(steps.keys() - known.keys())
    return {**known, **{place: start + count for count, place in enumerate(fresh)}}


def _write_bars(cursor: Cursor, bars: Sequence[ReadBar], origins: Mapping[Place, int], arrived_at: datetime) -> Written:
    make_parts(cursor, BARS, {month(day) for day in {bar.at.astimezone(UTC).date().replace(day=1) for bar in bars}})
    symbols, times, *figures, places, offsets = zip(*bars, strict=True)
    columns = {
        "symbol": pa.array(symbols, pa.string()),
        "at": pa.array(times, pa.timestamp("us", "UTC")),
        **{name: pa.array(told, pa.float64()) for name, told in zip(_FIGURES, figures, strict=True)},
        "origin": pa.array([origins[place] for place in places], pa.int32()),
        "message_offset": pa.array(offsets, pa.int64()),
    }
    cursor.execute("CREATE TEMPORARY TABLE read_bars (LIKE bars) ON COMMIT DROP")
    cursor.execute("ALTER TABLE read_bars ALTER arrived_at DROP NOT NULL")
    copy_in(cursor, _copy("read_bars", columns), pa.table(columns))
    cursor.execute(_COUNT)
    ((known,),) = cursor.fetchall()
    cursor.execute(_UPSERT, {"arrived_at": arrived_at})
    changed = int(cursor.rowcount)
    new = len(bars) - int(known)
    return Written(new, changed - new, len(bars) - changed)


def _write_refused(
    cursor: Cursor, refused: Sequence[Refused], origins: Mapping[Place, int], arrived_at: datetime
) -> None:
    columns = {
        "topic": pa.array([one.place[0] for one in refused], pa.string()),
        "partition": pa.array([one.place[1] for one in refused], pa.int32()),
        "message_offset": pa.array([one.offset for one in refused], pa.int64()),
        "origin": pa.array([origins[one.place] for one in refused], pa.int32()),
        "reason": pa.array([one.reason for one in refused], pa.string()),
        "key": pa.array([one.key for one in refused], pa.string()),
        "message": pa.array([one.message for one in refused], pa.string()),
        "message_bytes": pa.array([one.size for one in refused], pa.int64()),
        "sent_at": pa.array([one.sent_at for one in refused], pa.timestamp("us", "UTC")),
        "arrived_at": pa.array([arrived_at] * len(refused), pa.timestamp("us", "UTC")),
    }
    cursor.execute("CREATE TEMPORARY TABLE read_refused (LIKE bar_dead_letters) ON COMMIT DROP")
    copy_in(cursor, _copy("read_refused", columns), pa.table(columns))
    names = COMMA.join(map(sql.Identifier, columns))
    cursor.execute(
        sql.SQL("INSERT INTO {} ({names}) SELECT {names} FROM read_refused ON CONFLICT DO NOTHING").format(
            sql.Identifier(BAR_DEAD_LETTERS.identifier), names=names
        )
    )


def _advanced(place: Place, step: Step, origin: int, arrived_at: datetime) -> dict[str, object]:
    mark = step.mark
    return {
        **dict(zip(("topic", "partition"), place, strict=True)),
        "origin": origin,
        "next_offset": mark.next_offset,
        "last_offset": mark.last_offset,
        "last_sha256": mark.last_sha256,
        "topic_id": mark.topic_id,
        "messages": step.messages,
        "refused": step.refused,
        "lost": step.lost,
        "arrived_at": arrived_at,
    }


def _copy(table: str, columns: Mapping[str, pa.Array]) -> sql.Composed:
    names = COMMA.join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv)").format(sql.Identifier(table), names)


_FIGURES = ("open", "high", "low", "close", "volume")
_NAMES = ("symbol", "at", *_FIGURES, "origin", "message_offset")
_COUNT = "SELECT count(*) FROM read_bars JOIN bars USING (symbol, at)"
# What an older message of the same partition says does not count, nor what is known already.
_UPSERT = sql.SQL(
    "INSERT INTO bars AS kept ({names}, arrived_at) SELECT {names}, %(arrived_at)s FROM read_bars"
    " ON CONFLICT (symbol, at) DO UPDATE SET {sets}, arrived_at = excluded.arrived_at"
    " WHERE (kept.origin <> excluded.origin OR kept.message_offset < excluded.message_offset)"
    " AND ({kept}) IS DISTINCT FROM ({excluded})"
).format(
    names=COMMA.join(map(sql.Identifier, _NAMES)),
    sets=COMMA.join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in _NAMES[2:]),
    kept=COMMA.join(sql.SQL("kept.{}").format(sql.Identifier(name)) for name in _FIGURES),
    excluded=COMMA.join(sql.SQL("excluded.{}").format(sql.Identifier(name)) for name in _FIGURES),
)
_ADVANCE = """
INSERT INTO bar_offsets AS kept
    (topic, partition, origin, next_offset, last_offset, last_sha256, topic_id, messages, refused, lost, arrived_at)
VALUES (%(topic)s, %(partition)s, %(origin)s, %(next_offset)s, %(last_offset)s, %(last_sha256)s, %(topic_id)s,
    %(messages)s, %(refused)s, %(lost)s, %(arrived_at)s)
ON CONFLICT (topic, partition) DO UPDATE SET
    origin = excluded.origin, next_offset = excluded.next_offset, last_offset = excluded.last_offset,
    last_sha256 = excluded.last_sha256, topic_id = excluded.topic_id, messages = kept.messages + excluded.messages,
    refused = kept.refused + excluded.refused, lost = kept.lost + excluded.lost, arrived_at = excluded.arrived_at
"""
