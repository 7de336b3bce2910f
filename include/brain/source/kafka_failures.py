"""What a broker's refusal means, in our words and without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError

from brain.core.errors import CredentialsRejected, ServerNotTrusted, ServerUnreachable, TopicError
from brain.core.kafka_url import client_settings, servers_of

if TYPE_CHECKING:
    from brain.core.errors import BrainError

SETTING = "BRAIN_KAFKA_URL"
LOGIN = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}
DENIED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
GONE = {KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART}
MOVED = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, *GONE}
TLS = {KafkaError._SSL, KafkaError._INVALID_ARG}


def is_telling(error: KafkaError) -> bool:
    """Whether an error says more than that nobody answers."""
    return error.code() in LOGIN | DENIED | TLS


def explained(error: KafkaError, heard: KafkaError | None, url: str) -> BrainError:
    """The error for an answer that did not come.

    Args:
        heard: What the client said beside it; it mostly says why.
    """
    server = servers_of(url)
    told = next((one for one in (error, heard) if one is not None and is_telling(one)), heard or error)
    words, code = _words(told, url), told.code()
    if code in LOGIN:
        return CredentialsRejected(
            server,
            found=f"a login refused ({words})",
            expected="a user and password that the broker accepts",
            remedy=f"Correct them in {SETTING}.",
        )
    if code in DENIED:
        return CredentialsRejected(
            server,
            found=f"a user who may not read ({words})",
            expected="a user who may describe and read the topics of the catalogue",
            remedy="Give it that right on the broker.",
        )
    if code in TLS:
        return ServerNotTrusted(
            server,
            found=words,
            expected="an encrypted connection to a broker whose certificate the given authority has signed",
            remedy=f"Correct the address or the files in {SETTING}, or the broker's certificate.",
        )
    if error.code() in GONE:
        return TopicError(
            server,
            found=words,
            expected="topics that stay while they are read",
            remedy="Make the topic again, or take it out of the catalogue; then read again.",
        )
    return unreachable(url, words)


def unreachable(url: str, found: str) -> ServerUnreachable:
    """The error for a broker that does not answer."""
    return ServerUnreachable(
        servers_of(url),
        found=found,
        expected="a broker that answers",
        remedy=f"Start it (`brain up` for the embedded one) or correct {SETTING}; what was not read is read next.",
    )


def of_message(topic: str, partition: int, error: KafkaError, url: str) -> BrainError:
    """The error for what came instead of a message."""
    if error.code() in MOVED:
        return TopicError(
            topic,
            found=f"partition {partition}: {_words(error, url)}",
            expected="messages that stay where they are while they are read",
            remedy="Read again: the next run says what became of them.",
        )
    return explained(error, None, url)


def _words(error: KafkaError, url: str) -> str:
    password = client_settings(url).get("sasl.password")
    text = " ".join(str(error.str()).split())
    return text.replace(password, "***") if password else text
