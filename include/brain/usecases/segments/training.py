"""The verb `train` of segments: a model a shop, formed rarely, so that a segment means the same from day to day."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.learning.candidate import Candidate, DataReference, Decision, Failed, Skipped, TrainingWindow
from brain.portable.heads import Argmax
from brain.usecases.segments.features import FEATURES, ValueModels, describe, expect, fit_value
from brain.usecases.segments.graph import nearness_model
from brain.usecases.segments.grouping import Wanted, choose_groups, cluster, fit_scaling, nearest
from brain.usecases.segments.matching import matched, numbered
from brain.usecases.segments.names import KIND, SPACE, model_key
from brain.usecases.segments.naming import names_of, standings, traits_of
from brain.usecases.segments.proof import prove, rfm_groups
from brain.usecases.segments.purchases import purchases_of
from brain.usecases.shop.orders import read_orders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from brain.learning.candidate import ChampionSummary, TrainingResult
    from brain.store.stored_model import StoredModel
    from brain.usecases.protocol import Run
    from brain.usecases.segments.catalogue import SegmentsSection
    from brain.usecases.segments.grouping import Grouping, Scaling
    from brain.usecases.segments.proof import Proof
    from brain.usecases.segments.purchases import Purchases
    from brain.usecases.shop.orders import Orders

    Values = NDArray[np.float64]
    Labels = NDArray[np.int64]
    Places = Callable[[Values], Labels]

CHECK_ROWS = 500
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Formed:
    """Segments of a moment, before they have ids and names.

    Args:
        known: What is known and expected of each customer.
        labels: Place of each customer's group.
    """

    known: pd.DataFrame
    value: ValueModels
    scaling: Scaling
    grouping: Grouping
    labels: Labels

    @property
    def groups(self) -> int:
        return len(self.grouping.centers)


def train_shop(run: Run, *, force: bool) -> Sequence[TrainingResult]:
    """The shop's model: formed anew where it is due, else left as it is.

    Raises:
        ScoringError: No snapshot of the shop's orders was known, or none of its lines counts.
    """
    section: SegmentsSection = run.section
    name = section.shop.name
    key = model_key(name)
    decision = _decide(run.store.champion_summaries([name]).get(key), section, run, force=force)
    if decision.action == "skip":
        return [Skipped(key, decision)]
    orders = read_orders(run.lake, SPACE, section.shop, run.moment)
    purchases, snapshot = purchases_of(orders.lines), orders.snapshot
    customers = int(purchases.buyers.sum())
    if customers < section.min_customers:
        reason = f"{customers} customers have bought something; at least {section.min_customers} make groups"
        return [Failed(key, reason, "Wait for more customers, or lower min_customers in the catalogue.")]
    seed = _seed(snapshot.data_sha256)
    last = _last_model(run, name)
    if last is not None and last.trained_at == run.moment.at and not force:
        return [Skipped(key, Decision("skip", "another run has just formed them for this moment"))]
    formed = form(purchases, section, seed, None if last is None else partial(_places, last))
    proof = prove_by_future(purchases, section, formed.groups, seed)
    named = _named(formed, last)
    days = [EPOCH + timedelta(days=int(day)) for day in (purchases.day.min(), purchases.newest)]
    X = matrix(formed.known)
    return [
        Candidate(
            key=key,
            pipeline=nearness_model(formed.scaling, formed.grouping.centers, X[:CHECK_ROWS]),
            parameters={"classifier": KIND, **_settings(section), **named, "value": formed.value.to_json()},
            features=FEATURES,
            head=Argmax(tuple(map(float, named["ids"]))),
            metrics=_metrics(formed, proof, told_left_out(orders, purchases)),
            window=TrainingWindow(days[0], days[1], None, customers),
            data=DataReference(snapshot.data_sha256, snapshot.watermark, snapshot.source_tables),
            decision=decision,
            seed=seed,
            trained_at=run.moment.at,
            searched_at=run.moment.at,
            check_rows=X[:CHECK_ROWS],
        )
    ]


def form(purchases: Purchases, section: SegmentsSection, seed: int, before: Places | None = None) -> Formed:
    """Groups of the customers, as many as are stable.

    Args:
        before: What the model before says of features (n, features): the place of each customer's group. The groups are
            grown from those where that is no worse.
    """
    known, value, scaling, scaled = _scaled(purchases, section)
    sizes = section.min_groups, section.max_groups
    wanted = Wanted(*sizes, section.min_stability, section.smallest_share, section.bootstraps)
    grouping = choose_groups(scaled, wanted, seed, None if before is None else before(matrix(known)))
    return Formed(known, value, scaling, grouping, grouping.nearest(scaled))


def prove_by_future(purchases: Purchases, section: SegmentsSection, groups: int, seed: int) -> Proof | None:
    """What segments formed a period ago say of the spend since; None if there were too few customers then.

    The number of groups is today's, the groups, their scaling and customer values are those of what was known then.
    """
    then = purchases.newest - section.period_days
    before = purchases.until(then)
    if before.buyers.sum() < section.min_customers:
        return None
    known, _, _, scaled = _scaled(before, section)
    labels = nearest(scaled, cluster(scaled, groups, seed))
    after = purchases.day > then
    spent: Values = np.bincount(purchases.who[after], purchases.spent[after], len(purchases.customers)).astype(float)
    recency, orders, value = (known[name].to_numpy() for name in ("recency_days", "orders", "value"))
    return prove(labels, rfm_groups(recency, orders, value, groups), spent[before.buyers], seed)


def told_left_out(orders: Orders, purchases: Purchases) -> str:
    """Which lines of the orders did not count, for people; empty if all did."""
    valueless = f"{purchases.left_out} without a value" if purchases.left_out else ""
    told = ", ".join(filter(None, [orders.told(), valueless]))
    return f"lines left out of the orders: {told}" if told else ""


def _scaled(purchases: Purchases, section: SegmentsSection) -> tuple[pd.DataFrame, ValueModels, Scaling, Values]:
    known = describe(purchases)
    value = fit_value(known)
    known = expect(known, value, section.period_days)
    X = matrix(known)
    scaling = fit_scaling(X, FEATURES)
    return known, value, scaling, scaling.apply(X)


def _named(formed: Formed, last: StoredModel | None) -> dict[str, Any]:
    """Ids and names by place of a group: those of the groups of the last model that go on in it."""
    X, medians = matrix(formed.known), formed.known["orders"].to_numpy()
    stands = standings(formed.known, formed.labels, formed.groups)
    before: dict[int, dict[str, bool]] = {}
    continued: dict[int, int] = {}
    greatest = 0
    if last is not None:
        told = last.document["hyper_parameters"]
        old = last.head.apply(last.evaluator().outputs(X), None).astype(np.int64)
        continued = matched(old, formed.labels, formed.groups)
        said = dict(zip(told["ids"], told["traits"], strict=True))
        before = {place: said[key] for place, key in continued.items()}
        greatest = told["greatest_id"]
    spend = [float(np.nanmean(_worth(formed.known)[formed.labels == group])) for group in range(formed.groups)]
    ids = numbered(formed.groups, continued, sorted(range(formed.groups), key=lambda place: -spend[place]), greatest)
    traits = traits_of(stands, before)
    once = [bool(np.median(medians[formed.labels == group]) <= 1) for group in range(formed.groups)]
    return {
        "ids": list(ids),
        "names": names_of(traits, once, stands, ids),
        "traits": traits,
        "greatest_id": max(greatest, *ids),
        "continued": len(continued),
    }


def _places(model: StoredModel, X: Values) -> Labels:
    found: Labels = model.evaluator().outputs(X).argmax(axis=1).astype(np.int64)
    return found


def _worth(known: pd.DataFrame) -> Values:
    """What orders new ids: what is expected of a customer, or what she has spent where nothing can be expected."""
    expected = known["expected_spend"].to_numpy()
    return known["value"].to_numpy() if np.isnan(expected).all() else expected


def _metrics(formed: Formed, proof: Proof | None, left_out: str) -> dict[str, Any]:
    tried = {str(groups): asdict(found) for groups, found in formed.grouping.tried.items()}
    return {
        "groups": formed.groups,
        "stability": formed.grouping.stability.mean,
        "stability_error": formed.grouping.stability.error,
        "tried": tried,
        "proof": proof and proof.to_json(),
        "left_out": left_out,
    }


def _decide(champion: ChampionSummary | None, section: SegmentsSection, run: Run, *, force: bool) -> Decision:
    """Whether to form the segments anew: rarely, for a segment that changes every day is no use."""
    if force:
        return Decision("search", "forced")
    if champion is None:
        return Decision("search", "no champion")
    if champion.features != FEATURES:
        return Decision("search", "this release forms segments on other features")
    changed = [name for name, value in _settings(section).items() if champion.parameters.get(name) != value]
    if changed:
        return Decision("search", f"the catalogue has another {', '.join(changed)}")
    if champion.degraded and champion.trained_at != run.moment.at:
        return Decision("search", f"degraded: {champion.degraded}")
    age = (run.moment.at - champion.searched_at).days
    if age > section.max_age_days:
        return Decision("search", f"formed {age} days ago, more than {section.max_age_days}")
    return Decision("skip", f"formed {age} days ago; segments stay as they are for {section.max_age_days} days")


def _settings(section: SegmentsSection) -> dict[str, Any]:
    """The settings that segments are formed by."""
    names = ("min_groups", "max_groups", "min_stability", "smallest_share", "bootstraps", "period_days")
    return {"window": section.shop.window, **{name: getattr(section, name) for name in names}}


def _last_model(run: Run, name: str) -> StoredModel | None:
    """The champion by now, if it can be read and forms groups on the same features."""
    from brain.scoring.batch import champions_of
    from brain.store.champions import Champion

    for champion in champions_of(run.store, [name], run.moment, past=run.is_past):
        if isinstance(champion, Champion) and champion.model.features == FEATURES:
            return champion.model
    return None


def matrix(known: pd.DataFrame) -> Values:
    """What segments are formed on, shape (customers, features)."""
    return np.ascontiguousarray(known[list(FEATURES)].to_numpy(np.float64))


def _seed(data_sha256: str) -> int:
    return int(hashlib.sha256(data_sha256.encode()).hexdigest()[:8], 16)
