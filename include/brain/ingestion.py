"""Bars from the topics of a broker into the warehouse: what came since the last time, each message exactly once.

How far a partition was read stands in the warehouse, written in one transaction with the rows: whoever dies in between
has read nothing. A message that is no bar goes to `bar_dead_letters` and stops nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from brain.core.errors import BrainError, SettingsError, TopicError
from brain.core.topics import Place
from brain.results import UnitResult
from brain.source.bars import NoBar, Reader, shown
from brain.source.kafka import SHOWN_BYTES, Broker, sha256
from brain.warehouse.bar_upkeep import drop_old
from brain.warehouse.bar_writing import Mark, ReadBar, Refused, Step, Written, make_bar_tables, marks, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from brain.core.bar_settings import BarSettings
    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.source.kafka import Batch, Extent, Record

BEGINNING = -1
SHOWN_KEY = 256  # bytes


@dataclass(frozen=True)
class BarsRead:
    """What a run did.

    Args:
        results: By topic; one that gave nothing went well.
        written: What became of the bars.
        dropped: Months of bars that were too old.
    """

    results: tuple[UnitResult, ...]
    written: Written
    dropped: tuple[str, ...]

    def line(self) -> str:
        """The run in a sentence."""
        told = self.written
        return f"{told.new:,} bars new, {told.corrected:,} corrected, {told.repeated:,} repeated"


@dataclass
class _Partition:
    """A partition while it is read.

    Args:
        mark: What the warehouse says of it; None where it was never read.
        start: The first offset that is new.
        end: Where it ended when reading began.
        lost: Messages that were gone before they were read, until that is written down.
    """

    mark: Mark | None
    start: int
    end: int
    topic_id: str | None
    lost: int = 0
    messages: int = 0
    refused: int = 0
    errors: list[BrainError] = field(default_factory=list)
    stopped: bool = False

    @property
    def first_asked(self) -> int:
        """The last message that was read is asked for again: whether it is still the same."""
        known = self.mark.last_offset if self.mark and not self.lost else None
        return self.start if known is None else min(known, self.start)

    def stop(self, error: BrainError) -> None:
        self.errors.append(error)
        self.stopped = True


@dataclass
class _Portion:
    """What of a batch belongs to one transaction."""

    bars: list[ReadBar] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    last: dict[Place, Record] = field(default_factory=dict)
    messages: Counter[Place] = field(default_factory=Counter)
    refusals: Counter[Place] = field(default_factory=Counter)


def read_bars(settings: Settings, bars: BarSettings, moment: Moment, clock: datetime) -> BarsRead:
    """Read what the topics have had since the last time, up to what they have when reading begins.

    Args:
        moment: Of the run: the rows' `arrived_at`.
        clock: When this is: no bar lies far beyond it.

    Raises:
        SettingsError: No broker is named.
        ServerUnreachable: The broker or the warehouse does not answer (any more); what was written stays.
        TableBusy: Somebody else reads; nothing was written twice.
    """
    broker = _broker(settings)
    try:
        make_bar_tables(settings.warehouse_url)
        missing, partitions = _look(broker, bars, marks(settings.warehouse_url))
        written = _read(broker, settings.warehouse_url, Reader(bars, clock), partitions, moment)
    finally:
        broker.close()
    dropped = drop_old(settings.warehouse_url, moment, bars.keep, bars.keep_refused)
    return BarsRead((*missing, *_results(partitions)), written, tuple(dropped))


def look(settings: Settings, bars: BarSettings) -> tuple[int, int]:
    """How many topics of bars there are, and how many of their messages were not read yet.

    Raises:
        SettingsError: No broker is named.
        ServerUnreachable: The broker or the warehouse does not answer.
        TopicError: A topic that the catalogue names is missing, was made anew, or has lost messages that were not read.
    """
    broker = _broker(settings)
    try:
        missing, partitions = _look(broker, bars, marks(settings.warehouse_url))
    finally:
        broker.close()
    errors = [result.error for result in missing if result.error is not None]
    for error in (*errors, *(error for one in partitions.values() for error in one.errors)):
        raise error
    unread = sum(max(one.end - one.start, 0) for one in partitions.values())
    return len({place.topic for place in partitions}), unread


def count_messages(url: SecretStr, bars: BarSettings) -> int:
    """How many messages the topics of bars have ever had; a missing topic counts as empty.

    Raises:
        ServerUnreachable: The broker does not answer.
    """
    broker = Broker(url)
    try:
        _, partitions = _look(broker, bars, {})
    finally:
        broker.close()
    return sum(one.end for one in partitions.values())


def _broker(settings: Settings) -> Broker:
    if settings.kafka_url is None:
        raise SettingsError(
            "BRAIN_KAFKA_URL",
            found="nothing",
            expected="the broker of the topics that the catalogue's section `bars` names",
            remedy="Set it, or start the embedded broker with `brain up`.",
        )
    return Broker(settings.kafka_url)


def _look(
    broker: Broker, bars: BarSettings, known: Mapping[Place, Mark]
) -> tuple[list[UnitResult], dict[Place, _Partition]]:
    """Which topics are missing, and which partitions there are to read."""
    there = broker.partitions()
    asked = {bars.topic_of(symbol) for symbol in bars.symbols} if bars.by_symbol else {bars.topic}
    if bars.by_symbol and not bars.symbols:
        asked = {topic for topic in (*there, *(place[0] for place in known)) if bars.symbol_of(topic)}
    read_before = {place[0] for place in known}
    missing = [_missing(topic, topic in read_before) for topic in sorted(asked - there.keys())]
    if not asked:
        missing.append(_missing(bars.topic, is_known=False))
    places = [Place(topic, number) for topic in sorted(asked & there.keys()) for number in there[topic]]
    ids, extents = broker.ids({place.topic for place in places}), broker.extents(places)
    return missing, {place: _partition(place, known.get(place), extents[place], ids) for place in places}


def _missing(topic: str, is_known: bool) -> UnitResult:
    error = TopicError(
        topic,
        found="no such topic, and bars of it were read before" if is_known else "no such topic",
        expected="the topic that the catalogue's section `bars` names",
        remedy="Make it, let somebody write to it, or correct `bars.topic` or `bars.symbols`; the others were read.",
    )
    return UnitResult(topic, False, str(error), error)


def _partition(place: Place, mark: Mark | None, extent: Extent, ids: Mapping[str, str]) -> _Partition:
    """Where to go on; a topic that is another one now is not read."""
    given = ids.get(place.topic)
    if mark is None or mark.next_offset == BEGINNING:
        return _Partition(mark, extent.low, extent.high, given)
    found = _Partition(mark, max(mark.next_offset, extent.low), extent.high, given)
    if mark.topic_id and given and mark.topic_id != given:
        found.stop(_made_anew(place, f"a topic with the id {given}, where {mark.topic_id} was read before"))
    elif extent.high < mark.next_offset:
        found.stop(_made_anew(place, f"{extent.high} messages, where {mark.next_offset} were read before"))
    elif extent.low > mark.next_offset:
        found.lost = extent.low - mark.next_offset
        found.errors.append(_lost(place, mark.next_offset, extent.low))
    return found


def _made_anew(place: Place, found: str) -> TopicError:
    return TopicError(
        place.topic,
        found=f"partition {place.partition}: {found}",
        expected="the topic that was read before",
        remedy=f"Nothing of it was read. If it was made anew, or the broker lost messages: `brain bars rewind"
        f" {place.topic}` reads it from its beginning. If this is another broker, correct BRAIN_KAFKA_URL.",
    )


def _lost(place: Place, first: int, low: int) -> TopicError:
    return TopicError(
        place.topic,
        found=f"partition {place.partition}: the messages {first} to {low - 1} deleted before they were read",
        expected="a broker that keeps messages until the next run",
        remedy="bar_dead_letters says which; the others were read. Let the producer send them again, and the broker"
        " keep messages for longer (retention.ms).",
    )


def _read(
    broker: Broker, url: SecretStr, reader: Reader, partitions: Mapping[Place, _Partition], moment: Moment
) -> Written:
    """Read batch by batch, each in a transaction of its own."""
    written = Written()
    going = {place: one for place, one in partitions.items() if not one.stopped and one.start < one.end}
    lost = {place: one for place, one in partitions.items() if one.lost and place not in going}
    starts = {place: one.first_asked for place, one in going.items()}
    ends = {place: one.end for place, one in going.items()}
    size, largest = reader.settings.batch_messages, reader.settings.largest_message
    if lost:
        _write(url, moment, _Portion(), {place: one.start for place, one in lost.items()}, lost)
    for batch in broker.batches(starts, ends, messages=size, largest=largest):
        portion = _portion(reader, batch, going)
        written += _write(url, moment, portion, batch.next_offsets, going)
        for place, error in batch.failed.items():
            going[place].stop(error)
    return written


def _portion(reader: Reader, batch: Batch, going: Mapping[Place, _Partition]) -> _Portion:
    portion = _Portion()
    for record in batch.records:
        place = record.place
        partition = going[place]
        if partition.stopped:
            continue
        if record.offset < partition.start:
            _compare(partition, record)
            continue
        portion.last[place] = record
        portion.messages[place] += 1
        try:
            portion.bars.append(ReadBar(*reader.read(record), place, record.offset))
        except NoBar as why:
            portion.refused.append(_refused(record, str(why)))
            portion.refusals[place] += 1
    return portion


def _compare(partition: _Partition, record: Record) -> None:
    """Stop where the last message that was read is another one now."""
    mark = partition.mark
    if mark and record.offset == mark.last_offset and sha256(record) != mark.last_sha256:
        partition.stop(_made_anew(record.place, f"another message at offset {record.offset} than was read before"))


def _write(
    url: SecretStr,
    moment: Moment,
    portion: _Portion,
    next_offsets: Mapping[Place, int],
    going: Mapping[Place, _Partition],
) -> Written:
    steps = {
        place: _step(portion, place, going[place], reached)
        for place, reached in next_offsets.items()
        if not going[place].stopped and (reached > going[place].start or place in portion.last or going[place].lost)
    }
    refused = [*portion.refused]
    for place, step in steps.items():
        if step.lost and step.found:
            first = step.found.next_offset
            reason = f"{step.lost:,} messages from this offset on were deleted before they were read"
            refused.append(Refused(place, first, reason, None, "", 0, None))
    if not steps:
        return Written()
    written = write(url, moment, portion.bars, refused, steps)
    for place, step in steps.items():
        partition = going[place]
        partition.mark, partition.start, partition.lost = step.mark, step.mark.next_offset, 0
        partition.messages += step.messages
        partition.refused += step.refused
    return written


def _step(portion: _Portion, place: Place, partition: _Partition, reached: int) -> Step:
    last = portion.last.get(place)
    mark = partition.mark or Mark(partition.start)
    if last is not None:
        mark = replace(mark, last_offset=last.offset, last_sha256=sha256(last))
    mark = replace(mark, next_offset=reached, topic_id=partition.topic_id)
    counted = (portion.messages[place], portion.refusals[place])
    return Step(partition.mark, mark, *counted, partition.lost)


def _refused(record: Record, reason: str) -> Refused:
    key = None if record.key is None else shown(record.key[:SHOWN_KEY])
    message = shown((record.value or b"")[:SHOWN_BYTES])
    return Refused(record.place, record.offset, reason, key, message, record.size, record.sent_at)


def _results(partitions: Mapping[Place, _Partition]) -> Iterable[UnitResult]:
    """What was done for each topic."""
    topics: dict[str, list[_Partition]] = {}
    for place, partition in partitions.items():
        topics.setdefault(place.topic, []).append(partition)
    for topic, parts in topics.items():
        errors = [error for part in parts for error in part.errors]
        yield UnitResult(topic, not errors, _told(parts, errors), errors[0] if errors else None, rows=_count(parts))


def _count(parts: Sequence[_Partition]) -> int:
    return sum(part.messages - part.refused for part in parts)


def _told(parts: Sequence[_Partition], errors: Sequence[BrainError]) -> str:
    messages, refused = sum(part.messages for part in parts), sum(part.refused for part in parts)
    told = f"{messages:,} messages" + (f", {refused:,} refused (bar_dead_letters says why)" if refused else "")
    return "; ".join([*map(str, errors), *([told] if messages or not errors else [])])
