"""A published list recomputed bit for bit from the model, the orders and the rules behind it, or what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from brain.core.errors import BrainError, Transient, UnknownTable
from brain.core.moment import Moment
from brain.scoring.replay import TableReplay
from brain.usecases.recommendations.names import SPACE, items_and_groups
from brain.usecases.recommendations.rules import RULES, rules_of
from brain.usecases.recommendations.scoring import Shop, lists_of, published_rows
from brain.usecases.recommendations.tables import RECOMMENDATION_DETAILS, RECOMMENDATIONS
from brain.usecases.shop.linked import read_linked, read_table
from brain.usecases.shop.orders import read_orders
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr

    from brain.core.keys import ModelKey
    from brain.scoring.blocks import Blocks
    from brain.usecases.protocol import Run

COMPARED = ("customer", "rank", "item", "score", "reason")
MADE_OF = ("model_version", "data_sha256", "published_at", "customers")
NAMED = 5
_COUNT = f"SELECT count(*) FROM {RECOMMENDATIONS.name} WHERE list = %s"  # noqa: S608 - names only
_SHOWN = f"SELECT {', '.join(COMPARED)} FROM {RECOMMENDATIONS.name} WHERE list = %s AND customer = ANY(%s)"  # noqa: S608
_MADE_OF = f"SELECT {', '.join(MADE_OF)} FROM {RECOMMENDATION_DETAILS.name} WHERE shop = %s AND list = %s"  # noqa: S608


def replay_list(run: Run, key: ModelKey) -> TableReplay:
    """Recompute the list of a model for every customer, and compare it with what the table shows.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    url, name = run.settings.warehouse_url, key.target
    try:
        made = [dict(zip(MADE_OF, row, strict=True)) for row in ask(url, _MADE_OF, [key.entity, name]).rows]
        ((count,),) = ask(url, _COUNT, [name]).rows
    except UnknownTable:
        return TableReplay(0)
    if not made or made[0]["customers"] is None:
        return TableReplay(0)
    return TableReplay(count, tuple(_differences(run, key, made[0], count)))


def _differences(run: Run, key: ModelKey, made: Mapping[str, Any], count: int) -> Iterator[str]:
    when, sha256 = made["published_at"], made["data_sha256"]
    try:
        rows, known = _made_again(run, key, int(made["model_version"]), Moment(when))
    except Transient:
        raise
    except BrainError as error:
        yield str(error)
        return
    if known != sha256:
        yield f"the orders of {when:%Y-%m-%d %H:%M} UTC are not those of {sha256[:12]}… any more"
        return
    if len(rows) != count:
        yield f"{len(rows)} rows come out, and {count} are shown"
    other = [customer for block in rows for customer in _others(run.settings.warehouse_url, key.target, block)]
    if other:
        named = ", ".join(other[:NAMED]) + (" and others" if len(other) > NAMED else "")
        yield f"{len(other)} customers have another list by version {made['model_version']}: {named}"


def _made_again(run: Run, key: ModelKey, version: int, moment: Moment) -> tuple[Blocks, str]:
    """The rows as they come out now, and the hash of the orders."""
    section = run.section
    orders = read_orders(run.lake, SPACE, section.shop, moment)
    table = read_table(run.lake, SPACE, section.shop, RULES, moment)
    shop = Shop.of(orders, read_linked(run.lake, SPACE, section.shop, moment), table)
    model = run.store.load(key, version)
    items, _ = items_and_groups(model)
    lists, reasons = lists_of(shop, key.target, model, rules_of(key.target, table, shop.linked, items), section.length)
    return published_rows(shop, key.target, lists, reasons, items), orders.snapshot.data_sha256


def _others(url: SecretStr, name: str, block: pd.DataFrame) -> list[str]:
    """The customers of a block of whom something else is shown, to the last bit."""
    customers = block["customer"].cat.categories.tolist()
    shown = pd.DataFrame(ask(url, _SHOWN, [name, customers]).rows, columns=list(COMPARED))
    here = block[list(COMPARED)].astype({"customer": "str", "item": "str", "reason": "str"})
    both = here.merge(shown, on=["customer", "rank"], how="outer", suffixes=("", "_shown"))
    same = [both[column] == both[f"{column}_shown"] for column in ("item", "score", "reason")]
    return sorted(set(both["customer"][~(same[0] & same[1] & same[2])]))
