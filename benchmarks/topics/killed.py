"""A reader of bars that is killed again and again, anywhere, while bars come in."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from brain.core.bar_settings import BarSettings
from brain.core.errors import Transient
from brain.core.kafka_url import client_settings
from brain.core.moment import Moment
from brain.ingestion import read_bars
from brain.warehouse.bar_writing import marks
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from brain.core.settings import Settings

SYMBOLS = ("A", "B", "C", "D")
START = datetime(2026, 1, 5, tzinfo=UTC)
CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
SPOILED, CORRECTED = 17, 13  # each so-manieth message is no bar; corrects the bar before it
LONGEST, SHORT = 0.25, 0.03  # seconds until a kill, from the beginning and from the first that was written
PORTION = 100  # messages between two kills
BEGUN = "begun"
BARS = BarSettings(topic="KILLED_{symbol}", batch_messages=20)


@dataclass(frozen=True)
class Aftermath:
    """What was wrong in the end.

    Args:
        kills: How many readers were killed while they ran.
        interrupted: How many of them before they had read what was there.
        advanced: How many of them after they had written something.
        lost: Bars and refusals that ought to be there and are not.
        doubled: Messages that were counted more than once, and rows that ought not to be there.
        wrong: Bars with other values than those of their last message.
    """

    kills: int
    interrupted: int
    advanced: int
    lost: int
    doubled: int
    wrong: int


def kill_readers(settings: Settings, kills: int, seed: int) -> Aftermath:
    """Send bars, kill who reads them, `kills` times; then read to the end and count.

    Every second reader is killed soon after it has written something, the others anywhere.
    """
    chance, sent = random.Random(seed), _Sent()
    assert settings.kafka_url is not None
    producer = Producer({**client_settings(settings.kafka_url.get_secret_value()), "log_level": 0})
    interrupted = advanced = 0
    for number in range(kills):
        sent.more(producer, PORTION)
        before = _counted(settings)
        with _reading(settings) as reader:
            if number % 2:
                _await_more(settings, before)
                time.sleep(chance.uniform(0, SHORT))
            else:
                time.sleep(chance.uniform(0, LONGEST))
            os.kill(reader, signal.SIGKILL)
        after = _counted(settings)
        interrupted += after < sent.messages
        advanced += after > before
    read_bars(settings, BARS.model_copy(update={"batch_messages": 10_000}), Moment(CLOCK), CLOCK)
    return sent.compare(settings, kills, interrupted, advanced)


@contextmanager
def _reading(settings: Settings) -> Iterator[int]:
    """The process id of one who reads; it has begun, and is waited for in the end."""
    processes = multiprocessing.get_context("forkserver")
    told, telling = processes.Pipe(duplex=False)
    reader = processes.Process(target=_read_on, args=(settings, telling), daemon=True)
    reader.start()
    telling.close()
    assert told.recv() == BEGUN
    assert reader.pid is not None
    yield reader.pid
    reader.join()
    told.close()


def _await_more(settings: Settings, before: int) -> None:
    deadline = time.monotonic() + 60
    while _counted(settings) == before:
        assert time.monotonic() < deadline, "the reader writes nothing"
        time.sleep(0.005)


def _counted(settings: Settings) -> int:
    """How many messages the warehouse says were read."""
    return sum(mark.next_offset for mark in marks(settings.warehouse_url).values())


def _read_on(settings: Settings, telling: Connection) -> None:
    """Say that it begins, and read until killed."""
    telling.send(BEGUN)
    while True:
        try:
            read_bars(settings, BARS, Moment(CLOCK), CLOCK)
        except Transient:
            continue


class _Sent:
    """What was sent, and so what ought to be there."""

    def __init__(self) -> None:
        self.messages = 0
        self.closes: dict[tuple[str, datetime], float] = {}
        self.refused = 0

    def more(self, producer: Producer, count: int) -> None:
        for symbol, value in self._made(count):
            producer.produce(BARS.topic_of(symbol), value)
        assert producer.flush(20) == 0

    def _made(self, count: int) -> Iterator[tuple[str, str]]:
        for number in range(self.messages, self.messages + count):
            symbol = SYMBOLS[number % len(SYMBOLS)]
            if number % SPOILED == 0:
                self.refused += 1
                yield symbol, "{"
                continue
            told = number - len(SYMBOLS) if number % CORRECTED == 0 and number >= len(SYMBOLS) else number
            at, close = START + timedelta(minutes=told), 1 + number / 7
            self.closes[symbol, at] = close
            figures = {"open": close, "high": close, "low": close, "close": close}
            yield symbol, json.dumps({"at": at.isoformat(), **figures})
        self.messages += count

    def compare(self, settings: Settings, kills: int, interrupted: int, advanced: int) -> Aftermath:
        found = {(symbol, at): close for symbol, at, close in ask(settings.warehouse_url, _FOUND).rows}
        ((counted, refused),) = ask(settings.warehouse_url, _COUNTED).rows
        ((letters,),) = ask(settings.warehouse_url, "SELECT count(*) FROM bar_dead_letters").rows
        lost = len(self.closes.keys() - found.keys()) + max(0, self.messages - counted)
        lost += max(0, self.refused - letters) + max(0, self.refused - refused)
        doubled = len(found.keys() - self.closes.keys()) + max(0, counted - self.messages)
        doubled += max(0, letters - self.refused) + max(0, refused - self.refused)
        wrong = sum(found[key] != close for key, close in self.closes.items() if key in found)
        return Aftermath(kills, interrupted, advanced, lost, doubled, wrong)


_FOUND = "SELECT symbol, at, close FROM bars"
_COUNTED = "SELECT sum(messages)::bigint, sum(refused)::bigint FROM bar_offsets"
