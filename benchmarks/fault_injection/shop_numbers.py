"""Whether what a shop's tables show comes out again from the models and orders they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.fault_injection.state import served
from brain.core.moment import Moment
from brain.store.connection import database
from brain.usecases.recommendations.names import LISTS, SPACE, model_key
from brain.usecases.recommendations.rules import rules_of
from brain.usecases.recommendations.scoring import Shop, lists_of
from brain.usecases.segments.replay import replay_segments
from brain.usecases.shop.linked import read_linked
from brain.usecases.shop.orders import read_orders
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from benchmarks.fault_injection.findings import Findings
    from benchmarks.fault_injection.machine import World

_DETAILS = "SELECT list, model_version, data_sha256, published_at FROM recommendation_details WHERE list = '{}'"
_LISTS = "SELECT customer, rank, item, score FROM recommendations WHERE list = '{}' ORDER BY 1, 2"
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
    given = run.section.shop
    for name in LISTS:
        for _, version, data_sha256, published_at in ask(url, _DETAILS.format(name)).rows:
            moment = Moment(published_at)
            orders = read_orders(run.lake, SPACE, given, moment)
            shop = Shop.of(orders, read_linked(run.lake, SPACE, given, moment), None)
            model = run.store.load(model_key(given.name, name), version)
            items = pd.Index(model.features)
            lists, _ = lists_of(shop, name, model, rules_of(name, None, shop.linked, items), run.section.length)
            columns = shop.customers[lists.customer], lists.rank.tolist(), items[lists.item], lists.score.tolist()
            found, shown = sorted(zip(*columns, strict=True)), ask(url, _LISTS.format(name)).rows
            findings.count("numbers replayed", len(shown))
            if found != sorted(shown) or orders.snapshot.data_sha256 != data_sha256:
                findings.report("traced", f"{name} does not come out again from v{version} and {data_sha256[:12]}")
            _check_champion(world, str(model.key), version, published_at, findings)


def _check_champion(world: World, key: str, version: int, published_at: object, findings: Findings) -> None:
    pointer = database(world.settings.mongo_url)["champions"].find_one({"_id": key}) or {}
    champion = served(pointer, Moment(published_at))  # type: ignore[arg-type]
    if champion != version:
        findings.report("traced", f"{key} was published by v{version}, the champion was v{champion}")
