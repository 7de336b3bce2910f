"""The verb `score`: every customer's lists by the champions, some customers at a time, and what made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import BrainError, Transient
from brain.scoring.batch import champions_of, untrained
from brain.scoring.blocks import Blocks, together
from brain.store.champions import Champion
from brain.usecases.recommendations.competition import allowed
from brain.usecases.recommendations.histories import Histories
from brain.usecases.recommendations.list_model import ListModel
from brain.usecases.recommendations.live import taken_since
from brain.usecases.recommendations.measures import EMPTY, best
from brain.usecases.recommendations.names import ANYONE, FREQUENCY, NAME, POPULARITY, SPACE, items_and_groups, model_key
from brain.usecases.recommendations.purchases import FOREVER, Purchases
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
    from brain.scoring.blocks import Rows
    from brain.store.champions import Refused
    from brain.store.stored_model import StoredModel
    from brain.usecases.protocol import Run
    from brain.usecases.recommendations.catalogue import Recommendations
    from brain.usecases.recommendations.histories import Past
    from brain.usecases.recommendations.rules import Rules
    from brain.usecases.shop.linked import Linked
    from brain.usecases.shop.orders import Orders

CHUNK = 1_000  # customers whose scores of all items are in memory at a time
BLOCK = 20_000  # customers whose rows are


@dataclass(frozen=True)
class Shop:
    """What all lists of a run share.

    Args:
        histories: Of everyone who gets lists: who bought, who is in the table of customers, and `ANYONE`.
        rules: The table of rules; None if there is none.
    """

    histories: Histories
    linked: Linked
    rules: pd.DataFrame | None
    newest: datetime
    end: np.datetime64

    @classmethod
    def of(cls, orders: Orders, linked: Linked, rules: pd.DataFrame | None) -> Shop:
        purchases = Purchases.of(orders.lines)
        customers = purchases.customers.union(linked.customers).union(pd.Index([ANYONE], dtype="str"))
        return cls(Histories.of(purchases, customers), linked, rules, orders.newest, end_of(orders))

    @property
    def customers(self) -> pd.Index:
        """Everyone who gets lists, ascending."""
        return self.histories.customers


@dataclass(frozen=True)
class Lists:
    """One list of some customers, a line an item.

    Args:
        customers: Which they are, as places among the shop's; a list of whom it has nothing for is left out.
        customer: Places among these.
        item: Places among the model's features.
        reason: Codes of `Reasons`.
    """

    customers: slice
    customer: NDArray[np.int32]
    item: NDArray[np.int32]
    rank: NDArray[np.int16]
    score: NDArray[np.float32]
    reason: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.item)

    @property
    def reached(self) -> int:
        """Customers who have the list."""
        return int((self.rank == 1).sum())


def score_shop(run: Run, unit: str) -> dict[str, Rows]:
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
        return _tables([_failed(unit, name, error) for name in section.lists], [])
    failing = "; ".join(failing_extractions(run.settings.warehouse_url, NAME, run.moment).values()) or None
    known = champions_of(run.store, [unit], run.moment, past=run.is_past)
    champions = {one.key.target: one for one in known}
    details: list[dict[str, Any]] = []
    parts: list[Blocks] = []
    for name in section.lists:
        try:
            champion = _found(champions.get(name), unit, name, run.moment)
            row, rows = _scored(shop, orders, champion, section)
        except Transient:
            raise
        except BrainError as error:
            details.append(_failed(unit, name, error))
            continue
        if not run.is_past:
            told = unit, name, shop.histories, run.moment, section.length
            row |= taken_since(run.settings.warehouse_url, *told)
        details.append({**row, "reason": failing})
        parts.append(rows)
    return _tables(details, parts)


def lists_of(shop: Shop, name: str, model: StoredModel, rules: Rules, length: int) -> tuple[list[Lists], Reasons]:
    """The list `name` of every customer by a stored model: the same purchases and the same model give the same list.

    Returns:
        `BLOCK` customers at a time, and what the codes of their reasons mean.
    """
    items, groups = items_and_groups(model)
    half_life = float(model.document["hyper_parameters"]["half_life"])
    scorer = ListModel.from_onnx(model.content, f"{model.key} v{model.version}")
    reasons = Reasons.nobodys(scorer, groups)
    found, parts = [], []
    for past in shop.histories.pasts(items, half_life, shop.end, CHUNK):
        whose = reasons.places(shop.linked.groups(shop.customers[past.customers])) if groups else None
        reasons.count(past, whose)
        parts.append(_picked(shop, name, rules, length, past, reasons, whose))
        if past.customers.stop - parts[0].customers.start >= BLOCK:
            found.append(_joined(parts))
            parts = []
    return found + ([_joined(parts)] if parts else []), reasons


def _picked(
    shop: Shop,
    name: str,
    rules: Rules,
    length: int,
    past: Past,
    reasons: Reasons,
    whose: NDArray[np.intp] | None,
) -> Lists:
    """Args: whose: The group of each customer, -1 for none."""
    scores = reasons.model.scores(past.history, past.seen)
    cold = None
    if whose is not None and reasons.model.groups is not None:
        cold = np.where(np.diff(past.counts.indptr) == 0, whose, -1)
        scores[cold >= 0] += reasons.model.groups[cold[cold >= 0]]
    may = allowed(name, past.counts)
    if may is not None:
        scores[~may] = -np.inf
    customers = shop.customers[past.customers]
    has = past.counts.toarray() > 0 if rules.ask_owned else None
    rules.hide(scores, customers, shop.linked.ages(customers) if shop.linked.has_ages else None, has)
    places = best(scores, length)
    row, rank = np.nonzero(places != EMPTY)
    item = places[row, rank]
    score = scores[row, item]
    told = reasons.codes(past, row, item, score, None if cold is None else cold[row])
    return Lists(past.customers, row.astype(np.int32), item, (rank + 1).astype(np.int16), score, told)


def _joined(parts: Sequence[Lists]) -> Lists:
    """The lists of customers who follow one another."""
    start = parts[0].customers.start
    customer = [part.customer + np.int32(part.customers.start - start) for part in parts]
    columns = [[getattr(part, name) for part in parts] for name in ("item", "rank", "score", "reason")]
    return Lists(slice(start, parts[-1].customers.stop), *map(np.concatenate, (customer, *columns)))


def published_rows(shop: Shop, name: str, lists: Sequence[Lists], reasons: Reasons, items: pd.Index) -> Blocks:
    """The lists as rows of the published table; each block is made when it is asked for."""
    names = shop.linked.names(items)

    def made(one: Lists) -> pd.DataFrame:
        return _frame(one, name, reasons.words(one.reason, names, shop.newest), shop, items)

    return Blocks(tuple(partial(made, one) for one in lists), sum(map(len, lists)))


def _frame(lists: Lists, name: str, words: pd.Categorical, shop: Shop, items: pd.Index) -> pd.DataFrame:
    one = pd.Index([name], dtype="str")
    return pd.DataFrame(
        {
            "customer": pd.Categorical.from_codes(lists.customer, categories=shop.customers[lists.customers]),
            "list": pd.Categorical.from_codes(np.zeros(len(lists), np.int8), categories=one),
            "rank": lists.rank,
            "item": pd.Categorical.from_codes(lists.item, categories=items),
            "score": lists.score.astype(np.float64),
            "reason": words,
            "as_of": pd.Series(shop.newest, index=range(len(lists)), dtype="datetime64[us, UTC]"),
        }
    )


def _found(found: Champion | Refused | None, unit: str, name: str, moment: Moment) -> Champion:
    if found is None:
        raise untrained(model_key(unit, name), moment)
    if not isinstance(found, Champion):
        raise found.error
    return found


def _scored(shop: Shop, orders: Orders, champion: Champion, section: Recommendations) -> tuple[dict[str, Any], Blocks]:
    model, name = champion.model, champion.key.target
    items, _ = items_and_groups(model)
    rules = rules_of(name, shop.rules, shop.linked, items)
    lists, reasons = lists_of(shop, name, model, rules, section.length)
    rows = published_rows(shop, name, lists, reasons, items)
    unknown = int((~shop.histories.bought_items().isin(items)).sum())
    measures = dict(model.document.get("metrics") or {})
    return {
        "shop": champion.key.entity,
        "list": name,
        "as_of": orders.newest,
        "customers": sum(one.reached for one in lists),
        "items": len(items),
        **_proof(measures),
        "half_life_days": _days(float(model.document["hyper_parameters"]["half_life"])),
        "items_unknown": unknown if len(items) < section.max_items else 0,
        "left_out": orders.told() or None,
        "rules_ignored": "; ".join(f"{rule}: {why}" for rule, why in rules.ignored.items()) or None,
        "model_version": model.version,
        "data_sha256": orders.snapshot.data_sha256,
    }, rows


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
    told["cold_start"] = measures.get("cold_start")
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


def _tables(details: Sequence[Mapping[str, Any]], lists: Sequence[Blocks]) -> dict[str, Rows]:
    told = pd.DataFrame(list(details), columns=list(RECOMMENDATION_DETAILS.row_names))
    nobody = pd.DataFrame(columns=list(RECOMMENDATIONS.row_names))
    return {RECOMMENDATION_DETAILS.name: told, RECOMMENDATIONS.name: together(lists) if lists else nobody}
