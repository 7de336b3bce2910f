"""A broker that speaks Kafka's protocol, read from given offsets: no consumer group, the offsets stand elsewhere."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # its stub forgets one

from brain.core.kafka_url import client_settings
from brain.core.topics import Place
from brain.source import kafka_failures as failures

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from confluent_kafka import Message
    from pydantic import SecretStr

    from brain.core.errors import BrainError

ANSWER_SECONDS = 10.0
STALL_SECONDS = 30.0  # without a message, where there are some
FETCHED = 100  # messages taken from the client at a time: each may have 10 MB
POLL_SECONDS = 0.1
SHOWN_BYTES = 4_096  # kept of a message that is too long
BATCH_BYTES = 64 * 2**20
NO_ID = "A" * 22  # a topic's id where a broker gives none


class Record(NamedTuple):
    """A message.

    Args:
        value: Cut to `SHOWN_BYTES` where it is longer than what was asked for.
        size: Bytes of the whole value.
        sent_at: In UTC; None where the broker gives no time.
    """

    place: Place
    offset: int
    key: bytes | None
    value: bytes | None
    size: int
    sent_at: datetime | None


@dataclass(frozen=True)
class Extent:
    """Which messages of a partition a broker has: offsets from `low` up to `high`, which comes next."""

    low: int
    high: int


@dataclass(frozen=True)
class Batch:
    """Messages in the order of their offsets, and how far each partition was read.

    Args:
        next_offsets: Also of partitions whose last offsets hold no message but marks of transactions.
        failed: Partitions that cannot be read further, and why.
    """

    records: Sequence[Record]
    next_offsets: Mapping[Place, int]
    failed: Mapping[Place, BrainError]


class Broker:
    """A connection to a broker; what it raises never holds the password."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url.get_secret_value()
        self._said: KafkaError | None = None
        settings: dict[str, Any] = {**client_settings(self._url), "log_level": 0, "error_cb": self._hear}
        settings["socket.connection.setup.timeout.ms"] = int(ANSWER_SECONDS * 1000)
        try:
            self._admin = AdminClient(settings)
            self._consumer = Consumer(
                {
                    **settings,
                    "group.id": "brain",  # asked for by the client; no offset is ever committed to it
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "error",
                    "enable.partition.eof": True,
                    "queued.max.messages.kbytes": 16_384,
                    "fetch.message.max.bytes": 4 * 2**20,
                    "fetch.wait.max.ms": 50,
                }
            )
        except KafkaException as error:  # a certificate that is not there, for instance
            raise failures.explained(error.args[0], self._said, self._url) from None

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def partitions(self) -> dict[str, list[int]]:
        """Every topic with its partitions; those of the broker itself are left out."""
        with self._explaining():  # all are asked for: a broker may make a topic that is asked for by its name
            told = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        return {name: sorted(one.partitions) for name, one in sorted(told.items()) if not name.startswith("__")}

    def ids(self, topics: Collection[str]) -> dict[str, str]:
        """The ids of topics, which are other ones when a topic is made anew; without those that have none."""
        if not topics:
            return {}
        with self._explaining():
            answers = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=ANSWER_SECONDS)
            told = {name: str(answer.result().topic_id) for name, answer in answers.items()}
        return {name: given for name, given in told.items() if given and given != NO_ID}

    def extents(self, places: Collection[Place]) -> dict[Place, Extent]:
        """Which messages the broker has now."""
        low = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        high = self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {place: Extent(low[place], high[place]) for place in places}

    def batches(
        self, starts: Mapping[Place, int], ends: Mapping[Place, int], *, messages: int, largest: int = SHOWN_BYTES
    ) -> Iterator[Batch]:
        """What there is from `starts` up to `ends` at least, in batches of about `messages`.

        Args:
            largest: Bytes of a value that is kept whole.

        Raises:
            ServerUnreachable: The broker does not answer any more.
        """
        open_places = {place for place, start in starts.items() if start < ends[place]}
        if not open_places:
            return
        self._said = None
        self._consumer.assign([TopicPartition(*place, starts[place]) for place in sorted(open_places)])
        try:
            while open_places:
                yield self._batch(open_places, ends, messages, largest)
        finally:
            self._consumer.unassign()

    def _batch(self, open_places: set[Place], ends: Mapping[Place, int], messages: int, largest: int) -> Batch:
        """The next batch; takes what is read to its end out of `open_places`."""
        records: list[Record] = []
        reached: dict[Place, int] = {}
        failed: dict[Place, BrainError] = {}
        kept, heard = 0, time.monotonic()
        while open_places and len(records) < messages and kept < BATCH_BYTES:
            with self._explaining():
                told = self._consumer.consume(min(FETCHED, messages - len(records)), POLL_SECONDS)
            if not told and time.monotonic() - heard > STALL_SECONDS:
                raise failures.unreachable(self._url, f"no message for {STALL_SECONDS:.0f} s, where there are some")
            for message in told:
                heard, place, offset = time.monotonic(), _place(message), cast("int", message.offset())
                error = message.error()
                if error is None:
                    record = _record(place, offset, message, largest)
                    kept += len(record.value or b"")
                    records.append(record)
                    reached[place] = offset + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    reached[place] = max(offset, reached.get(place, 0))
                else:
                    failed[place] = failures.of_message(*place, error, self._url)
                if place in failed or reached[place] >= ends[place]:
                    open_places.discard(place)
        return Batch(records, reached, failed)

    def _offsets(self, places: Collection[Place], spec: OffsetSpec) -> dict[Place, int]:
        if not places:
            return {}
        asked = {TopicPartition(*place): spec for place in places}
        with self._explaining():
            answers = self._admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
            return {Place(one.topic, one.partition): answer.result().offset for one, answer in answers.items()}

    def _hear(self, error: KafkaError) -> None:
        """Keep what the client says beside its answers: why nobody answers."""
        if self._said is None or failures.is_telling(error):
            self._said = error

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            self._admin.poll(0.05)  # what the client has heard waits for a call
            raise failures.explained(error.args[0], self._said, self._url) from None


def sha256(record: Record) -> str:
    """What tells a message from others: the hash of its key, the beginning of its value, its size and its time."""
    told = (record.key, (record.value or b"")[:SHOWN_BYTES], record.size, record.sent_at)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _place(message: Message) -> Place:
    return Place(cast("str", message.topic()), cast("int", message.partition()))


def _record(place: Place, offset: int, message: Message, largest: int) -> Record:
    value = message.value()
    size = len(value) if value else 0
    kind, stamp = message.timestamp()
    try:
        sent_at = datetime.fromtimestamp(stamp / 1000, UTC) if kind and stamp > 0 else None
    except (OverflowError, ValueError, OSError):  # a time beyond the calendar is none
        sent_at = None
    cut = value[:SHOWN_BYTES] if value and size > largest else value
    return Record(place, offset, message.key(), cut, size, sent_at)
