"""A real broker of the test's own, topics that no other test has, and the warehouse that they are read into."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from brain.core.bar_settings import BarSettings
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.ingestion import BarsRead, read_bars
from brain.warehouse.read import ask
from local.broker import Broker

CLOCK = datetime.now(UTC).replace(microsecond=0)
LARGEST = 20_000_000  # bytes of a message that the broker takes
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def broker() -> Iterator[tuple[Broker, int]]:
    """A running broker and its port."""
    folder = Path(tempfile.mkdtemp(prefix="brain-broker-"))
    server = Broker(folder)
    try:
        yield server, server.start(9092)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def bar(minute: int = 0, **told: Any) -> dict[str, Any]:
    """What a message says of a minute after noon."""
    at = (NOON + timedelta(minutes=minute)).isoformat()
    return {"at": at, "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0, "volume": 10, **told}


@dataclass
class Feed:
    """Topics of one test, and the table that they are read into.

    Args:
        port: Of the broker.
        moments: How many runs there were: each has a later moment.
    """

    settings: Settings
    port: int
    bars: BarSettings
    moments: int = 0
    made: list[str] = field(default_factory=list)

    def topic(self, symbol: str) -> str:
        return self.bars.topic_of(symbol)

    def make(self, symbol: str, partitions: int = 1) -> None:
        admin = self.admin  # kept: what it promised ends with it
        wide = {"max.message.bytes": str(LARGEST)}
        admin.create_topics([NewTopic(self.topic(symbol), partitions, 1, config=wide)])[self.topic(symbol)].result(10)
        self.made.append(self.topic(symbol))

    def delete(self, symbol: str) -> None:
        admin = self.admin
        admin.delete_topics([self.topic(symbol)])[self.topic(symbol)].result(10)

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0})

    def send(self, symbol: str, *told: Any, key: str | None = None, **how: Any) -> None:
        """Write messages; what is neither text nor bytes as JSON."""
        server = {"bootstrap.servers": f"127.0.0.1:{self.port}", "message.max.bytes": LARGEST, "log_level": 0}
        producer, refused = Producer(server), []
        for one in told:
            value = one if isinstance(one, str | bytes | None) else json.dumps(one)
            producer.produce(
                self.topic(symbol),
                value,
                key,
                on_delivery=lambda error, _: refused.append(error) if error else None,
                **how,
            )
        assert (producer.flush(20), refused) == (0, [])

    def read(self, moment: datetime | None = None, **settings: Any) -> BarsRead:
        self.moments += 1
        at = moment or CLOCK + timedelta(seconds=self.moments)
        bars = BarSettings.model_validate({**self.bars.model_dump(), **settings})
        return read_bars(self.settings, bars, Moment(at), CLOCK + timedelta(minutes=1))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in ask(self.settings.warehouse_url, query).rows]

    def closes(self) -> dict[tuple[str, str], float]:
        told = self.rows("SELECT symbol, to_char(at AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), close FROM bars")
        return {(symbol, at): value for symbol, at, value in told}

    def reasons(self) -> list[str]:
        return [
            reason for (reason,) in self.rows("SELECT reason FROM bar_dead_letters ORDER BY origin, message_offset")
        ]


@pytest.fixture
def feed(broker: tuple[Broker, int], settings: Settings) -> Iterator[Feed]:
    """Topics that no other test has."""
    port = broker[1]
    given = Settings.model_validate({**settings.model_dump(by_alias=True), "BRAIN_KAFKA_URL": Broker.url(port)})
    feed = Feed(given, port, BarSettings(topic=f"T{uuid.uuid4().hex[:10]}_{{symbol}}"))
    yield feed
    if feed.made:
        admin = feed.admin
        for answer in admin.delete_topics(feed.made).values():
            answer.exception(10)  # some are gone already
