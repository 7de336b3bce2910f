"""The verb `score` of segments: a row a customer and a row a segment, by the model that there is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import BrainError, Transient, UnforeseenError
from brain.scoring.batch import champions_of, untrained
from brain.store.champions import Refused
from brain.usecases.segments.features import ValueModels, describe, expect
from brain.usecases.segments.names import NO_GROUP, NO_GROUP_NAME, SPACE, model_key
from brain.usecases.segments.previous import Previous, read_previous
from brain.usecases.segments.profiles import profiles_of
from brain.usecases.segments.purchases import purchases_of
from brain.usecases.segments.tables import CUSTOMER_SEGMENTS, SEGMENT_PROFILES
from brain.usecases.segments.training import EPOCH, told_left_out
from brain.usecases.shop.inputs import CUSTOMERS, linked_name
from brain.usecases.shop.linked import read_linked
from brain.usecases.shop.orders import read_orders
from brain.warehouse.extraction_runs import failing_extractions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brain.core.moment import Moment
    from brain.store.champions import Champion
    from brain.store.models import ModelStore
    from brain.store.stored_model import StoredModel
    from brain.usecases.protocol import Run
    from brain.usecases.segments.catalogue import SegmentsSection
    from brain.usecases.segments.purchases import Purchases

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placed:
    """The customers of a shop in their segments, at the moment of its newest order.

    Args:
        rows: A row a customer: customer, segment, name, distance and what is known and expected of her.
    """

    rows: pd.DataFrame
    as_of: date


def score_shop(run: Run) -> dict[str, pd.DataFrame]:
    """The rows of both tables; where they cannot be computed, those last published with the reason.

    Raises:
        Transient: A server or the lake cannot be reached: nothing is known about any row, so try again.
    """
    section: SegmentsSection = run.section
    name = section.shop.name
    previous = read_previous(run.settings.warehouse_url, run.moment)
    try:
        return _scored(run, section, previous)
    except Transient:
        raise
    except Exception as error:  # whatever it is, the last good rows stay, and say why
        log.exception("placing the customers of %s", name)
        known = error if isinstance(error, BrainError) else UnforeseenError.during("scoring", name, error)
        failing = failing_extractions(run.settings.warehouse_url, run.use_case.name, run.moment)
        reason = failing.get(name) or str(known)
        return {
            CUSTOMER_SEGMENTS.name: _kept({"customer": previous.customers}, CUSTOMER_SEGMENTS.row_names, name, reason),
            SEGMENT_PROFILES.name: _kept(
                {"segment": previous.segments or [NO_GROUP]}, SEGMENT_PROFILES.row_names, name, reason
            ),
        }


def place(model: StoredModel, purchases: Purchases, others: Iterable[str]) -> Placed:
    """The customers in their segments.

    Args:
        others: Customers whom the shop knows from elsewhere; those who never bought get the segment `NO_GROUP`.
    """
    told = model.document["hyper_parameters"]
    known = expect(describe(purchases), ValueModels.from_json(told["value"]), told["period_days"])
    outputs = model.evaluator().outputs(np.ascontiguousarray(known[list(model.features)].to_numpy(np.float64)))
    names = dict(zip(told["ids"], told["names"], strict=True))
    segment = model.head.apply(outputs, None).astype(np.int64)
    rows = known.assign(
        segment=segment,
        name=[names[number] for number in segment],
        distance=-outputs.max(axis=1),
        last_purchase=[EPOCH + timedelta(days=int(purchases.newest - days)) for days in known["recency_days"]],
        period_days=told["period_days"],
    )
    without = sorted({*purchases.customers[~purchases.buyers], *others}.difference(rows.index))
    nobody = pd.DataFrame({"segment": NO_GROUP, "name": NO_GROUP_NAME, "orders": 0.0, "value": 0.0}, index=without)
    together = pd.concat([rows, nobody]) if len(nobody) else rows
    return Placed(together.rename_axis("customer").reset_index(), EPOCH + timedelta(days=purchases.newest))


def _scored(run: Run, section: SegmentsSection, previous: Previous) -> dict[str, pd.DataFrame]:
    shop = section.shop
    champion = _champion(run.store, shop.name, run.moment, past=run.is_past)
    orders = read_orders(run.lake, SPACE, shop, run.moment)
    purchases = purchases_of(orders.lines)
    placed = place(champion.model, purchases, read_linked(run.lake, SPACE, shop, run.moment).customers)
    rows = previous.compared(placed.rows, placed.as_of)
    failing = failing_extractions(run.settings.warehouse_url, run.use_case.name, run.moment)
    shared = {
        "shop": shop.name,
        "as_of": placed.as_of,
        "model_version": champion.model.version,
        "data_sha256": orders.snapshot.data_sha256,
        "reason": failing.get(shop.name) or failing.get(linked_name(shop, CUSTOMERS)),
    }
    profiles = profiles_of(rows, champion.model, told_left_out(orders, purchases))
    if not previous.is_known:  # who came and went since the publication before, nobody can tell any more
        profiles = profiles.assign(moved_in=None, moved_out=None, newcomers=None)
    trained = {"trained_at": champion.model.trained_at}
    return {
        CUSTOMER_SEGMENTS.name: _declared(rows, shared, CUSTOMER_SEGMENTS.row_names),
        SEGMENT_PROFILES.name: _declared(profiles, {**shared, **trained}, SEGMENT_PROFILES.row_names),
    }


def _champion(store: ModelStore, name: str, moment: Moment, *, past: bool) -> Champion:
    """The model to place customers with.

    Raises:
        BrainError: There is none, or it is refused.
    """
    for champion in champions_of(store, [name], moment, past=past):
        if champion.key == model_key(name):
            if isinstance(champion, Refused):
                raise champion.error
            return champion
    raise untrained(model_key(name), moment)


def _declared(rows: pd.DataFrame, shared: Mapping[str, Any], names: tuple[str, ...]) -> pd.DataFrame:
    return rows.assign(**shared).reindex(columns=list(names))


def _kept(keys: Mapping[str, Any], names: tuple[str, ...], shop: str, reason: str) -> pd.DataFrame:
    """Rows without a value: the publisher keeps what was last published of them, marked stale."""
    rows = pd.DataFrame(keys).assign(shop=shop, reason=reason)
    return rows.reindex(columns=list(names))
