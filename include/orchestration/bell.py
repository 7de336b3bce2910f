"""What rings when bars have come: it says so at most once a minute, and reads nothing.

Who is rung for reads from the offsets in the warehouse, so that a bell that was not heard loses nothing, and one that
rings twice reads nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset as Dataset
from airflow.sdk import AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from pydantic import BaseModel, ConfigDict, Field

from brain.core.catalogue import load_catalogue
from brain.core.errors import BrainError
from brain.core.settings import KafkaUrl, find_catalogue, find_home, read_settings
from brain.usecases import USE_CASES
from orchestration.connections import given_broker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

log = logging.getLogger(__name__)

RINGS_EVERY_SECONDS = 60.0
FALLBACK = "*/5 * * * *"  # where no triggerer runs


class BrokerSettings(BaseModel):
    """What a bell needs to know: it has no other secret."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kafka_url: KafkaUrl = Field(alias="BRAIN_KAFKA_URL", description="URL of the broker that bars arrive by.")


class BarsBell(BaseEventTrigger):
    """Rings when topics of bars have more messages than at the last look, and once when it is hung up.

    Args:
        every_seconds: Time between two looks.
    """

    def __init__(self, every_seconds: float = RINGS_EVERY_SECONDS) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"every_seconds": self.every_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event for all messages that have come between two looks; a broker that is down rings nothing."""
        heard: int | None = None
        while True:
            try:
                found = await asyncio.to_thread(messages_there, await given_broker())
            except (BrainError, AirflowException, AirflowRuntimeError) as error:
                log.warning("no look at the topics: %s", error)
            else:
                if found != heard:
                    yield TriggerEvent({"messages": found})  # type: ignore[no-untyped-call]
                heard = found
            await asyncio.sleep(self.every_seconds)


def messages_there(given: Mapping[str, str]) -> int:
    """How many messages the topics of bars have ever had.

    Args:
        given: What an Airflow Connection says of the broker, by variable.

    Raises:
        CatalogueError: The catalogue is wrong.
        SettingsError: No broker is named.
        ServerUnreachable: The broker does not answer.
    """
    from brain.ingestion import count_messages

    bars = load_catalogue(find_catalogue(os.environ, find_home(os.environ)), USE_CASES).bars
    return 0 if bars is None else count_messages(read_settings(BrokerSettings, overrides=given).kafka_url, bars)


def when_bars_come() -> AssetOrTimeSchedule | None:
    """Rung for, and every five minutes in any case; None where the catalogue says nothing of bars."""
    try:
        bars = load_catalogue(find_catalogue(os.environ, find_home(os.environ)), USE_CASES).bars
    except BrainError as error:
        log.warning("bars are not read: %s", error)
        return None
    if bars is None:
        return None
    watcher = AssetWatcher(name="bars_bell", trigger=BarsBell())
    topics = Dataset(name="topics", uri="brain://broker/topics", group="brain", watchers=[watcher])
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable(FALLBACK, timezone="UTC"), assets=[topics])
