"""From a message to a bar, or to the reason why it is none."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from brain.core.bar_settings import SYMBOL_LENGTH
from brain.core.durations import day_before, duration

if TYPE_CHECKING:
    from brain.core.bar_settings import BarSettings
    from brain.source.kafka import Record

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_FIGURES = ("open", "high", "low", "close")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # in a symbol
_SHOWN = 60  # characters of a value that a reason quotes


class Bar(NamedTuple):
    """What a message says.

    Args:
        at: In UTC.
        volume: None where it does not say.
    """

    symbol: str
    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None


class NoBar(Exception):
    """Why a message is none, in words."""


@dataclass(frozen=True)
class Reader:
    """Tells bars from what is none, as the catalogue says.

    Args:
        clock: When the messages are read. None counts as sent later than that.
    """

    settings: BarSettings
    clock: datetime

    @cached_property
    def _ahead(self) -> timedelta:
        return duration(self.settings.ahead)

    @cached_property
    def _symbols(self) -> frozenset[str]:
        return frozenset(self.settings.symbols)

    @cached_property
    def _earliest(self) -> datetime:
        """Bars before the first month that is kept would make its part of the table anew, to be dropped again."""
        if self.settings.keep is None:
            return EARLIEST
        day = day_before(self.clock.astimezone(UTC).date(), self.settings.keep).replace(day=1)
        return max(EARLIEST, datetime(day.year, day.month, 1, tzinfo=UTC))

    def read(self, record: Record) -> Bar:
        """The bar of a message.

        Raises:
            NoBar: It is none; the message says why.
        """
        if record.size > self.settings.largest_message:
            raise NoBar(f"{record.size:,} bytes, where {self.settings.largest_message:,} are the most")
        told = _content(record.value)
        names = self.settings.names
        symbol = self._symbol(record, told.get(names.symbol))
        at = self._time(record, told.get(names.at))
        given = (getattr(names, figure) for figure in _FIGURES)
        first, high, low, last = (_number(name, told.get(name)) for name in given)
        volume = None if told.get(names.volume) is None else _number(names.volume, told[names.volume])
        if high < low:
            raise NoBar(f"{names.high} {high:g} is below {names.low} {low:g}")
        if volume is not None and volume < 0:
            raise NoBar(f"{names.volume} {volume:g} is below zero")
        if not self.settings.negative and min(first, low, last) < 0:
            raise NoBar("a value below zero, which the catalogue's `bars.negative` refuses")
        return Bar(symbol, at, first, high, low, last, volume)

    def _symbol(self, record: Record, told: object) -> str:
        """Whose it is: the topic's name or the key says it, and the message may say it, too."""
        if told is not None and not isinstance(told, str):
            raise NoBar(f"{self.settings.names.symbol} is {_quoted(told)}, not a text")
        if self.settings.by_symbol:
            where, owner = f"the topic {record.place.topic}", self.settings.symbol_of(record.place.topic)
        else:
            where, owner = "the key", None if record.key is None else _text(record.key, "key")
        if told is not None and owner and told != owner:
            raise NoBar(f"{self.settings.names.symbol} is {_quoted(told)}, but {where} says {_quoted(owner)}")
        symbol = owner or told or ""
        if not symbol or len(symbol) > SYMBOL_LENGTH or _UNWRITABLE.search(symbol):
            raise NoBar("no symbol" if not symbol else f"{_quoted(symbol)} is no name for a symbol")
        if self._symbols and symbol not in self._symbols:
            raise NoBar(f"the unknown symbol {_quoted(symbol)}: the catalogue's `bars.symbols` does not name it")
        return symbol

    def _time(self, record: Record, told: object) -> datetime:
        name = self.settings.names.at
        try:
            at = self._zoned(name, told).astimezone(UTC)
        except (OverflowError, ValueError, OSError):
            raise NoBar(f"{name} is {_quoted(told)}, no time") from None
        known = min(record.sent_at or self.clock, self.clock)
        if at > known + self._ahead:
            raise NoBar(f"{name} is {at:%Y-%m-%d %H:%M:%S} UTC, {at - known} after the message")
        if at < self._earliest:
            raise NoBar(f"{name} is {at:%Y-%m-%d %H:%M:%S} UTC, before {self._earliest:%Y-%m-%d}, which is not kept")
        return at

    def _zoned(self, name: str, told: object) -> datetime:
        if self.settings.time == "iso":
            if not isinstance(told, str):
                raise NoBar(f"no {name}" if told is None else f"{name} is {_quoted(told)}, not a text")
            at = datetime.fromisoformat(told)
            if at.tzinfo is None:
                raise NoBar(f"{name} is {_quoted(told)}, without a time zone")
            return at
        number = _number(name, told)
        return EARLIEST + timedelta(**{self.settings.time: number})


def shown(value: bytes) -> str:
    """Bytes as a text that PostgreSQL takes: what is no text is written ``\\x..``."""
    return value.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def _content(value: bytes | None) -> dict[str, Any]:
    if not value:
        raise NoBar("empty")
    try:
        told = json.loads(_text(value, "message"))
    except RecursionError:
        raise NoBar("JSON that is nested too deeply") from None
    except ValueError as error:
        raise NoBar(f"no JSON: {error}"[:200]) from None
    if not isinstance(told, dict):
        raise NoBar(f"JSON that is a {type(told).__name__}, where an object is expected")
    return told


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise NoBar(f"a {what} that is not UTF-8 text") from None


def _number(name: str, told: object) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise NoBar(f"no {name}" if told is None else f"{name} is {_quoted(told)}, not a number")
    try:
        number = float(told)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise NoBar(f"{name} is {_quoted(told)}, no finite number")
    return number


def _quoted(told: object) -> str:
    try:
        text = repr(told) if isinstance(told, str) else json.dumps(told)
    except ValueError:  # more digits than Python writes
        text = "a number of very many digits"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
