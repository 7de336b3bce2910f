"""Another broker, the mock of librdkafka: what is asked is what the protocol says, not what one server does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from pydantic import SecretStr

from brain.core.errors import CredentialsRejected, ServerNotTrusted, ServerUnreachable
from brain.core.topics import Place
from brain.source.kafka import Broker

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC = "INTRADAY_A"
PARTITIONS = 4  # what the mock gives a topic


@pytest.fixture(scope="module")
def mock() -> Iterator[tuple[Producer, str]]:
    """A client that carries three brokers, and their address."""
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
    servers = producer.list_topics(timeout=5).brokers.values()
    yield producer, "kafka://" + ",".join(f"{one.host}:{one.port}" for one in servers)


def test_every_partition_is_read_in_order(mock: tuple[Producer, str]) -> None:
    producer, url = mock
    for number in range(1000):
        producer.produce(TOPIC, f"{number}", partition=number % PARTITIONS)
    assert producer.flush(10) == 0
    broker = Broker(SecretStr(url))
    try:
        places = [Place(TOPIC, number) for number in broker.partitions()[TOPIC]]
        extents = broker.extents(places)
        starts = {place: extent.low for place, extent in extents.items()}
        ends = {place: extent.high for place, extent in extents.items()}
        read: dict[Place, list[int]] = {place: [] for place in places}
        for batch in broker.batches(starts, ends, messages=300):
            assert len(batch.records) <= 300
            for record in batch.records:
                read[record.place].append(int(record.value or b""))
    finally:
        broker.close()
    assert ends == dict.fromkeys(places, 250)
    assert read == {place: list(range(place.partition, 1000, PARTITIONS)) for place in places}


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("kafka://127.0.0.1:1", ServerUnreachable),
        ("kafka+tls://127.0.0.1:1/?ca=/nowhere/ca.pem", ServerNotTrusted),
    ],
)
def test_who_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, url: str, error: type[Exception]) -> None:
    monkeypatch.setattr("brain.source.kafka.ANSWER_SECONDS", 1.0)
    with pytest.raises(error, match=r"127\.0\.0\.1:1"):
        _partitions(url)


def test_a_broker_that_asks_for_no_login_is_told_apart(
    mock: tuple[Producer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mock knows no login: a client that insists on one is refused, and never shows its password."""
    monkeypatch.setattr("brain.source.kafka.ANSWER_SECONDS", 1.0)
    with pytest.raises((CredentialsRejected, ServerUnreachable)) as told:
        _partitions(mock[1].replace("kafka://", "kafka://me:secret-word@") + "/?mechanism=PLAIN")
    assert "secret-word" not in str(told.value)


def _partitions(url: str) -> None:
    broker = Broker(SecretStr(url))
    try:
        broker.partitions()
    finally:
        broker.close()
