"""Bars as messages: any frame of them into the topics that the catalogue names, and real ones to play with.

``gym-anytrading`` (MIT, an optional package of the demo) carries 6,225 hourly bars of the euro in dollars, 2017.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brain.core.errors import SettingsError, SourceTableError
from brain.demo.extra import extra_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import KafkaError, Message

    from brain.core.bar_settings import BarSettings
    from brain.core.settings import Settings

COLUMNS = ("symbol", "at", "open", "high", "low", "close", "volume")
SYMBOL = "EURUSD"
FLUSH_SECONDS = 60.0
_PACKAGE = "gym_anytrading"
_FILE = "datasets/data/FOREX_EURUSD_1H_ASK.csv"


def hourly_bars() -> pd.DataFrame:
    """The euro in dollars, hour by hour, from 1 January 2017 on.

    Returns:
        `COLUMNS`; `at` ascending and unique, in UTC: the start of the hour.

    Raises:
        ExtraNotInstalled: The package that carries them is missing.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise extra_missing("gym-anytrading")
    frame = pd.read_csv(Path(spec.submodule_search_locations[0]) / _FILE)
    at = pd.to_datetime(frame["Time"], format="%d.%m.%Y %H:%M:%S.%f", utc=True)
    figures = frame.drop(columns="Time").rename(columns=str.lower).astype("float64")
    return figures.assign(symbol=SYMBOL, at=at)[list(COLUMNS)]


def messages(frame: pd.DataFrame, bars: BarSettings) -> Iterator[tuple[str, str, str]]:
    """Topic, key and value of a message for each row, as the catalogue describes them."""
    names = bars.names
    at = pd.to_datetime(frame["at"], utc=True)
    if bars.time == "iso":
        times = at.map(lambda one: one.isoformat())
    else:
        times = at.dt.as_unit("s" if bars.time == "seconds" else "ms").astype("int64")
    figures = [frame[column].astype("float64") for column in COLUMNS[2:6]]
    volume = frame["volume"].astype("float64") if "volume" in frame else pd.Series(float("nan"), frame.index)
    for symbol, time, first, high, low, last, traded in zip(frame["symbol"], times, *figures, volume, strict=True):
        told = {names.symbol: symbol, names.at: time, names.open: first, names.high: high}
        told |= {names.low: low, names.close: last, **({} if traded != traded else {names.volume: traded})}
        yield bars.topic_of(symbol), symbol, json.dumps(told)


def send_bars(settings: Settings, bars: BarSettings, frame: pd.DataFrame) -> int:
    """Write a row after the other to the topics; how many messages the broker has taken.

    Args:
        frame: `COLUMNS`; `volume` may be missing. Times without a zone are in UTC.

    Raises:
        SourceTableError: The frame lacks a column.
        ServerUnreachable: The broker does not take them all.
    """
    from confluent_kafka import Producer

    from brain.core.kafka_url import client_settings
    from brain.source.kafka_failures import explained, unreachable

    if missing := [name for name in COLUMNS[:6] if name not in frame]:
        raise SourceTableError(
            "bars",
            found=f"no column {', '.join(missing)}",
            expected=f"the columns {', '.join(COLUMNS)}",
            remedy="Add it or rename it.",
        )
    if settings.kafka_url is None:
        raise SettingsError(
            "BRAIN_KAFKA_URL", found="nothing", expected="a broker", remedy="Set it, or run `brain up`."
        )
    url = settings.kafka_url.get_secret_value()
    refused: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            refused.append(error)

    producer = Producer({**client_settings(url), "linger.ms": 20, "enable.idempotence": True, "log_level": 0})
    sent = 0
    for topic, key, value in messages(frame, bars):
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=note)
                break
            except BufferError:  # as many as it holds are under way
                producer.poll(0.1)
        sent += 1
    left = producer.flush(FLUSH_SECONDS)
    if refused:
        raise explained(refused[0], None, url)
    if left:
        raise unreachable(url, f"{left} of {sent} messages not taken within {FLUSH_SECONDS:.0f} s")
    return sent
