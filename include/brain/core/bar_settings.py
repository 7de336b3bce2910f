"""The catalogue's section `bars`: which topics bars arrive by, and what counts as one."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from brain.core.durations import AGE, DURATION
from brain.core.section import Section

SYMBOL = "{symbol}"  # where a topic's name holds the symbol's
SYMBOL_LENGTH = 100
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


def _topic(name: str) -> str:
    if name.count(SYMBOL) > 1 or not _TOPIC.fullmatch(name.replace(SYMBOL, "x")):
        raise ValueError(f"no topic's name: letters, digits, . _ and -, with {SYMBOL} at most once")
    return name


class BarNames(Section):
    """How the messages call what a bar has."""

    symbol: str = Field("symbol", description="Whose bar it is. May be missing: then the topic or the key says it.")
    at: str = Field("at", description="Its time.")
    open: str = Field("open", description="The first value.")
    high: str = Field("high", description="The highest value.")
    low: str = Field("low", description="The lowest value.")
    close: str = Field("close", description="The last value.")
    volume: str = Field("volume", description="How much was traded. May be missing.")

    @model_validator(mode="after")
    def _are_different(self) -> BarNames:
        names = [getattr(self, field) for field in type(self).model_fields]
        if len(set(names)) != len(names):
            raise ValueError("two names that are the same")
        return self


class BarSettings(Section):
    """Bars that arrive by the topics of a broker."""

    topic: Annotated[str, AfterValidator(_topic)] = Field(
        "INTRADAY_{symbol}",
        description="Name of the topics, one a symbol; without {symbol} one topic, whose keys are the symbols.",
    )
    symbols: tuple[Annotated[str, Field(min_length=1, max_length=SYMBOL_LENGTH)], ...] = Field(
        (), description="Symbols to read; all that come if empty."
    )
    names: BarNames = Field(BarNames(), description="How the messages call what a bar has.")
    time: Literal["iso", "seconds", "milliseconds"] = Field(
        "iso", description="How a time is written: with its zone, or as a number since 1970."
    )
    negative: bool = Field(True, description="Whether values below zero are bars.")
    ahead: str = Field("5min", pattern=DURATION, description="How far a bar may lie beyond the time of its message.")
    largest_message: int = Field(65_536, ge=256, description="Bytes of a message; a longer one is no bar.")
    batch_messages: int = Field(50_000, ge=1, description="Messages that are written in one transaction.")
    keep: str | None = Field(None, pattern=AGE, description="Age of bars that are kept, in whole months; all if empty.")
    keep_refused: str = Field("90d", pattern=AGE, description="Age of refused messages that are kept.")

    @property
    def by_symbol(self) -> bool:
        """Whether there is a topic for each symbol."""
        return SYMBOL in self.topic

    def topic_of(self, symbol: str) -> str:
        """The topic of a symbol."""
        return self.topic.replace(SYMBOL, symbol)

    def symbol_of(self, topic: str) -> str | None:
        """The symbol that a topic is named after; None if it is none of ours, or not named after one."""
        before, placed, after = self.topic.partition(SYMBOL)
        fits = len(topic) > len(before) + len(after) and topic.startswith(before) and topic.endswith(after)
        return topic[len(before) : len(topic) - len(after)] if placed and fits else None
