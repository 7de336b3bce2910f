"""What is a bar, and what is said of what is none."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.core.bar_settings import BarSettings
from brain.core.topics import Place
from brain.source.bars import Bar, NoBar, Reader
from brain.source.kafka import Record

CLOCK = datetime(2026, 1, 6, tzinfo=UTC)
AT = "2026-01-05T12:00:00+00:00"
BAR = {"at": AT, "open": 1, "high": 3, "low": 0.5, "close": 2, "volume": 10}


def record(value: bytes | str, topic: str = "INTRADAY_A", sent_at: datetime | None = CLOCK, **told: Any) -> Record:
    content = value.encode() if isinstance(value, str) else value
    return Record(Place(topic, 0), 0, told.get("key"), content, len(content), sent_at)


def read(told: dict[str, Any], settings: dict[str, Any] | None = None, **message: Any) -> Bar:
    return Reader(BarSettings.model_validate(settings or {}), CLOCK).read(record(json.dumps(told), **message))


def test_a_bar_is_read() -> None:
    assert read(BAR) == Bar("A", datetime(2026, 1, 5, 12, tzinfo=UTC), 1.0, 3.0, 0.5, 2.0, 10.0)
    assert read({**BAR, "close": 7.0}).close == 7.0, "strange, but possible: that is for detectors to say"
    assert read({**BAR, "volume": None}).volume is None
    assert read({**BAR, "low": -40.3}).low == -40.3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"at": None}, "no at"),
        ({"at": 1767614400}, "at is 1767614400, not a text"),
        ({"at": "2026-01-05T12:00:00"}, "without a time zone"),
        ({"at": "yesterday"}, "no time"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "no time"),
        ({"at": "1969-12-31T23:59:59Z"}, "before 1970-01-01, which is not kept"),
        ({"at": "2026-01-06T00:05:01Z"}, "0:05:01 after the message"),
        ({"open": None}, "no open"),
        ({"open": True}, "open is true, not a number"),
        ({"open": [1]}, "open is [1], not a number"),
        ({"close": math.nan}, "close is NaN, no finite number"),
        ({"high": math.inf}, "no finite number"),
        ({"high": 10**400}, "no finite number"),
        ({"high": 0.25}, "high 0.25 is below low 0.5"),
        ({"volume": -1}, "volume -1 is below zero"),
        ({"volume": "many"}, "volume is 'many', not a number"),
        ({"symbol": "B"}, "symbol is 'B', but the topic INTRADAY_A says 'A'"),
        ({"symbol": 7}, "symbol is 7, not a text"),
    ],
)
def test_what_is_no_bar_says_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoBar) as told:
        read({**BAR, **change})
    assert reason in str(told.value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty"),
        (b"\xff", "a message that is not UTF-8 text"),
        (b'{"at": ', "no JSON"),
        (b"[" * 60_000, "nested too deeply"),
        (b"3", "JSON that is a int"),
        (b'{"open": ' + b"1" * 5_000 + b"}", "no JSON"),
    ],
)
def test_other_shapes_are_told(value: bytes, reason: str) -> None:
    with pytest.raises(NoBar, match=reason):
        Reader(BarSettings(), CLOCK).read(record(value))


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(BAR)), inner, max_size=6),
    ).map(lambda told: json.dumps(told).encode())
)
def test_whatever_comes_is_a_bar_or_has_a_reason(value: bytes) -> None:
    try:
        bar = Reader(BarSettings(), CLOCK).read(record(value))
    except NoBar as why:
        assert 0 < len(str(why)) < 400
    else:
        assert bar.low <= bar.high


def test_negative_values_can_be_refused() -> None:
    with pytest.raises(NoBar, match="negative"):
        read({**BAR, "low": -1}, {"negative": False})


def test_a_message_may_call_things_otherwise() -> None:
    names = {"at": "t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "symbol": "s"}
    told = {"t": 1767614400123, "o": 1, "h": 3, "l": 0.5, "c": 2}
    bar = read(told, {"names": names, "time": "milliseconds"})
    assert bar.at == datetime(2026, 1, 5, 12, 0, 0, 123_000, tzinfo=UTC)
    assert read({**told, "t": 1767614400}, {"names": names, "time": "seconds"}).at.hour == 12


def test_the_time_of_the_message_counts_and_a_wrong_clock_of_the_sender_does_not() -> None:
    later = {**BAR, "at": "2026-01-05T12:10:00Z"}
    with pytest.raises(NoBar, match="after the message"):
        read(later, sent_at=datetime(2026, 1, 5, 12, tzinfo=UTC))
    assert read(later, sent_at=None)
    with pytest.raises(NoBar, match="after the message"):
        read({**BAR, "at": "2027-01-01T00:00:00Z"}, sent_at=CLOCK + timedelta(days=400))


@pytest.mark.parametrize(
    ("template", "topic", "symbol"),
    [
        ("INTRADAY_{symbol}", "INTRADAY_A", "A"),
        ("INTRADAY_{symbol}", "INTRADAY_", None),
        ("INTRADAY_{symbol}", "DAILY_A", None),
        ("{symbol}.bars", "BRK.B.bars", "BRK.B"),
        ("bars", "bars", None),
    ],
)
def test_a_topic_names_its_symbol(template: str, topic: str, symbol: str | None) -> None:
    assert BarSettings(topic=template).symbol_of(topic) == symbol
