"""Whether what a shop's tables show comes out again from the models and orders they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.fault_injection.state import served
from brain.core.moment import Moment
from brain.store.connection import database
from brain.usecases.recommendations.names import LISTS, model_key
from brain.usecases.recommendations.replay import replay_list
from brain.usecases.segments.replay import replay_segments
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from benchmarks.fault_injection.findings import Findings
    from benchmarks.fault_injection.machine import World

_DETAILS = "SELECT model_version, published_at FROM recommendation_details WHERE list = '{}'"
_PLACES = "SELECT DISTINCT model_version, published_at FROM customer_segments"


def check_places(world: World, now: Moment, findings: Findings) -> None:
    """Every customer's segment comes out again, by the model that was champion then."""
    told = replay_segments(world.workspace().run("segments", now))
    findings.count("numbers replayed", told.customers)
    for obstacle in told.obstacles:
        findings.report("traced", obstacle)
    for version, published_at in ask(world.settings.warehouse_url, _PLACES).rows:
        _check_champion(world, world.play.keys[0], version, published_at, findings)


def check_lists(world: World, now: Moment, findings: Findings) -> None:
    """Every list comes out again, by the model that was champion then."""
    run, url = world.workspace().run("recommendations", now), world.settings.warehouse_url
    for name in LISTS:
        key = model_key(run.section.shop.name, name)
        told = replay_list(run, key)
        findings.count("numbers replayed", told.rows)
        for obstacle in told.obstacles:
            findings.report("traced", obstacle)
        for version, published_at in ask(url, _DETAILS.format(name)).rows:
            _check_champion(world, str(key), version, published_at, findings)


def _check_champion(world: World, key: str, version: int, published_at: object, findings: Findings) -> None:
    pointer = database(world.settings.mongo_url)["champions"].find_one({"_id": key}) or {}
    champion = served(pointer, Moment(published_at))  # type: ignore[arg-type]
    if champion != version:
        findings.report("traced", f"{key} was published by v{version}, the champion was v{champion}")
