"""The verb `train`: for each list the methods compete, and the winner is fitted on all purchases of the window."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.learning.candidate import Candidate, DataReference, Decision, Skipped, TrainingWindow
from brain.portable.export import OnnxModel
from brain.portable.heads import Identity
from brain.usecases.recommendations.cold_start import Popularity, judged_cold_start
from brain.usecases.recommendations.competition import judged_lists, spans
from brain.usecases.recommendations.names import BUY_AGAIN, SPACE, model_key
from brain.usecases.recommendations.purchases import Purchases, presence
from brain.usecases.recommendations.recipes import EASE_ITEMS, Kitchen
from brain.usecases.shop.linked import read_linked
from brain.usecases.shop.orders import read_orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brain.core.keys import ModelKey
    from brain.learning.candidate import ChampionSummary, TrainingResult
    from brain.usecases.protocol import Run
    from brain.usecases.recommendations.catalogue import Recommendations
    from brain.usecases.recommendations.list_model import ListModel
    from brain.usecases.recommendations.recipes import Recipe
    from brain.usecases.shop.orders import Orders

log = logging.getLogger(__name__)

CHECKED = 64  # customers on whose histories the exported model is compared


def train_lists(run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
    """A result for each list, or for those of `targets`.

    Raises:
        ScoringError: No order line of the shop counts.
    """
    section: Recommendations = run.section
    orders = read_orders(run.lake, SPACE, section.shop, run.moment)
    names = [name for name in section.lists if not targets or name in targets]
    champions = run.store.champion_summaries([unit])
    found: dict[str, TrainingResult] = {}
    for name in names:
        key = model_key(unit, name)
        if not force and (reason := _still_good(champions.get(key), orders, section, run.moment.at)):
            found[name] = Skipped(key, Decision("skip", reason))
    wanted = [name for name in names if name not in found]
    found |= {str(one.key.target): one for one in _trained(run, unit, wanted, orders, champions)} if wanted else {}
    return [found[name] for name in names]


def _still_good(champion: ChampionSummary | None, orders: Orders, section: Recommendations, now: datetime) -> str:
    """Why the champion needs no training; empty if it does."""
    if champion is None or dict(champion.parameters).get("settings") != _settings(section):
        return ""
    if champion.data_sha256 == orders.snapshot.data_sha256 and champion.trained_at == now:
        return "trained on these orders for this moment"
    if champion.trained_at.astimezone(UTC) > now - timedelta(days=section.retrain_days):
        return f"trained on {champion.trained_at:%Y-%m-%d}; `retrain_days` is {section.retrain_days}"
    return ""


def _settings(section: Recommendations) -> dict[str, Any]:
    """What of the catalogue a model depends on."""
    return {
        "length": section.length,
        "max_items": section.max_items,
        "test_days": section.test_days,
        "window": section.shop.window,
        "segment_by": list(section.shop.customers.segment_by) if section.shop.customers else [],
    }


def _trained(
    run: Run, unit: str, names: Sequence[str], orders: Orders, champions: Mapping[ModelKey, ChampionSummary]
) -> Iterator[Candidate]:
    section: Recommendations = run.section
    purchases = Purchases.of(orders.lines)
    split = spans(purchases, section.test_days, section.max_items)
    verdicts = judged_lists(names, split, section.length)
    linked = read_linked(run.lake, SPACE, section.shop, run.moment)
    groups = linked.groups if linked.has_groups else None
    cold = judged_cold_start(purchases, groups, _columns(section), section)
    whole = purchases.of_items(purchases.popular(section.max_items, EASE_ITEMS))
    kitchen = Kitchen(whole, end_of(orders))
    for name in names:
        verdict = verdicts[name]
        log.info("%s %s: %s, %s", unit, name, verdict.recipe.method, verdict.why)
        is_new = model_key(unit, name) not in champions
        made = kitchen.model(verdict.recipe)
        popular = None
        if groups is not None and cold.pull is not None and name != BUY_AGAIN:
            popular = Popularity.of(whole, groups, cold.pull)
            made = replace(made, groups=popular.scores)
        names = popular.names if popular else ()
        told = {**verdict.to_json(), "cold_start": cold.why}
        yield _candidate(run, orders, kitchen, verdict.recipe, Made(model_key(unit, name), made, names, told, is_new))


def _columns(section: Recommendations) -> str:
    return " and ".join(section.shop.customers.segment_by) if section.shop.customers else ""


def end_of(orders: Orders) -> np.datetime64:
    """The time of the newest order, from which the age of purchases counts."""
    return np.datetime64(orders.newest.replace(tzinfo=None), "us")


@dataclass(frozen=True)
class Made:
    """A list's model and what is told of it.

    Args:
        groups: Names of its groups.
        is_new: Whether it is the first of its key.
    """

    key: ModelKey
    model: ListModel
    groups: tuple[str, ...]
    metrics: Mapping[str, Any]
    is_new: bool


def _candidate(run: Run, orders: Orders, kitchen: Kitchen, recipe: Recipe, made: Made) -> Candidate:
    past, groups = kitchen.past, made.groups
    history = past.decayed(recipe.half_life, kitchen.end)
    some = np.unique(np.linspace(0, len(past.customers) - 1, CHECKED).astype(np.int64))
    rows = history[some]
    expected = made.model.scores(rows, presence(rows)).astype(np.float64)
    whose = np.zeros((len(some), len(groups)))
    if made.model.groups is not None:  # each is checked on somebody, whose history does not matter to that
        place = np.arange(len(some)) % len(groups)
        whose[np.arange(len(some)), place] = 1
        expected = (expected.astype(np.float32) + made.model.groups[place]).astype(np.float64)
    first, last = (time.astype("datetime64[D]").astype(object) for time in (past.at[0], past.at[-1]))
    snapshot = orders.snapshot
    return Candidate(
        key=made.key,
        pipeline=OnnxModel(made.model.to_onnx(), expected),
        parameters={**recipe.to_json(), "groups": list(groups), "settings": _settings(run.section)},
        features=(*map(str, past.items), *(f"group {name}" for name in groups)),
        head=Identity(),
        metrics=made.metrics,
        window=TrainingWindow(first, last, None, len(past)),
        data=DataReference(snapshot.data_sha256, snapshot.watermark, snapshot.source_tables),
        decision=Decision("search", "the first one" if made.is_new else "its time had come"),
        seed=0,
        trained_at=run.moment.at,
        searched_at=run.moment.at,
        check_rows=np.hstack([rows.toarray().astype(np.float64), whose]),
        description="Takes a customer's decayed purchases of each item, and 1 for the group of one who has none, in the"
        " order of features; scores the items.",
    )
