"""The verb `score`: every customer's lists by the champions, some customers at a time, and what made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import BrainError, Transient
from brain.scoring.batch import champions_of, untrained
from brain.store.champions import Champion
from brain.usecases.recommendations.competition import allowed
from brain.usecases.recommendations.list_model import ListModel
from brain.usecases.recommendations.measures import EMPTY, best
from brain.usecases.recommendations.names import ANYONE, FREQUENCY, NAME, POPULARITY, SPACE, model_key
from brain.usecases.recommendations.purchases import FOREVER, Purchases, presence
from brain.usecases.recommendations.reasons import Reasons
from brain.usecases.recommendations.rules import RULES, rules_of
from brain.usecases.recommendations.tables import RECOMMENDATION_DETAILS, RECOMMENDATIONS
from brain.usecases.recommendations.training import end_of
from brain.usecases.shop.linked import read_linked, read_table
from brain.usecases.shop.orders import read_orders
from brain.warehouse.extraction_runs import failing_extractions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from brain.core.moment import Moment
    from brain.store.champions import Refused
    from brain.store.stored_model import StoredModel
    from brain.usecases.protocol import Run
    from brain.usecases.recommendations.catalogue import Recommendations
    from brain.usecases.recommendations.rules import Rules
    from brain.usecases.shop.linked import Linked
    from brain.usecases.shop.orders import Orders

CHUNK = 1_000  # customers whose scores of all items are in memory at a time


@dataclass(frozen=True)
class Shop:
    """What all lists of a run share.

    Args:
        customers: Everyone who gets lists, ascending: who bought, who is in the table of customers, and `ANYONE`.
        rules: The table of rules; None if there is none.
    """

    purchases: Purchases
    customers: pd.Index
    linked: Linked
    rules: pd.DataFrame | None
    newest: datetime
    end: np.datetime64

    @classmethod
    def of(cls, orders: Orders, linked: Linked, rules: pd.DataFrame | None) -> Shop:
        purchases = Purchases.of(orders.lines)
        customers = purchases.customers.union(linked.customers).union(pd.Index([ANYONE], dtype="str"))
        places = customers.get_indexer(purchases.customers).astype(np.int32)
        everyone = Purchases(customers, purchases.items, places[purchases.customer], purchases.item, purchases.at)
        return cls(everyone, customers, linked, rules, orders.newest, end_of(orders))


@dataclass(frozen=True)
class Lists:
    """One list of every customer who has it, a line an item.

    Args:
        customer, item: Places among the shop's customers and the model's features.
        reason: Codes of `Reasons`.
    """

    customer: NDArray[np.int32]
    item: NDArray[np.int32]
    rank: NDArray[np.int16]
    score: NDArray[np.float32]
    reason: NDArray[np.int64]


def score_shop(run: Run, unit: str) -> dict[str, pd.DataFrame]:
    """The rows of both tables; a list that cannot be made has its reason, and the others go on.

    Raises:
        Transient: A server or the lake cannot be reached.
    """
    section: Recommendations = run.section
    try:
        orders = read_orders(run.lake, SPACE, section.shop, run.moment)
        linked = read_linked(run.lake, SPACE, section.shop, run.moment)
        shop = Shop.of(orders, linked, read_table(run.lake, SPACE, section.shop, RULES, run.moment))
    except Transient:
        raise
    except BrainError as error:
        return _frames([_failed(unit, name, error) for name in section.lists], [])
    failing = "; ".join(failing_extractions(run.settings.warehouse_url, NAME, run.moment).values()) or None
    known = champions_of(run.store, [unit], run.moment, past=run.is_past)
    champions = {one.key.target: one for one in known}
    details, frames = [], []
    for name in section.lists:
        try:
            champion = _found(champions.get(name), unit, name, run.moment)
            row, frame = _scored(shop, orders, champion, section)
        except Transient:
            raise
        except BrainError as error:
            details.append(_failed(unit, name, error))
            continue
        details.append({**row, "reason": failing})
        frames.append(frame)
    return _frames(details, frames)


def lists_of(shop: Shop, name: str, model: StoredModel, rules: Rules, length: int) -> tuple[Lists, Reasons]:
    """The list `name` of every customer by a stored model: the same purchases and the same model give the same list."""
    items = pd.Index(model.features, dtype="str")
    bought = shop.purchases.of_items(items)
    half_life = float(model.document["hyper_parameters"]["half_life"])
    history = bought.decayed(half_life, shop.end)
    owned = history if half_life >= FOREVER else bought.decayed(FOREVER, shop.end)
    scorer = ListModel.from_onnx(model.content, f"{model.key} v{model.version}")
    reasons = Reasons.of(bought, owned, scorer)
    ages = shop.linked.ages(shop.customers) if shop.linked.has_ages else None
    parts = []
    for start in range(0, len(shop.customers), CHUNK):
        rows = slice(start, start + CHUNK)
        seen = presence(history[rows])
        scores = scorer.scores(history[rows], seen)
        may = allowed(name, owned[rows])
        if may is not None:
            scores[~may] = -np.inf
        has = owned[rows].toarray() > 0 if rules.ask_owned else None
        rules.hide(scores, shop.customers[rows], None if ages is None else ages[rows], has)
        places = best(scores, length)
        row, rank = np.nonzero(places != EMPTY)
        item = places[row, rank]
        told = reasons.codes(history[rows], seen, start, row, item, scores[row, item])
        found = (row + start).astype(np.int32), item, (rank + 1).astype(np.int16), scores[row, item], told
        parts.append(found)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Lists(*columns), reasons


def _found(found: Champion | Refused | None, unit: str, name: str, moment: Moment) -> Champion:
    if found is None:
        raise untrained(model_key(unit, name), moment)
    if not isinstance(found, Champion):
        raise found.error
    return found


def _scored(
    shop: Shop, orders: Orders, champion: Champion, section: Recommendations
) -> tuple[dict[str, Any], pd.DataFrame]:
    model, name = champion.model, champion.key.target
    items = pd.Index(model.features, dtype="str")
    rules = rules_of(name, shop.rules, shop.linked, items)
    lists, reasons = lists_of(shop, name, model, rules, section.length)
    words = reasons.words(lists.reason, shop.linked.names(items), shop.newest)
    frame = pd.DataFrame(
        {
            "customer": pd.Categorical.from_codes(lists.customer, categories=shop.customers),
            "list": pd.Categorical.from_codes(
                np.zeros(len(lists.item), np.int8), categories=pd.Index([name], dtype="str")
            ),
            "rank": lists.rank,
            "item": pd.Categorical.from_codes(lists.item, categories=items),
            "score": lists.score.astype(np.float64),
            "reason": words,
            "as_of": orders.newest,
        }
    )
    known = set(model.features)
    taken = np.unique(shop.purchases.item)
    unknown = sum(item not in known for item in shop.purchases.items[taken])
    measures = dict(model.document.get("metrics") or {})
    return {
        "shop": champion.key.entity,
        "list": name,
        "as_of": orders.newest,
        "customers": int((lists.rank == 1).sum()),
        "items": len(items),
        **_proof(measures),
        "half_life_days": _days(float(model.document["hyper_parameters"]["half_life"])),
        "items_unknown": unknown if len(items) < section.max_items else 0,
        "left_out": orders.told() or None,
        "rules_ignored": "; ".join(f"{rule}: {why}" for rule, why in rules.ignored.items()) or None,
        "model_version": model.version,
        "data_sha256": orders.snapshot.data_sha256,
    }, frame


def _proof(measures: Mapping[str, Any]) -> dict[str, Any]:
    """What the model's document says of the competition."""
    methods: Mapping[str, Mapping[str, float]] = measures.get("methods") or {}
    method, gain, tested = measures.get("method"), measures.get("gain"), measures.get("tested")
    told: dict[str, Any] = {
        "method": method,
        "has_skill": measures.get("has_skill_over_simple"),
        "why": measures.get("why"),
    }
    for measure in ("ndcg", "precision"):
        for suffix, of in (("", method), ("_popularity", POPULARITY), ("_own_frequency", FREQUENCY)):
            told[f"{measure}{suffix}"] = methods.get(str(of), {}).get(measure)
    told["gain_low"], told["gain_high"] = gain or (None, None)
    told["tested_customers"] = measures.get("customers") if methods else None
    first, last = tested or (None, None)
    return {**told, "tested_from": _time(first), "tested_until": _time(last)}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def _days(half_life: float) -> float | None:
    return None if half_life >= FOREVER else half_life


def _failed(unit: str, name: str, error: BrainError) -> dict[str, Any]:
    return {"shop": unit, "list": name, "reason": str(error)}


def _frames(details: Sequence[Mapping[str, Any]], lists: Sequence[pd.DataFrame]) -> dict[str, pd.DataFrame]:
    told = pd.DataFrame(list(details), columns=list(RECOMMENDATION_DETAILS.row_names))
    rows = _together(lists) if lists else pd.DataFrame(columns=list(RECOMMENDATIONS.row_names))
    return {RECOMMENDATION_DETAILS.name: told, RECOMMENDATIONS.name: rows}


def _together(lists: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of all lists, its texts still categories."""
    from pandas.api.types import union_categoricals

    columns: dict[str, Any] = {}
    for name in lists[0].columns:
        parts = [frame[name] for frame in lists]
        is_text = isinstance(parts[0].dtype, pd.CategoricalDtype)
        columns[name] = union_categoricals(parts) if is_text else pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns)
