"""The verb `train`: for each list the methods compete, and the winner is fitted on all purchases of the window."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.learning.candidate import Candidate, DataReference, Decision, Skipped, TrainingWindow
from brain.portable.export import OnnxModel
from brain.portable.heads import Identity
from brain.usecases.recommendations.competition import judged_lists, spans
from brain.usecases.recommendations.names import SPACE, model_key
from brain.usecases.recommendations.purchases import Purchases, presence
from brain.usecases.recommendations.recipes import EASE_ITEMS, Kitchen
from brain.usecases.shop.orders import read_orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brain.core.keys import ModelKey
    from brain.learning.candidate import ChampionSummary, TrainingResult
    from brain.usecases.protocol import Run
    from brain.usecases.recommendations.catalogue import Recommendations
    from brain.usecases.recommendations.competition import Verdict
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
    }


def _trained(
    run: Run, unit: str, names: Sequence[str], orders: Orders, champions: Mapping[ModelKey, ChampionSummary]
) -> Iterator[Candidate]:
    section: Recommendations = run.section
    purchases = Purchases.of(orders.lines)
    split = spans(purchases, section.test_days, section.max_items)
    verdicts = judged_lists(names, split, section.length)
    whole = purchases.of_items(purchases.popular(section.max_items, EASE_ITEMS))
    kitchen = Kitchen(whole, end_of(orders))
    for name in names:
        verdict = verdicts[name]
        log.info("%s %s: %s, %s", unit, name, verdict.recipe.method, verdict.why)
        is_new = model_key(unit, name) not in champions
        yield _candidate(run, unit, name, orders, kitchen, verdict, is_new=is_new)


def end_of(orders: Orders) -> np.datetime64:
    """The time of the newest order, from which the age of purchases counts."""
    return np.datetime64(orders.newest.replace(tzinfo=None), "us")


def _candidate(
    run: Run, unit: str, name: str, orders: Orders, kitchen: Kitchen, verdict: Verdict, *, is_new: bool
) -> Candidate:
    section: Recommendations = run.section
    model, past = kitchen.model(verdict.recipe), kitchen.past
    history = past.decayed(verdict.recipe.half_life, kitchen.end)
    some = np.unique(np.linspace(0, len(past.customers) - 1, CHECKED).astype(np.int64))
    rows = history[some]
    expected = model.scores(rows, presence(rows)).astype(np.float64)
    first, last = (time.astype("datetime64[D]").astype(object) for time in (past.at[0], past.at[-1]))
    snapshot = orders.snapshot
    return Candidate(
        key=model_key(unit, name),
        pipeline=OnnxModel(model.to_onnx(), expected),
        parameters={**verdict.recipe.to_json(), "settings": _settings(section)},
        features=tuple(map(str, past.items)),
        head=Identity(),
        metrics=verdict.to_json(),
        window=TrainingWindow(first, last, None, len(past)),
        data=DataReference(snapshot.data_sha256, snapshot.watermark, snapshot.source_tables),
        decision=Decision("search", "the first one" if is_new else "its time had come"),
        seed=0,
        trained_at=run.moment.at,
        searched_at=run.moment.at,
        check_rows=rows.toarray().astype(np.float64),
        description="Takes a customer's decayed purchases of each item and scores the items, in the order of features.",
    )
