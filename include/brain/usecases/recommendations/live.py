"""How good the shown lists turned out: what those who ordered since took of them, beside what is shown to anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import UnknownColumn, UnknownTable
from brain.usecases.recommendations.competition import MOST
from brain.usecases.recommendations.names import ANYONE
from brain.usecases.recommendations.tables import RECOMMENDATION_DETAILS, RECOMMENDATIONS
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.usecases.recommendations.histories import Histories

COLUMNS = ("taken_customers", "taken_share", "taken_share_anyone")
_DETAILS = (
    f"SELECT as_of, published_at, {', '.join(COLUMNS)} FROM {RECOMMENDATION_DETAILS.name}"  # noqa: S608 - names only
    " WHERE shop = %s AND list = %s"
)
_SHOWN = f"SELECT customer, item FROM {RECOMMENDATIONS.name} WHERE list = %s AND customer = ANY(%s)"  # noqa: S608


def taken_since(
    url: SecretStr, shop: str, name: str, histories: Histories, moment: Moment, length: int
) -> Mapping[str, Any]:
    """`COLUMNS` of one list; empty where none was shown before `moment`, or nobody who has it ordered since."""
    nothing: dict[str, Any] = dict.fromkeys(COLUMNS)
    try:
        found = ask(url, _DETAILS, [shop, name]).rows
    except (UnknownTable, UnknownColumn):  # nothing was published yet, or by an earlier release
        return nothing
    if not found or found[0][0] is None or found[0][1] > moment.at:
        return nothing
    as_of, published_at, *told = found[0]
    if published_at == moment.at:  # a rerun: the lists that were shown before are gone
        return dict(zip(COLUMNS, told, strict=True))
    taken = _bought_after(histories, np.datetime64(as_of.replace(tzinfo=None), "us"))
    rows = ask(url, _SHOWN, [name, [*taken["customer"].unique(), ANYONE]]).rows
    shown = pd.DataFrame(rows, columns=["customer", "item"])
    of_anyone = taken["item"].isin(shown["item"][shown["customer"] == ANYONE])
    has_list = taken["customer"].isin(shown["customer"])
    customers = int(taken["customer"][has_list].nunique())
    if not customers:
        return nothing
    places = customers * length
    hits = len(taken.merge(shown, on=["customer", "item"]))
    return dict(zip(COLUMNS, (customers, hits / places, int((of_anyone & has_list).sum()) / places), strict=True))


def _bought_after(histories: Histories, start: np.datetime64) -> pd.DataFrame:
    """Customer and item of what was bought after `start`, each pair once; of many customers `MOST`, evenly spread."""
    lines = np.flatnonzero(histories.at > start)
    who = np.searchsorted(histories.first, lines, side="right") - 1
    customers = np.unique(who)
    if len(customers) > MOST:
        customers = customers[np.linspace(0, len(customers) - 1, MOST).astype(np.int64)]
    asked = np.isin(who, customers)
    pairs = {"customer": histories.customers[who[asked]], "item": histories.items[histories.item[lines[asked]]]}
    return pd.DataFrame(pairs).drop_duplicates()
