"""Bars that come by a broker, day by day, and what ought to be in the tables once they have been read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from confluent_kafka import Producer

from brain.core.kafka_url import client_settings
from brain.core.moment import Moment
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

FEED, SYMBOLS, DETECTORS = "bars", ("A", "B"), ("jump", "stuck", "gap")
KNOWN_DAYS = 45
CATALOGUE = """
bars: {{topic: "{topic}", batch_messages: 100}}
use_cases:
  anomalies:
    feeds: [{{table: bars, database: warehouse, volume: volume}}]
    detectors: [jump, stuck, gap]
    alerts_per_week: 5
    min_bars: 100
    watch_days: 2
    merge_bars: 3
    retrain_days: 1
    retention: {{snapshot_days: 30, audit: 30d, model_versions: 9}}
"""
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_FOUND = "SELECT symbol, at, close FROM bars"
_COUNTED = "SELECT coalesce(sum(messages), 0)::bigint, coalesce(sum(refused), 0)::bigint FROM bar_offsets"


def moment(day: int) -> Moment:
    """The end of a day; the first day is 0."""
    return Moment(_FIRST + timedelta(days=KNOWN_DAYS + day + 1))


@dataclass
class Sent:
    """What was sent to the topics of one world: new bars, late ones, corrections, repetitions, and what is no bar.

    Args:
        topic: With {symbol}.
    """

    url: SecretStr
    topic: str
    messages: int = 0
    refused: int = 0
    closes: dict[tuple[str, datetime], float] = field(default_factory=dict)

    def send(self, day: int) -> None:
        """The messages of a day; the first day has all before it."""
        producer = Producer({**client_settings(self.url.get_secret_value()), "log_level": 0})
        for symbol, at, close in _told(day):
            self.messages += 1
            topic = self.topic.replace("{symbol}", symbol)
            if close is None:
                self.refused += 1
                producer.produce(topic, "{")
                continue
            self.closes[symbol, at] = close
            figures = dict.fromkeys(("open", "high", "low", "close"), close)
            told = json.dumps({"at": at.isoformat(), **figures, "volume": 10.0})
            producer.produce(topic, told)
        assert producer.flush(20) == 0

    def differences(self, url: SecretStr) -> dict[str, int]:
        """How many bars and refusals are lost, doubled, or have other values than their last message gave."""
        found: dict[tuple[Any, ...], float] = {(symbol, at): close for symbol, at, close in ask(url, _FOUND).rows}
        ((counted, refused),) = ask(url, _COUNTED).rows
        ((letters,),) = ask(url, "SELECT count(*) FROM bar_dead_letters").rows
        pairs = ((counted, self.messages), (refused, self.refused), (letters, self.refused))
        lost = len(self.closes.keys() - found.keys()) + sum(max(0, sent - there) for there, sent in pairs)
        doubled = len(found.keys() - self.closes.keys()) + sum(max(0, there - sent) for there, sent in pairs)
        wrong = sum(found[key] != close for key, close in self.closes.items() if key in found)
        return {"bars lost": lost, "bars doubled": doubled, "bars with another value": wrong}


def _told(day: int) -> Iterator[tuple[str, datetime, float | None]]:
    """Symbol, time and close of each message; None for one that is no bar."""
    first = 0 if day == 0 else KNOWN_DAYS + day
    for symbol in SYMBOLS:
        closes = _closes(symbol, KNOWN_DAYS + day + 1)
        hours = range(24 * first, 24 * (KNOWN_DAYS + day + 1))
        late = 24 * (KNOWN_DAYS + day) + 5  # held back until the next day
        for hour in hours:
            if hour != late:
                yield symbol, _FIRST + timedelta(hours=hour), closes[hour]
        yield symbol, _FIRST, None
        if day:
            yield symbol, _FIRST + timedelta(hours=late - 24), closes[late - 24]
            yield symbol, _FIRST + timedelta(hours=hours[0]), closes[hours[0]]
        if day % 2:  # the bad tick of the day before is taken back
            tick = 24 * (KNOWN_DAYS + day - 1) + 12
            yield symbol, _FIRST + timedelta(hours=tick), closes[tick - 1]


def _closes(symbol: str, days: int) -> list[float]:
    """A walk with a bad tick at noon of each of the days that are played."""
    random = np.random.default_rng(SYMBOLS.index(symbol))
    walk = 100 * np.exp(np.cumsum(random.normal(0, 0.001, 24 * 400)))[: 24 * days]
    walk[24 * KNOWN_DAYS + 12 :: 24] *= 1.1
    return [float(close) for close in walk]
