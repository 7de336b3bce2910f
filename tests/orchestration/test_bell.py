"""The bell of bars rings once for many messages, and not where there is nothing new."""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import TYPE_CHECKING

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

from orchestration import bell
from tests.bars.conftest import bar, broker, feed  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.bars.conftest import Feed

EVERY = 0.05


async def rung(feed: Feed) -> list[int]:  # noqa: F811
    """What each ring says, while messages come in three portions."""
    heard: list[int] = []

    async def listen() -> None:
        async for event in bell.BarsBell(EVERY).run():
            heard.append(event.payload["messages"])  # noqa: PERF401 - others look at it meanwhile

    listening = asyncio.create_task(listen())
    for expected in (0, 100, 130):
        if expected:
            feed.send("A", *(bar(minute) for minute in range(expected - heard[-1])))
        async with asyncio.timeout(30):
            while expected not in heard:
                await asyncio.sleep(EVERY)
        await asyncio.sleep(5 * EVERY)  # some more looks, at nothing new
    listening.cancel()
    return heard


def test_a_bell_rings_for_what_is_new_only(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(f"bars: {{topic: '{feed.bars.topic}'}}")
    assert feed.settings.kafka_url is not None
    given = {"BRAIN_KAFKA_URL": feed.settings.kafka_url.get_secret_value(), "BRAIN_CATALOGUE": str(catalogue)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    feed.make("A")
    heard = asyncio.run(rung(feed))
    assert heard[0] == 0, "what came while nobody listened"
    assert heard[-1] == 130
    assert len(heard) <= 5, "a look may fall into the middle of a portion; no message has a ring of its own"


def test_a_bell_is_told_from_another_by_its_time_alone() -> None:
    one, other = bell.BarsBell(60.0), bell.BarsBell(60.0)
    assert one.serialize() == other.serialize()
    path, told = one.serialize()
    assert path == "orchestration.bell.BarsBell"
    assert bell.BarsBell(**told).every_seconds == 60.0
