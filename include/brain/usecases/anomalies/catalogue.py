"""Anomalies' part of the catalogue: feeds of bars or readings, and how many alerts people want."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from brain.core.section import Section
from brain.core.table_settings import ExtractionSettings, RetentionSettings, TableName
from brain.usecases.anomalies.names import DETECTORS
from brain.warehouse.bars import BARS


def _named(value: object) -> object:
    return {"table": value} if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone {name!r}; one is called America/New_York") from None
    return name


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    if strange := [name for name in names if name not in DETECTORS]:
        raise ValueError(f"no detector {', '.join(strange)}; there are {', '.join(DETECTORS)}")
    return names


class Feed(Section):
    """A table with a line for every bar of every symbol, or for every reading of every sensor."""

    table: TableName = Field(description="Its name.")
    name: str = Field("", description="What it is called in the tables; the table's name if empty.")
    database: Literal["source", "warehouse"] = Field(
        "source", description="Where the table is; `bars`, which topics fill, is in the warehouse."
    )
    symbol: str | None = Field("symbol", description="Column that tells the symbol; empty where all is one.")
    time: str = Field("at", description="Column with the time of the bar.")
    value: str = Field("close", description="Column with the close, or with what the sensor reads.")
    volume: str | None = Field(None, description="Column with the volume; empty where nobody says.")
    changed: str | None = Field(
        None,
        description="Column with a time that only grows and is set anew whenever a line is written: late and corrected"
        " bars are looked up by it. Of `bars`, which topics fill, it is known; empty where there is none.",
    )
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="Time zone by whose clock the time of day counts: that of the exchange or of the plant."
    )

    @model_validator(mode="before")
    @classmethod
    def _called(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("name"):
            given = {**given, "name": given.get("table", "")}
        if isinstance(given, dict) and (given.get("table"), given.get("database")) == (BARS.name, "warehouse"):
            given = {"changed": "arrived_at", **given}
        return given


class AnomaliesSection(Section):
    """The feeds that are watched, and how."""

    feeds: tuple[Annotated[Feed, BeforeValidator(_named)], ...] = Field(
        min_length=1, description="What is watched; a table's name alone will do."
    )
    alerts_per_week: float = Field(
        1.0, gt=0, le=1000, description="The alert budget: false alerts a week that a symbol may give, on its own past."
    )
    detectors: Annotated[tuple[str, ...], AfterValidator(_known)] = Field(
        DETECTORS, min_length=1, description="Those that may be admitted; all if empty."
    )
    feedback: TableName | None = Field(
        None, description="Table of the source database in which people confirm or dismiss; none if empty."
    )
    watch_days: float = Field(7.0, gt=0, description="Days before the moment in which a run looks for anomalies.")
    history_days: int = Field(365, ge=7, description="Days of bars that detectors look back on and learn from.")
    retrain_days: int = Field(28, ge=1, description="Thresholds and admission older than this are made anew.")
    merge_bars: int = Field(12, ge=1, description="Alerts of a symbol no more bars apart than this are one anomaly.")
    min_bars: int = Field(500, ge=100, description="A symbol with fewer bars of the past is not judged.")
    extraction: ExtractionSettings = Field(ExtractionSettings(), description="How the tables are read.")
    retention: RetentionSettings = Field(RetentionSettings(), description="What is kept, and for how long.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        names = [feed.name for feed in self.feeds]
        if len(set(names)) < len(names):
            raise ValueError(f"two feeds of one name among {', '.join(names)}")
        if self.watch_days >= self.history_days:
            raise ValueError("watch_days has to be less than history_days")
        return self

    def feed(self, name: str) -> Feed:
        """The feed of a name."""
        return next(feed for feed in self.feeds if feed.name == name)
