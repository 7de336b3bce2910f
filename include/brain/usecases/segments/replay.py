"""Published segments recomputed bit for bit from the model and the snapshot they name, or what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import BrainError, Transient, UnknownTable
from brain.core.moment import Moment
from brain.usecases.segments.names import SPACE, model_key
from brain.usecases.segments.purchases import purchases_of
from brain.usecases.segments.scoring import place
from brain.usecases.segments.tables import CUSTOMER_SEGMENTS
from brain.usecases.shop.linked import read_linked
from brain.usecases.shop.orders import read_orders
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from brain.usecases.protocol import Run

COMPARED = ("segment", "distance", "expected_purchases", "expected_spend", "alive_probability")
COLUMNS = ("customer", *COMPARED, "model_version", "data_sha256", "published_at")
NAMED = 5


@dataclass(frozen=True)
class Replay:
    """What came of recomputing what the table shows.

    Args:
        customers: How many rows it shows.
        obstacles: What is missing or changed, a sentence each; empty where every row came out with the same bits.
    """

    customers: int
    obstacles: tuple[str, ...]


def replay_segments(run: Run) -> Replay:
    """Recompute every row of `customer_segments` by the version and the orders it names.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    query = f"SELECT {', '.join(COLUMNS)} FROM {CUSTOMER_SEGMENTS.name} WHERE segment IS NOT NULL"  # noqa: S608 - names
    try:
        rows = ask(run.settings.warehouse_url, query).rows
    except UnknownTable:
        rows = []
    shown = pd.DataFrame(rows, columns=list(COLUMNS))
    parts = shown.groupby(["model_version", "data_sha256", "published_at"])
    obstacles = [told for made in parts for told in _of(run, made)]
    return Replay(len(shown), tuple(obstacles))


def _of(run: Run, made: tuple[tuple[Any, ...], pd.DataFrame]) -> Iterator[str]:
    """What is different in the rows of one model, snapshot and moment."""
    (version, data_sha256, published_at), shown = made
    try:
        found = _placed(run, int(version), published_at)
    except Transient:
        raise
    except BrainError as error:
        yield str(error)
        return
    rows, snapshot = found
    if snapshot != data_sha256:
        yield f"the orders of {published_at:%Y-%m-%d %H:%M} UTC are not those of {data_sha256[:12]}… any more"
        return
    here = rows.set_index("customer").reindex(shown["customer"])
    for name in COMPARED:
        before, now = (_numbers(column) for column in (shown[name], here[name]))
        other = before.view(np.int64) != now.view(np.int64)
        if other.any():
            named = ", ".join(map(str, shown["customer"][other][:NAMED]))
            yield f"{int(other.sum())} customers have another {name} by version {version}: {named}"


def _placed(run: Run, version: int, published_at: datetime) -> tuple[pd.DataFrame, str]:
    shop, moment = run.section.shop, Moment(published_at)
    model = run.store.load(model_key(shop.name), version)
    orders = read_orders(run.lake, SPACE, shop, moment)
    others = read_linked(run.lake, SPACE, shop, moment).customers
    return place(model, purchases_of(orders.lines), others).rows, orders.snapshot.data_sha256


def _numbers(values: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """float64, with one kind of NaN where a value is empty."""
    numbers = pd.to_numeric(values).to_numpy(np.float64)
    return np.where(np.isnan(numbers), np.nan, numbers)
