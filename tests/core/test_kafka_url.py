from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from brain.core.errors import SettingsError
from brain.core.kafka_url import client_settings, servers_of
from brain.core.settings import KafkaUrl, read_settings


class Given(BaseModel):
    url: KafkaUrl = Field(alias="BRAIN_KAFKA_URL")


def test_a_broker_in_the_clear() -> None:
    assert client_settings("kafka://a:9092,b.example:9093") == {
        "bootstrap.servers": "a:9092,b.example:9093",
        "security.protocol": "PLAINTEXT",
    }


def test_a_login_and_encryption() -> None:
    url = "kafka+tls://me:p%40%2Fs@b:9093/?ca=/run/secrets/ca.pem&mechanism=PLAIN"
    assert client_settings(url) == {
        "bootstrap.servers": "b:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
        "sasl.password": "p@/s",
        "ssl.ca.location": "/run/secrets/ca.pem",
    }
    assert servers_of(url) == "b:9093"
    assert client_settings("kafka://me:x@b:9092")["security.protocol"] == "SASL_PLAINTEXT"
    assert client_settings("kafka://me:x@b:9092")["sasl.mechanism"] == "SCRAM-SHA-512"


@pytest.mark.parametrize(
    "url",
    [
        "b:9092",
        "kafka://b",
        "kafka://b:9092/topic",
        "kafka://b:9092/?ca=/ca.pem",
        "kafka+tls://b:9092/?cafile=/ca.pem",
        "kafka://b:9092/?mechanism=PLAIN",
        "kafka://me:secret@b:9092/?mechanism=GSSAPI",
        "kafka://me:secret/@b:9092",
    ],
)
def test_what_is_no_such_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as told:
        read_settings(Given, {"BRAIN_KAFKA_URL": url})
    assert "BRAIN_KAFKA_URL" in str(told.value)
    assert "cret" not in str(told.value)
